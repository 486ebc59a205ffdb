#include "store/log/log_entry.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/digest.h"

namespace hodei::store {
namespace {

namespace v2 = google::logging::v2;

constexpr std::array<LogSeverity, 9> kByCode = {v2::DEFAULT,  v2::DEBUG,   v2::INFO,
                                                v2::NOTICE,   v2::WARNING, v2::ERROR,
                                                v2::CRITICAL, v2::ALERT,   v2::EMERGENCY};

constexpr std::string_view kJobType = "ml_job";
constexpr std::string_view kVersionType = "cloudml_model_version";
constexpr std::string_view kJobLabel = "ml.googleapis.com/job_id";
constexpr std::string_view kTaskLabel = "ml.googleapis.com/task_name";
constexpr std::string_view kTrialLabel = "ml.googleapis.com/trial_id";

struct ModelVersion {
  std::string_view model;
  std::string_view version;
};

// A source whose job id is "models/M/versions/V" belongs to that version: no job id has a slash.
std::optional<ModelVersion> VersionOf(const LogSource& source) {
  std::string_view id = source.job_id;
  constexpr std::string_view kModels = "models/";
  constexpr std::string_view kVersions = "/versions/";
  const size_t middle = id.find(kVersions);
  if (!id.starts_with(kModels) || middle == id.npos) return std::nullopt;
  return ModelVersion{id.substr(kModels.size(), middle - kModels.size()),
                      id.substr(middle + kVersions.size())};
}

EntryText TextOf(const LogLine& line) {
  if (line.stream == LogStream::kService) {
    return {SeverityFromFlags(line.flags), ReplaceInvalidUtf8(line.text), {}};
  }
  if ((line.flags & LogFrame::kFlagDropped) != 0) {
    return {v2::WARNING,
            fmt::format("{} bytes dropped: the program wrote faster or more than its log quota "
                        "allows.",
                        ReplaceInvalidUtf8(line.text)),
            {}};
  }
  return ReadEntryText(line.stream, line.text);
}

}  // namespace

uint8_t SeverityToFlags(LogSeverity severity) {
  for (size_t i = 0; i < kByCode.size(); ++i) {
    if (kByCode[i] == severity) return static_cast<uint8_t>(i << 4);
  }
  return 0;
}

LogSeverity SeverityFromFlags(uint8_t flags) {
  const size_t code = flags >> 4;
  return code < kByCode.size() ? kByCode[code] : v2::DEFAULT;
}

std::string SourceShortName(std::string_view source_id) {
  return Sha256Hex(source_id).substr(0, 12);
}

std::string MakeInsertId(uint64_t seq, std::string_view source_short) {
  return fmt::format("{:016x}{}", seq, source_short);
}

std::optional<std::pair<uint64_t, std::string>> ParseInsertId(std::string_view insert_id) {
  if (insert_id.size() != 28) return std::nullopt;
  uint64_t seq = 0;
  const auto [end, error] = std::from_chars(insert_id.data(), insert_id.data() + 16, seq, 16);
  if (error != std::errc() || end != insert_id.data() + 16) return std::nullopt;
  return std::pair(seq, std::string(insert_id.substr(16)));
}

std::string SourceOfInsertId(std::string_view insert_id) {
  const auto parsed = ParseInsertId(insert_id);
  return parsed ? parsed->second : "";
}

EntryView::EntryView(const LogSource& source, std::string_view source_short, const LogLine& line)
    : source_(source),
      line_(line),
      text_(TextOf(line)),
      insert_id_(MakeInsertId(line.seq, source_short)) {
  if (VersionOf(source)) {
    log_name_ =
        fmt::format("projects/{}/logs/ml.googleapis.com%2F{}", source.project, source.task_name);
    return;
  }
  log_name_ = is_service() ? fmt::format("projects/{}/logs/ml.googleapis.com%2F{}", source.project,
                                         source.job_id)
                           : fmt::format("projects/{}/logs/{}", source.project, source.task_name);
}

std::optional<std::string_view> EntryView::PayloadField(std::string_view name) const {
  if (name == "message") return text_.message;
  for (const EntryText::Field& field : text_.fields) {
    if (field.name != name) continue;
    if (field.number)
      scratch_ = fmt::format("{}", *field.number);
    else if (field.boolean)
      scratch_ = *field.boolean ? "true" : "false";
    else
      scratch_ = field.text;
    return scratch_;
  }
  return std::nullopt;
}

std::optional<std::string_view> EntryView::Field(std::string_view path) const {
  const std::optional<ModelVersion> version = VersionOf(source_);
  if (path == "resource.type") return version ? kVersionType : kJobType;
  if (version) {
    if (path == "resource.labels.model_id") return version->model;
    if (path == "resource.labels.version_id") return version->version;
    if (path == "resource.labels.region") return "global";
    if (path == "resource.labels.job_id" || path == "labels.ml.googleapis.com/job_id") {
      return std::nullopt;
    }
  }
  if (path == "resource.labels.job_id" || path == "labels.ml.googleapis.com/job_id") {
    return source_.job_id;
  }
  if (path == "resource.labels.task_name" || path == "labels.task_name" ||
      path == "labels.ml.googleapis.com/task_name") {
    return source_.task_name;
  }
  if (path == "resource.labels.project_id") return source_.project;
  if (path == "labels.trial_id" || path == "labels.ml.googleapis.com/trial_id") {
    if (source_.trial_id.empty()) return std::nullopt;
    return source_.trial_id;
  }
  if (path == "insertId") return insert_id_;
  if (path == "logName") return log_name_;
  if (path == "log_id") return std::string_view(log_name_).substr(log_name_.rfind('/') + 1);
  if (path == "severity") return SeverityName(text_.severity);
  if (path == "textPayload") {
    return is_service() ? std::optional<std::string_view>(text_.message) : std::nullopt;
  }
  constexpr std::string_view kJson = "jsonPayload.";
  if (path.starts_with(kJson) && !is_service()) return PayloadField(path.substr(kJson.size()));
  return std::nullopt;
}

bool EntryView::AnyText(const std::function<bool(std::string_view)>& visit) const {
  if (visit(text_.message) || visit(source_.job_id) || visit(source_.task_name)) return true;
  for (const EntryText::Field& field : text_.fields) {
    if (visit(field.text)) return true;
  }
  return visit(SeverityName(text_.severity)) || visit(log_name_);
}

google::logging::v2::LogEntry EntryView::ToEntry() const {
  v2::LogEntry entry;
  entry.set_log_name(log_name_);
  auto& resource = *entry.mutable_resource()->mutable_labels();
  resource["project_id"] = source_.project;
  if (const std::optional<ModelVersion> version = VersionOf(source_)) {
    entry.mutable_resource()->set_type(std::string(kVersionType));
    resource["model_id"] = version->model;
    resource["version_id"] = version->version;
    resource["region"] = "global";
  } else {
    entry.mutable_resource()->set_type(std::string(kJobType));
    resource["job_id"] = source_.job_id;
    resource["task_name"] = source_.task_name;
    auto& labels = *entry.mutable_labels();
    labels[std::string(kJobLabel)] = source_.job_id;
    labels[std::string(kTaskLabel)] = source_.task_name;
    if (!source_.trial_id.empty()) labels[std::string(kTrialLabel)] = source_.trial_id;
  }
  entry.mutable_timestamp()->set_seconds(line_.time.unix_nanos / 1'000'000'000);
  entry.mutable_timestamp()->set_nanos(static_cast<int32_t>(line_.time.unix_nanos % 1'000'000'000));
  entry.set_severity(text_.severity);
  entry.set_insert_id(insert_id_);
  if (is_service()) {
    entry.set_text_payload(text_.message);
    return entry;
  }
  auto& fields = *entry.mutable_json_payload()->mutable_fields();
  fields["message"].set_string_value(text_.message);
  fields["levelname"].set_string_value(std::string(SeverityName(text_.severity)));
  for (const EntryText::Field& field : text_.fields) {
    auto& value = fields[field.name];
    if (field.number)
      value.set_number_value(*field.number);
    else if (field.boolean)
      value.set_bool_value(*field.boolean);
    else
      value.set_string_value(field.text);
  }
  return entry;
}

}  // namespace hodei::store
