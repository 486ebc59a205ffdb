// The index in ordered maps, for the in-memory store. One mutex stands for the transaction:
// operations check everything before they change anything, so there is nothing to undo.
#pragma once

#include <memory>

#include "store/object/index.h"

namespace hodei::store {

std::unique_ptr<IndexDatabase> MakeMemoryDatabase();

}  // namespace hodei::store
