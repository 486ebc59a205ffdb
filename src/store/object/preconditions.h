// Preconditions: may this change or read happen to this generation?
#pragma once

#include "store/object/object_store.h"

namespace hodei::store {

enum class AccessKind { kRead, kWrite };

// `current` is null when there is no such object; then a read passes (the caller says NOT_FOUND).
Status CheckPreconditions(const Preconditions& preconditions, const Object* current,
                          AccessKind kind);
// The same for a bucket, which has only metagenerations.
Status CheckPreconditions(const Preconditions& preconditions, const Bucket& current,
                          AccessKind kind);

}  // namespace hodei::store
