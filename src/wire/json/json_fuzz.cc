// ParseJson() on arbitrary bytes: nothing crashes, and what was accepted survives being printed and
// read again.
#include <google/protobuf/struct.pb.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "google/cloud/ml/v1/job.pb.h"
#include "google/cloud/ml/v1/operation.pb.h"
#include "wire/json/parse_json.h"
#include "wire/json/print_json.h"

namespace {

template <typename Message>
void RoundTrip(std::string_view text) {
  Message message;
  if (!hodei::wire::ParseJson(text, &message).ok()) return;
  const std::string printed = hodei::wire::PrintJson(message);
  Message again;
  if (!hodei::wire::ParseJson(printed, &again).ok()) std::abort();
  if (hodei::wire::PrintJson(again, {.pretty = true}) !=
      hodei::wire::PrintJson(message, {.pretty = true})) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  RoundTrip<google::cloud::ml::v1::Job>(text);
  RoundTrip<google::longrunning::Operation>(text);
  RoundTrip<google::protobuf::Struct>(text);
  return 0;
}
