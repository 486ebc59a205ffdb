#include "store/object/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace hodei::store {
namespace {

using google::protobuf::Timestamp;
using google::protobuf::Value;
using google::storage::v1::Bucket;
using google::storage::v1::Object;

constexpr int64_t kSoftDeleteSecondsMax = 90 * 24 * 3600;

std::string FullName(const Object& object) {
  return fmt::format("{}/{}", object.bucket(), object.name());
}

Status Held(const Object& object, std::string_view kind) {
  return PermissionDenied(fmt::format("Object '{}' is under active {} hold and cannot be deleted, "
                                      "overwritten or archived until hold is removed.",
                                      FullName(object), kind))
      .WithReason("forbidden");
}

std::string StringField(const google::protobuf::Struct& from, const std::string& name) {
  const auto it = from.fields().find(name);
  if (it == from.fields().end()) return "";
  if (it->second.has_number_value()) {
    return std::to_string(static_cast<int64_t>(it->second.number_value()));
  }
  return it->second.string_value();
}

const google::protobuf::Struct* Setting(const google::protobuf::Map<std::string, Value>& settings,
                                        const std::string& name) {
  const auto it = settings.find(name);
  return it == settings.end() || !it->second.has_struct_value() ? nullptr
                                                                : &it->second.struct_value();
}

// The object's own `retention`: {mode, retainUntilTime}.
struct OwnRetention {
  bool locked = false;
  WallTime until;
};

OwnRetention OwnRetentionOf(const Object& object) {
  OwnRetention out;
  const google::protobuf::Struct* retention = Setting(object.settings(), "retention");
  if (retention == nullptr) return out;
  out.locked = StringField(*retention, "mode") == "Locked";
  const Result<WallTime> until = ParseRfc3339(StringField(*retention, "retainUntilTime"));
  if (until.ok()) out.until = *until;
  return out;
}

bool Before(const Timestamp& a, const Timestamp& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}

}  // namespace

Status CheckHolds(const Object& object) {
  if (object.temporary_hold()) return Held(object, "Temporary");
  if (object.event_based_hold()) return Held(object, "Event-Based");
  return OkStatus();
}

Status CheckMayRemove(const Bucket& bucket, const Object& object, WallTime now) {
  RETURN_IF_ERROR(CheckHolds(object));
  Object current = object;
  ApplyRetention(bucket, &current);
  const Timestamp& until = current.retention_expiration_time();
  if (!current.has_retention_expiration_time() ||
      until.seconds() <= now.unix_nanos / 1'000'000'000) {
    return OkStatus();
  }
  return PermissionDenied(
             fmt::format("Object '{}' is subject to bucket's retention policy or object retention "
                         "and cannot be deleted or overwritten until {}.",
                         FullName(object),
                         FormatRfc3339(WallTime{until.seconds() * 1'000'000'000}, 0)))
      .WithReason("forbidden");
}

void ApplyRetention(const Bucket& bucket, Object* object) {
  object->clear_retention_expiration_time();
  const int64_t period = bucket.retention_policy().retention_period();
  if (period > 0 && !object->event_based_hold()) {
    Timestamp until =
        object->has_hold_release_time() ? object->hold_release_time() : object->time_created();
    until.set_seconds(until.seconds() + period);
    *object->mutable_retention_expiration_time() = until;
  }
  const int64_t own = OwnRetentionOf(*object).until.unix_nanos;
  Timestamp until;
  until.set_seconds(own / 1'000'000'000);
  until.set_nanos(static_cast<int32_t>(own % 1'000'000'000));
  if (own > 0 && Before(object->retention_expiration_time(), until)) {
    *object->mutable_retention_expiration_time() = until;
  }
}

Status CheckObjectEdit(const Object& before, const Object& after) {
  const OwnRetention was = OwnRetentionOf(before);
  const OwnRetention is = OwnRetentionOf(after);
  if (was.locked && (!is.locked || is.until < was.until)) {
    return PermissionDenied(
               fmt::format("The retention of object '{}' is locked: it can be extended only.",
                           FullName(before)))
        .WithReason("forbidden");
  }
  if (before.has_custom_time() &&
      (!after.has_custom_time() || Before(after.custom_time(), before.custom_time()))) {
    return InvalidArgument("The custom time of an object cannot be removed or set back.")
        .WithReason("invalid");
  }
  return OkStatus();
}

Status CheckBucketEdit(const Bucket& before, const Bucket& after) {
  if (!before.retention_policy().is_locked()) return OkStatus();
  if (after.retention_policy().is_locked() &&
      after.retention_policy().retention_period() >= before.retention_policy().retention_period()) {
    return OkStatus();
  }
  return PermissionDenied("The bucket's retention policy is locked: its period can only grow.")
      .WithReason("forbidden");
}

int64_t SoftDeleteSeconds(const Bucket& bucket) {
  const google::protobuf::Struct* policy = Setting(bucket.settings(), "softDeletePolicy");
  if (policy == nullptr) return 0;
  const std::string text = StringField(*policy, "retentionDurationSeconds");
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return 0;
  return std::clamp<int64_t>(seconds, 0, kSoftDeleteSecondsMax);
}

}  // namespace hodei::store
