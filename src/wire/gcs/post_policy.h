// The policy document of a form upload: who may put what where, until when. Pure functions.
// Source: https://cloud.google.com/storage/docs/authentication/signatures#policy-document.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace hodei::wire::gcs {

// Names in lower case, values as sent.
using FormFields = std::map<std::string, std::string>;

struct PolicyCondition {
  enum class Kind { kEqual, kStartsWith } kind = Kind::kEqual;
  std::string field;  // lower case, without '$'
  std::string value;
};

struct PostPolicy {
  WallTime expiration;
  std::vector<PolicyCondition> conditions;
  uint64_t size_min = 0;
  uint64_t size_max = UINT64_MAX;
};

inline constexpr size_t kPolicyBytesLimit = 20'000;
inline constexpr size_t kPolicyConditionLimit = 200;

// From the document's JSON. INVALID_ARGUMENT "malformedPolicy".
Result<PostPolicy> ParsePostPolicy(std::string_view json);

// INVALID_ARGUMENT "expiredToken" when its time has passed; PERMISSION_DENIED naming the condition
// that does not hold, or the field that no condition allows. `bucket` stands for the field of that
// name. The file's size is the caller's to check.
Status CheckPostPolicy(const PostPolicy& policy, const FormFields& fields, std::string_view bucket,
                       WallTime now);

}  // namespace hodei::wire::gcs
