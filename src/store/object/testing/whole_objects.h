// Objects in one piece, for tests.
#pragma once

#include <string>
#include <string_view>

#include "store/object/object_store.h"

namespace hodei::store {

// Puts `bytes` under "bucket"/name.
Result<Object> PutWhole(ObjectStore* store, std::string_view name, std::string_view bytes,
                        const Preconditions& preconditions = {},
                        const ExpectedContent& expected = {}, std::string_view bucket = "bucket");

// The bytes of an opened object, or what is wrong with them.
std::string ReadAll(const OpenedObject& opened);

}  // namespace hodei::store
