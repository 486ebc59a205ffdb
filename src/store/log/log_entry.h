// From a line of a source to the entry that clients see.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "google/logging/v2/logging.pb.h"
#include "store/log/entry_text.h"
#include "store/log/filter.h"
#include "store/log/log_store.h"
#include "store/log/source_reader.h"

namespace hodei::store {

inline constexpr std::string_view kServiceTask = "service";

// The severity of a service entry travels in the upper half of its frame's flags.
uint8_t SeverityToFlags(LogSeverity severity);
LogSeverity SeverityFromFlags(uint8_t flags);

// Stable, unique, ordered by sequence number: 16 hex digits and the short name of the source.
std::string MakeInsertId(uint64_t seq, std::string_view source_short);
std::string SourceShortName(std::string_view source_id);
// (sequence number, short name), absent when malformed.
std::optional<std::pair<uint64_t, std::string>> ParseInsertId(std::string_view insert_id);

// A line with its source, read on demand by a filter. Both must outlive it.
class EntryView : public FilterSubject {
 public:
  EntryView(const LogSource& source, std::string_view source_short, const LogLine& line);
  std::optional<std::string_view> Field(std::string_view path) const override;
  WallTime Timestamp() const override { return line_.time; }
  LogSeverity Severity() const override { return text_.severity; }
  bool AnyText(const std::function<bool(std::string_view)>& visit) const override;
  google::logging::v2::LogEntry ToEntry() const;

 private:
  std::optional<std::string_view> PayloadField(std::string_view name) const;
  bool is_service() const { return line_.stream == LogStream::kService; }

  const LogSource& source_;
  const LogLine& line_;
  EntryText text_;
  std::string insert_id_;
  std::string log_name_;
  mutable std::string scratch_;
};

}  // namespace hodei::store
