#include "domain/objects/lifecycle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace hodei::objects {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;
using google::storage::v1::Object;

constexpr int64_t kNanosPerDay = 86'400'000'000'000;
// From the warmest to the coldest.
constexpr std::array<std::string_view, 4> kClasses = {"STANDARD", "NEARLINE", "COLDLINE",
                                                      "ARCHIVE"};

Status Bad(std::string_view what) {
  return InvalidArgument(fmt::format("Invalid lifecycle rule: {}.", what)).WithReason("invalid");
}

const Value* Field(const Struct& from, const std::string& name) {
  const auto it = from.fields().find(name);
  return it == from.fields().end() ? nullptr : &it->second;
}

// Counts arrive as numbers and as strings.
Status ReadCount(const Struct& from, const std::string& name, std::optional<int64_t>* out) {
  const Value* value = Field(from, name);
  if (value == nullptr) return OkStatus();
  int64_t count = -1;
  if (value->has_number_value()) {
    const double number = value->number_value();
    if (number >= 0 && number <= 1e9 && number == std::floor(number)) {
      count = static_cast<int64_t>(number);
    }
  } else {
    const std::string& text = value->string_value();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end != text.data() + text.size()) count = -1;
  }
  if (count < 0 || count > 1'000'000'000) {
    return Bad(fmt::format("'{}' must be a whole number", name));
  }
  *out = count;
  return OkStatus();
}

// "2024-05-01": the start of that day, UTC.
Status ReadDate(const Struct& from, const std::string& name, std::optional<WallTime>* out) {
  const Value* value = Field(from, name);
  if (value == nullptr) return OkStatus();
  const std::string& text = value->string_value();
  const Result<WallTime> time =
      ParseRfc3339(text.find('T') == std::string::npos ? text + "T00:00:00Z" : text);
  if (!time.ok()) return Bad(fmt::format("'{}' must be a date", name));
  *out = *time;
  return OkStatus();
}

Status ReadList(const Struct& from, const std::string& name, std::vector<std::string>* out) {
  const Value* value = Field(from, name);
  if (value == nullptr) return OkStatus();
  if (!value->has_list_value()) return Bad(fmt::format("'{}' must be a list", name));
  for (const Value& entry : value->list_value().values()) {
    if (!entry.has_string_value()) return Bad(fmt::format("'{}' must hold strings", name));
    out->push_back(entry.string_value());
  }
  return OkStatus();
}

Status ReadCondition(const Struct& from, LifecycleCondition* out) {
  static constexpr std::array<std::string_view, 11> kKnown = {"age",
                                                              "createdBefore",
                                                              "isLive",
                                                              "numNewerVersions",
                                                              "matchesPrefix",
                                                              "matchesSuffix",
                                                              "matchesStorageClass",
                                                              "daysSinceNoncurrentTime",
                                                              "noncurrentTimeBefore",
                                                              "daysSinceCustomTime",
                                                              "customTimeBefore"};
  for (const auto& [name, value] : from.fields()) {
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
      return Bad(fmt::format("'{}' is not a condition", name));
    }
  }
  if (from.fields().empty()) return Bad("a rule needs a condition");
  RETURN_IF_ERROR(ReadCount(from, "age", &out->age_days));
  RETURN_IF_ERROR(ReadDate(from, "createdBefore", &out->created_before));
  if (const Value* live = Field(from, "isLive"); live != nullptr) {
    if (!live->has_bool_value()) return Bad("'isLive' must be true or false");
    out->is_live = live->bool_value();
  }
  RETURN_IF_ERROR(ReadCount(from, "numNewerVersions", &out->newer_versions));
  RETURN_IF_ERROR(ReadCount(from, "daysSinceNoncurrentTime", &out->days_since_noncurrent));
  RETURN_IF_ERROR(ReadDate(from, "noncurrentTimeBefore", &out->noncurrent_before));
  RETURN_IF_ERROR(ReadCount(from, "daysSinceCustomTime", &out->days_since_custom_time));
  RETURN_IF_ERROR(ReadDate(from, "customTimeBefore", &out->custom_time_before));
  RETURN_IF_ERROR(ReadList(from, "matchesPrefix", &out->prefixes));
  RETURN_IF_ERROR(ReadList(from, "matchesSuffix", &out->suffixes));
  return ReadList(from, "matchesStorageClass", &out->storage_classes);
}

Result<LifecycleRule> ReadRule(const Value& from) {
  const Value* action = Field(from.struct_value(), "action");
  const Value* condition = Field(from.struct_value(), "condition");
  if (action == nullptr || condition == nullptr) return Bad("it needs an action and a condition");
  const Value* type = Field(action->struct_value(), "type");
  const std::string name = type == nullptr ? "" : type->string_value();
  LifecycleRule rule;
  RETURN_IF_ERROR(ReadCondition(condition->struct_value(), &rule.condition));
  if (name == "Delete") return rule;
  if (name == "AbortIncompleteMultipartUpload") {
    rule.action = LifecycleRule::Action::kAbortIncompleteMultipartUpload;
    LifecycleCondition rest = rule.condition;
    if (!rest.age_days || rest.created_before || rest.is_live || rest.newer_versions ||
        rest.days_since_noncurrent || rest.noncurrent_before || rest.days_since_custom_time ||
        rest.custom_time_before || !rest.storage_classes.empty()) {
      return Bad("an upload is aborted by age, prefix and suffix only");
    }
    return rule;
  }
  if (name != "SetStorageClass") return Bad(fmt::format("'{}' is not an action", name));
  rule.action = LifecycleRule::Action::kSetStorageClass;
  const Value* storage_class = Field(action->struct_value(), "storageClass");
  rule.storage_class = storage_class == nullptr ? "" : storage_class->string_value();
  if (std::find(kClasses.begin(), kClasses.end(), rule.storage_class) == kClasses.end()) {
    return Bad(fmt::format("'{}' is not a storage class", rule.storage_class));
  }
  return rule;
}

WallTime ToWallTime(const google::protobuf::Timestamp& time) {
  return {time.seconds() * 1'000'000'000 + time.nanos()};
}

bool OlderThanDays(WallTime since, int64_t days, WallTime now) {
  return (now.unix_nanos - since.unix_nanos) / kNanosPerDay >= days;
}

bool NameMatches(const LifecycleCondition& condition, std::string_view name) {
  const auto starts = [&](const std::string& prefix) { return name.starts_with(prefix); };
  const auto ends = [&](const std::string& suffix) { return name.ends_with(suffix); };
  return (condition.prefixes.empty() ||
          std::any_of(condition.prefixes.begin(), condition.prefixes.end(), starts)) &&
         (condition.suffixes.empty() ||
          std::any_of(condition.suffixes.begin(), condition.suffixes.end(), ends));
}

bool TimesMatch(const LifecycleCondition& c, const Object& object, WallTime now) {
  const WallTime created = ToWallTime(object.time_created());
  if (c.age_days && !OlderThanDays(created, *c.age_days, now)) return false;
  if (c.created_before && created >= *c.created_before) return false;
  const WallTime noncurrent = ToWallTime(object.time_deleted());
  if ((c.days_since_noncurrent || c.noncurrent_before) && !object.has_time_deleted()) return false;
  if (c.days_since_noncurrent && !OlderThanDays(noncurrent, *c.days_since_noncurrent, now)) {
    return false;
  }
  if (c.noncurrent_before && noncurrent >= *c.noncurrent_before) return false;
  const WallTime custom = ToWallTime(object.custom_time());
  if ((c.days_since_custom_time || c.custom_time_before) && !object.has_custom_time()) return false;
  if (c.days_since_custom_time && !OlderThanDays(custom, *c.days_since_custom_time, now)) {
    return false;
  }
  return !c.custom_time_before || custom < *c.custom_time_before;
}

bool Matches(const LifecycleCondition& c, const Object& object, size_t newer, WallTime now) {
  if (c.is_live && *c.is_live == object.has_time_deleted()) return false;
  if (c.newer_versions && newer < static_cast<size_t>(*c.newer_versions)) return false;
  if (!c.storage_classes.empty() && std::find(c.storage_classes.begin(), c.storage_classes.end(),
                                              object.storage_class()) == c.storage_classes.end()) {
    return false;
  }
  return NameMatches(c, object.name()) && TimesMatch(c, object, now);
}

ptrdiff_t Coldness(std::string_view storage_class) {
  return std::find(kClasses.begin(), kClasses.end(), storage_class) - kClasses.begin();
}

}  // namespace

Result<std::vector<LifecycleRule>> ParseLifecycle(const Value& lifecycle) {
  std::vector<LifecycleRule> rules;
  if (!lifecycle.has_struct_value()) return Bad("it must be an object");
  const Value* list = Field(lifecycle.struct_value(), "rule");
  if (list == nullptr) return rules;
  if (!list->has_list_value()) return Bad("'rule' must be a list");
  if (static_cast<size_t>(list->list_value().values_size()) > kLifecycleRuleLimit) {
    return Bad(fmt::format("more than {} rules", kLifecycleRuleLimit));
  }
  for (const Value& entry : list->list_value().values()) {
    ASSIGN_OR_RETURN(LifecycleRule rule, ReadRule(entry));
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::vector<LifecycleAction> PlanLifecycle(const std::vector<LifecycleRule>& rules,
                                           const std::vector<Object>& generations, WallTime now) {
  std::vector<LifecycleAction> actions(generations.size());
  for (size_t i = 0; i < generations.size(); ++i) {
    const Object& object = generations[i];
    LifecycleAction& action = actions[i];
    for (const LifecycleRule& rule : rules) {
      if (rule.action == LifecycleRule::Action::kAbortIncompleteMultipartUpload) continue;
      if (!Matches(rule.condition, object, generations.size() - 1 - i, now)) continue;
      if (rule.action == LifecycleRule::Action::kDelete) {
        action = {LifecycleAction::Kind::kDelete, ""};
        break;
      }
      const std::string& now_is =
          action.storage_class.empty() ? object.storage_class() : action.storage_class;
      if (Coldness(rule.storage_class) > Coldness(now_is)) {
        action = {LifecycleAction::Kind::kSetStorageClass, rule.storage_class};
      }
    }
  }
  return actions;
}

bool ShouldAbortUpload(const std::vector<LifecycleRule>& rules, std::string_view name,
                       WallTime started, WallTime now) {
  return std::any_of(rules.begin(), rules.end(), [&](const LifecycleRule& rule) {
    return rule.action == LifecycleRule::Action::kAbortIncompleteMultipartUpload &&
           NameMatches(rule.condition, name) &&
           OlderThanDays(started, *rule.condition.age_days, now);
  });
}

}  // namespace hodei::objects
