#include "store/object/preconditions.h"

#include <fmt/format.h>

namespace hodei::store {
namespace {

Status NotMet() {
  return FailedPrecondition("At least one of the pre-conditions you specified did not hold.")
      .WithReason("conditionNotMet");
}

Status Unchanged(AccessKind kind) {
  if (kind == AccessKind::kWrite) return NotMet();
  return FailedPrecondition("Not Modified").WithReason("notModified");
}

Status CheckMetageneration(const Preconditions& preconditions, int64_t metageneration,
                           AccessKind kind) {
  if (preconditions.if_metageneration_match &&
      *preconditions.if_metageneration_match != metageneration) {
    return NotMet();
  }
  if (preconditions.if_metageneration_not_match &&
      *preconditions.if_metageneration_not_match == metageneration) {
    return Unchanged(kind);
  }
  return OkStatus();
}

}  // namespace

Status CheckPreconditions(const Preconditions& preconditions, const Object* current,
                          AccessKind kind) {
  if (current == nullptr) {
    if (kind == AccessKind::kRead) return OkStatus();
    if (preconditions.if_generation_match.value_or(0) != 0) return NotMet();
    if (preconditions.if_generation_not_match.value_or(1) == 0) return NotMet();
    if (preconditions.if_metageneration_match) return NotMet();
    return OkStatus();
  }
  if (preconditions.if_generation_match &&
      *preconditions.if_generation_match != current->generation()) {
    return NotMet();
  }
  if (preconditions.if_generation_not_match &&
      *preconditions.if_generation_not_match == current->generation()) {
    return Unchanged(kind);
  }
  return CheckMetageneration(preconditions, current->metageneration(), kind);
}

Status CheckPreconditions(const Preconditions& preconditions, const Bucket& current,
                          AccessKind kind) {
  return CheckMetageneration(preconditions, current.metageneration(), kind);
}

Status CheckMayRemove(const Bucket& bucket, const Object& object, WallTime now) {
  const std::string name = fmt::format("{}/{}", object.bucket(), object.name());
  if (object.temporary_hold()) {
    return PermissionDenied(fmt::format("Object '{}' is under active Temporary hold and cannot be "
                                        "deleted, overwritten or "
                                        "archived until hold is removed.",
                                        name))
        .WithReason("forbidden");
  }
  if (object.event_based_hold()) {
    return PermissionDenied(fmt::format("Object '{}' is under active Event-Based hold and cannot "
                                        "be deleted, overwritten "
                                        "or archived until hold is removed.",
                                        name))
        .WithReason("forbidden");
  }
  const int64_t period = bucket.retention_policy().retention_period();
  int64_t until = object.retention_expiration_time().seconds();
  if (period > 0 && until == 0) until = object.time_created().seconds() + period;
  if (until > now.unix_nanos / 1'000'000'000) {
    return PermissionDenied(
               fmt::format("Object '{}' is subject to bucket's retention policy or object "
                           "retention and cannot be deleted or overwritten until its time is up.",
                           name))
        .WithReason("forbidden");
  }
  return OkStatus();
}

}  // namespace hodei::store
