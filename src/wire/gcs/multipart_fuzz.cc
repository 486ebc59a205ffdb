// Multipart bodies from strangers: however they are cut into pieces, the parts are the same.
// Input: one byte of piece size, then the body. The boundary is "B".
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/gcs/batch.h"
#include "wire/gcs/multipart.h"

namespace hodei::wire::gcs {
namespace {

class Recorder : public MultipartSink {
 public:
  Status BeginPart(const PartHeaders& headers) override {
    record += "[";
    for (const auto& [name, value] : headers.fields) record += name + ":" + value + ";";
    record += "]";
    return OkStatus();
  }
  Status PartBytes(std::string_view bytes) override {
    record += bytes;
    return OkStatus();
  }
  Status EndPart() override {
    record += "<end>";
    return OkStatus();
  }
  std::string record;
};

// The parts, and whether the body was accepted.
bool Read(std::string_view body, size_t piece, std::string* record) {
  Recorder recorder;
  MultipartReader reader("B", &recorder);
  bool ok = true;
  for (size_t at = 0; ok && at < body.size(); at += piece) {
    ok = reader.Feed(body.substr(at, piece)).ok();
  }
  ok = ok && reader.Finish().ok();
  *record = recorder.record;
  return ok;
}

}  // namespace
}  // namespace hodei::wire::gcs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::wire::gcs;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)ParseBoundary(body);
  (void)ParseBatchedRequest(body);
  std::string whole;
  std::string pieces;
  const bool whole_ok = Read(body, body.size() + 1, &whole);
  const bool pieces_ok = Read(body, data[0] % 16 + 1, &pieces);
  // A refused body may have given any part of its bytes before it was refused.
  if (whole_ok != pieces_ok || (whole_ok && whole != pieces)) std::abort();
  return 0;
}
