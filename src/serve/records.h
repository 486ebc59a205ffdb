// The records of a chunk of batch input: lines, or TFRecord framing.
#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::serve {

inline constexpr size_t kRecordBytesMax = 64 << 20;

// Lines without their '\n' (and a '\r' before it); empty ones are left out.
std::vector<std::string_view> SplitLines(std::string_view chunk);
// INVALID_ARGUMENT when a length or a checksum is wrong, or the chunk ends within a record.
Result<std::vector<std::string_view>> SplitTfRecords(std::string_view chunk);

}  // namespace hodei::serve
