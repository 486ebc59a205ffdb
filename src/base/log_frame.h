// The on-disk frame of one piece of a replica's output. The supervisor appends frames to a segment
// file, the log store reads them; this codec is all the two share, so it lives below both.
//
// Layout, little endian, DO NOT CHANGE (version is in the segment's first 8 bytes, kLogMagic):
//   u32 crc32c of everything after this field | u32 length of text | u64 seq | i64 unix nanos |
//   u8 stream | u8 flags | u16 reserved 0 | text
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace hodei {

inline constexpr std::string_view kLogMagic = "HODEILG1";
inline constexpr size_t kLogFrameHeaderBytes = 28;
// A longer line is cut into several frames, all but the last with kFlagContinues.
inline constexpr size_t kLogFrameMaxText = 64 * 1024;

enum class LogStream : uint8_t { kStdout = 1, kStderr = 2, kService = 3 };

struct LogFrame {
  static constexpr uint8_t kFlagContinues = 1;  // the line goes on in the next frame
  static constexpr uint8_t kFlagDropped = 2;    // text is the decimal count of bytes dropped here
  uint64_t seq = 0;  // 1, 2, 3 … within one replica's attempt, no gaps
  WallTime time;
  LogStream stream = LogStream::kStdout;
  uint8_t flags = 0;
  std::string_view text;  // one line without its line feed; any bytes
};

void AppendLogFrame(const LogFrame& frame, std::string* out);

// The outcome of reading at the start of `bytes`.
struct ParsedLogFrame {
  enum class Kind { kFrame, kIncomplete, kCorrupt } kind = Kind::kIncomplete;
  LogFrame frame;        // valid for kFrame; text points into `bytes`
  size_t size_bytes = 0; // bytes consumed for kFrame
};
ParsedLogFrame ParseLogFrame(std::string_view bytes);

}  // namespace hodei
