// One part of a batch: parsed or refused; what is parsed has a target that begins with '/'.
#include <cstdlib>
#include <string_view>

#include "wire/gcs/batch.h"
#include "wire/gcs/request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::wire::gcs;  // NOLINT
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const hodei::Result<BatchedRequest> batched = ParseBatchedRequest(text);
  if (!batched.ok()) return 0;
  if (batched->head.target.empty() || batched->head.target[0] != '/') std::abort();
  if (batched->body.size() > size) std::abort();
  Request request;
  (void)ParseRequest(batched->head, {}, &request);
  return 0;
}
