// One log entry as text.
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/ml/log_stream.h"

namespace hodei::cli {
namespace {

std::string LabelOf(const Json& entry, const std::string& name) {
  const Json* labels = Member(entry, "labels");
  if (labels == nullptr || !labels->is_object()) return "";
  for (const std::string& key : {name, "ml.googleapis.com/" + name}) {
    auto found = labels->find(key);
    if (found != labels->end() && found->is_string()) return found->get<std::string>();
  }
  return "";
}

// "2024-05-01 10:00:00 +0000" in the local zone.
std::string LocalTime(const std::string& timestamp) {
  Result<WallTime> time = ParseRfc3339(timestamp);
  if (!time.ok()) return timestamp;
  time_t seconds = static_cast<time_t>(time->unix_nanos / 1'000'000'000);
  tm parts{};
  localtime_r(&seconds, &parts);
  char buffer[64];
  return std::string(buffer, strftime(buffer, sizeof(buffer), "%Y-%m-%d %H:%M:%S %z", &parts));
}

std::string MessageOf(const Json& entry) {
  std::string message = MemberText(entry, "jsonPayload.message");
  if (!message.empty()) return message;
  const Json* text = Member(entry, "textPayload");
  if (text != nullptr && text->is_string()) return text->get<std::string>();
  const Json* payload = Member(entry, "jsonPayload");
  return payload == nullptr || Member(*payload, "message") != nullptr ? "" : JsonText(*payload);
}

}  // namespace

std::string TaskOf(const Json& entry) {
  std::string task = MemberText(entry, "resource.labels.task_name");
  if (task.empty()) task = LabelOf(entry, "task_name");
  return task.empty() ? "unknown_task" : task;
}

std::string LogRows(const Json& entry, bool multiline) {
  std::string severity = MemberText(entry, "severity");
  std::string head = fmt::format("{}\t{}\t{}\t{}\t", severity.empty() ? "DEFAULT" : severity,
                                 LocalTime(MemberText(entry, "timestamp")), TaskOf(entry),
                                 LabelOf(entry, "trial_id"));
  std::string message = MessageOf(entry);
  if (multiline) return head + message + "\n";
  std::string rows;
  for (size_t at = 0; at <= message.size();) {
    size_t end = std::min(message.find('\n', at), message.size());
    // A final line break ends the last row and starts no other.
    if (at == message.size() && at > 0) break;
    rows += head + message.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return rows;
}

}  // namespace hodei::cli
