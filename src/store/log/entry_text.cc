#include "store/log/entry_text.h"

#include <simdjson.h>

#include "base/encoding.h"
#include "base/json_integers.h"

namespace hodei::store {
namespace {

// "WARNING:root:text" of logging.basicConfig's default format.
std::optional<LogSeverity> PythonPrefix(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon < 4 || colon > 8) return std::nullopt;
  const std::string_view level = line.substr(0, colon);
  for (char c : level) {
    if (c < 'A' || c > 'Z') return std::nullopt;
  }
  if (line.find(':', colon + 1) == std::string_view::npos) return std::nullopt;
  return ParseSeverity(level);
}

EntryText::Field ToField(std::string_view name, const simdjson::dom::element& value) {
  EntryText::Field field;
  field.name = std::string(name);
  switch (value.type()) {
    case simdjson::dom::element_type::STRING:
      field.text = std::string(value.get_string().value_unsafe());
      break;
    case simdjson::dom::element_type::BOOL:
      field.boolean = value.get_bool().value_unsafe();
      break;
    case simdjson::dom::element_type::INT64:
    case simdjson::dom::element_type::UINT64:
    case simdjson::dom::element_type::DOUBLE:
      field.number = value.get_double().value_unsafe();
      break;
    default:
      field.text = simdjson::minify(value);
  }
  return field;
}

// Fills `out` when the line is a JSON object with a string "message".
bool ReadStructured(std::string_view line, EntryText* out) {
  // One parser per thread: its buffers are the cost of parsing.
  thread_local simdjson::dom::parser parser(kLogFrameMaxText * 4 + simdjson::SIMDJSON_PADDING);
  simdjson::dom::element root;
  if (ParseWithWideIntegers(&parser, line).get(root) != simdjson::SUCCESS) return false;
  simdjson::dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) return false;
  std::string_view message;
  if (object["message"].get_string().get(message) != simdjson::SUCCESS) return false;
  out->message = std::string(message);
  for (const auto& [name, value] : object) {
    if (name == "message") continue;
    if (out->fields.size() == kStructuredFieldLimit) break;
    std::string_view text;
    if ((name == "severity" || name == "levelname") &&
        value.get_string().get(text) == simdjson::SUCCESS) {
      if (const auto severity = ParseSeverity(text)) out->severity = *severity;
      if (name == "severity") continue;
    }
    out->fields.push_back(ToField(name, value));
  }
  return true;
}

}  // namespace

EntryText ReadEntryText(LogStream stream, std::string_view line) {
  EntryText out;
  out.severity =
      stream == LogStream::kStderr ? google::logging::v2::ERROR : google::logging::v2::INFO;
  if (!line.empty() && line.front() == '{' && line.back() == '}' && ReadStructured(line, &out)) {
    return out;
  }
  out.fields.clear();
  if (const auto severity = PythonPrefix(line)) out.severity = *severity;
  out.message = ReplaceInvalidUtf8(line);
  return out;
}

std::string ReplaceInvalidUtf8(std::string_view bytes) {
  if (IsValidUtf8(bytes)) return std::string(bytes);
  std::string out;
  for (size_t i = 0; i < bytes.size();) {
    size_t length = 1;
    while (length <= 4 && i + length <= bytes.size() && !IsValidUtf8(bytes.substr(i, length))) {
      ++length;
    }
    if (length <= 4 && i + length <= bytes.size()) {
      out.append(bytes.substr(i, length));
      i += length;
    } else {
      out += "\xEF\xBF\xBD";
      ++i;
    }
  }
  return out;
}

}  // namespace hodei::store
