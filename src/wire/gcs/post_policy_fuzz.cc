// Policy documents of form uploads: any text is parsed or refused, and a policy without a condition
// lets no field through.
#include <cstdlib>
#include <string_view>

#include "wire/gcs/post_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::wire::gcs;  // NOLINT
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const hodei::Result<PostPolicy> policy = ParsePostPolicy(text);
  if (!policy.ok()) return 0;
  if (policy->size_min > policy->size_max && policy->conditions.empty()) return 0;
  const FormFields fields = {{"key", "a"}, {"x-goog-meta-k", std::string(text.substr(0, 16))}};
  const bool passed = CheckPostPolicy(*policy, fields, "bucket", {0}).ok();
  if (passed && policy->conditions.empty()) std::abort();
  return 0;
}
