// Method, target and JSON body from strangers: routing, queries, field lists, resources.
// Input: a line with the method, a line with the target, then the body.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "wire/gcs/bucket_resource.h"
#include "wire/gcs/request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei;
  using namespace hodei::wire::gcs;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t method_end = std::min(text.find('\n'), text.size());
  net::RequestHead head;
  head.method = std::string(text.substr(0, method_end));
  text.remove_prefix(std::min(method_end + 1, text.size()));
  const size_t target_end = std::min(text.find('\n'), text.size());
  head.target = "/" + std::string(text.substr(0, target_end));
  text.remove_prefix(std::min(target_end + 1, text.size()));
  Request request;
  if (ParseRequest(head, {}, &request).ok()) {
    (void)request.Preconditions();
    (void)request.SourcePreconditions();
    (void)request.Generation();
    // The store's own roots never fall through to a bucket of that name.
    if (IsStorageRoot(request.path) && request.route.call >= Call::kXmlService) std::abort();
  }
  const Result<Json> json = ParseJsonObject(text);
  if (!json.ok()) return 0;
  store::ExpectedContent expected;
  (void)ReadExpected(*json, &expected);
  std::string out;
  google::storage::v1::Object object;
  if (ReadObject(*json, /*merge=*/true, &object).ok()) {
    PrintObject(object, request.Context(true), request.fields, &out);
    // What we print is JSON again.
    if (!ParseJsonObject(out).ok()) std::abort();
  }
  google::storage::v1::Bucket bucket;
  out.clear();
  if (ReadBucket(*json, /*merge=*/true, &bucket).ok()) {
    PrintBucket(bucket, request.Context(true), request.fields, &out);
    if (!ParseJsonObject(out).ok()) std::abort();
  }
  return 0;
}
