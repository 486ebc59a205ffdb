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

}  // namespace hodei::store
