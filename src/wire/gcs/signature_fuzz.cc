// Signed requests: the first line is the target, the others are headers. Nobody's keys are known,
// so no signature may ever verify; with unknown keys let through, the form alone decides.
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/meta/meta_store.h"
#include "wire/gcs/signature.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::wire::gcs;  // NOLINT
  static const std::unique_ptr<hodei::store::MetaStore> store = hodei::store::MakeMemoryMetaStore();
  static const hodei::access::SignatureKeys keys(store.get());
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = [&text] {
    const size_t end = text.find('\n');
    const std::string_view taken = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    return std::string(taken);
  };
  hodei::net::RequestHead head;
  head.method = "GET";
  head.host = "bucket.localhost:80";
  head.target = line();
  if (head.target.empty() || head.target[0] != '/') head.target.insert(0, "/");
  while (!text.empty()) {
    const std::string header = line();
    const size_t colon = header.find(':');
    if (colon != std::string::npos) {
      head.headers.Add(header.substr(0, colon), header.substr(colon + 1));
    }
  }
  Request request;
  if (!ParseRequest(head, {}, &request).ok() || !HasSignature(request)) return 0;
  const hodei::WallTime now{1'700'000'000'000'000'000};
  if (VerifySignature(request, {.keys = &keys, .now = now}).ok()) std::abort();
  (void)VerifySignature(request, {.keys = &keys, .now = now, .unknown_keys_pass = true});
  return 0;
}
