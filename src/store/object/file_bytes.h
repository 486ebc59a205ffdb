// Bytes at a place of a file, however many calls that takes. Thread-safe; they block.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "store/object/object_store.h"

namespace hodei::store {

// All of `bytes`, from `offset` on.
Status WriteAt(int fd, std::string_view bytes, uint64_t offset);
// Exactly `size` bytes from `offset` on; DATA_LOSS when the file ends before.
Result<std::string> ReadAt(int fd, uint64_t offset, size_t size);
// The slice's bytes [offset, offset + size), as many of them as it has; those that lie elsewhere
// are brought first.
Result<std::string> ReadSlice(const FileSlice& slice, uint64_t offset, size_t size);

}  // namespace hodei::store
