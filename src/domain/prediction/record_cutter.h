// Cuts a stream of input into chunks of whole records, without looking into a record. Pure, for
// hostile input.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::prediction {

inline constexpr size_t kChunkBytes = 1 << 20;       // a chunk is about so large
inline constexpr size_t kRecordMaxBytes = 16 << 20;  // a longer record ends the job

enum class RecordFormat { kLines, kTfRecord };

class RecordCutter {
 public:
  using Sink = std::function<Status(std::string_view chunk)>;
  // `sink` gets whole records: lines with their line feed, or TFRecord frames. Its error is
  // returned.
  RecordCutter(RecordFormat format, Sink sink) : format_(format), sink_(std::move(sink)) {}

  // INVALID_ARGUMENT when a record is too long.
  Status Feed(std::string_view bytes);
  // The file is over: a last line needs no line feed, a frame must be complete. Gives out what is
  // left.
  Status EndFile();

 private:
  // Bytes of whole records at the start of what is held.
  Result<size_t> Whole();

  const RecordFormat format_;
  const Sink sink_;
  std::string held_;
  size_t scanned_ = 0;  // of held_, whole records
};

}  // namespace hodei::prediction
