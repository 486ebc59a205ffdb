// What one line of a program's output says: its severity and its message.
//
// A JSON object with a "message" is a structured entry, and may name its own severity ("severity"
// or Python's "levelname"); anything else is a message whose severity comes from the prefix of
// Python's logging ("WARNING:root:…") or else from the stream: stdout INFO, stderr ERROR.
// Nothing in a line can set the resource, the time or the labels of its entry (threat T15).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log_frame.h"
#include "store/log/severity.h"

namespace hodei::store {

struct EntryText {
  LogSeverity severity = google::logging::v2::DEFAULT;
  std::string message;
  // Further top-level fields of a structured line that are strings, numbers or booleans; at most
  // kStructuredFieldLimit. Nested values are kept as JSON text.
  struct Field {
    std::string name;
    std::string text;
    std::optional<double> number;
    std::optional<bool> boolean;
  };
  std::vector<Field> fields;
};

inline constexpr size_t kStructuredFieldLimit = 32;

// For LogStream::kService the severity is in `service_severity` (see LogStore).
EntryText ReadEntryText(LogStream stream, std::string_view line);

// `bytes` with every malformed UTF-8 byte as U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view bytes);

}  // namespace hodei::store
