// Reading parts of files for responses.
#pragma once

#include <cstdint>
#include <string>

namespace hodei::net {

// Of a file that is sent, between two turns of other connections.
inline constexpr uint64_t kSliceBytes = 2 << 20;

// A guess, from its first and last byte, whether the part can be read without waiting for a disk.
bool IsPageCached(int fd, uint64_t offset, uint64_t length);
// Brings the part into the page cache; blocks.
void ReadAheadSlice(int fd, uint64_t offset, uint64_t length);
// Fills `bytes` from `offset`; false when the file is shorter or cannot be read.
bool ReadFileSlice(int fd, uint64_t offset, std::string* bytes);

}  // namespace hodei::net
