// Lifecycle rules of a bucket: what they say, and what they ask for an object. Pure: the snapshot
// is what the store lists, the answer is an action for each generation.
// Source: https://cloud.google.com/storage/docs/lifecycle
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "google/storage/v1/storage.pb.h"

namespace hodei::objects {

// All that are present must hold; of a list, one.
struct LifecycleCondition {
  std::optional<int64_t> age_days;
  std::optional<WallTime> created_before;
  std::optional<bool> is_live;
  std::optional<int64_t> newer_versions;
  std::optional<int64_t> days_since_noncurrent;
  std::optional<WallTime> noncurrent_before;
  std::optional<int64_t> days_since_custom_time;
  std::optional<WallTime> custom_time_before;
  std::vector<std::string> prefixes;
  std::vector<std::string> suffixes;
  std::vector<std::string> storage_classes;
};

struct LifecycleRule {
  enum class Action { kDelete, kSetStorageClass, kAbortIncompleteMultipartUpload };
  Action action = Action::kDelete;
  std::string storage_class;  // for kSetStorageClass
  LifecycleCondition condition;
};

inline constexpr size_t kLifecycleRuleLimit = 100;

// The rules of a bucket's `lifecycle` setting ({"rule": [{"action": …, "condition": …}]}), as JSON.
// INVALID_ARGUMENT says which rule is wrong.
Result<std::vector<LifecycleRule>> ParseLifecycle(const google::protobuf::Value& lifecycle);

struct LifecycleAction {
  enum class Kind { kNone, kDelete, kSetStorageClass };
  Kind kind = Kind::kNone;
  std::string storage_class;
};

// One action per generation. `generations` are all of one name, oldest first; those with a
// time_deleted are noncurrent. Deletion goes before a new class, the coldest class before others;
// an object never gets a warmer one.
std::vector<LifecycleAction> PlanLifecycle(
    const std::vector<LifecycleRule>& rules,
    const std::vector<google::storage::v1::Object>& generations, WallTime now);

// Whether an unfinished multipart upload of `name` is to be aborted.
bool ShouldAbortUpload(const std::vector<LifecycleRule>& rules, std::string_view name,
                       WallTime started, WallTime now);

}  // namespace hodei::objects
