#include "cli/output/format_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace hodei::cli {
namespace {

const std::vector<std::string_view>& FormatNames() {
  static const std::vector<std::string_view> names = {"csv",   "default", "disable", "flattened",
                                                      "get",   "json",    "list",    "none",
                                                      "table", "text",    "value",   "yaml"};
  return names;
}

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '@' || c == '/';
}

// "trainingInput" → "TRAINING_INPUT".
std::string LabelFromKey(std::string_view key) {
  while (!key.empty() && key.back() == ']') {
    size_t open = key.rfind('[');
    if (open == key.npos) break;
    key = key.substr(0, open);
  }
  size_t dot = key.rfind('.');
  std::string_view name = dot == key.npos ? key : key.substr(dot + 1);
  std::string label;
  for (size_t i = 0; i < name.size(); ++i) {
    bool upper = name[i] >= 'A' && name[i] <= 'Z';
    bool after_lower = i > 0 && !(name[i - 1] >= 'A' && name[i - 1] <= 'Z');
    if (upper && after_lower && !label.empty() && label.back() != '_') label += '_';
    label += static_cast<char>(std::toupper(static_cast<unsigned char>(name[i])));
  }
  return label;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<FormatSpec> Run() {
    FormatSpec spec;
    Spaces();
    while (at_ < text_.size() && IsNameChar(text_[at_])) spec.name += text_[at_++];
    const auto& names = FormatNames();
    if (std::find(names.begin(), names.end(), spec.name) == names.end()) {
      return InvalidArgument(fmt::format("Format must be one of {}; received [{}].",
                                         fmt::join(names, ", "), spec.name));
    }
    Spaces();
    if (Take('[')) RETURN_IF_ERROR(Attributes(&spec));
    Spaces();
    if (Take('(')) RETURN_IF_ERROR(Columns(&spec));
    Spaces();
    if (at_ != text_.size()) return Bad("unexpected text after the format");
    return spec;
  }

 private:
  void Spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool Take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  Status Bad(std::string_view what) const {
    return InvalidArgument(fmt::format("Format [{}]: {} at position {}.", text_, what, at_));
  }

  // Text up to one of `stops`, quotes respected.
  Result<std::string> Until(std::string_view stops) {
    std::string out;
    Spaces();
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      char quote = text_[at_++];
      while (at_ < text_.size() && text_[at_] != quote) out += text_[at_++];
      if (!Take(quote)) return Bad("a quote is not closed");
      Spaces();
      return out;
    }
    while (at_ < text_.size() && stops.find(text_[at_]) == stops.npos) out += text_[at_++];
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  }

  Status Attributes(FormatSpec* spec) {
    while (!Take(']')) {
      ASSIGN_OR_RETURN(std::string name, Until("=,]"));
      std::string value;
      if (Take('=')) {
        ASSIGN_OR_RETURN(value, Until(",]"));
      }
      spec->attributes[name] = value;
      if (Take(',')) continue;
      if (at_ >= text_.size()) return Bad("']' expected");
      if (text_[at_] != ']') return Bad("',' or ']' expected");
    }
    return OkStatus();
  }

  Status Columns(FormatSpec* spec) {
    Spaces();
    while (!Take(')')) {
      ASSIGN_OR_RETURN(Column column, OneColumn());
      spec->columns.push_back(std::move(column));
      Spaces();
      if (Take(',')) {
        Spaces();
        continue;
      }
      if (at_ >= text_.size() || text_[at_] != ')') return Bad("',' or ')' expected");
    }
    return OkStatus();
  }

  Result<Column> OneColumn() {
    Column column;
    std::string name;
    auto end_name = [&] {
      if (name.empty()) return;
      column.key += column.key.empty() ? name : "." + name;
      name.clear();
    };
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (IsNameChar(c)) {
        name += c;
        ++at_;
      } else if (c == '.') {
        end_name();
        ++at_;
      } else if (c == '[') {
        size_t close = text_.find(']', at_);
        if (close == text_.npos) return Bad("']' expected");
        name += text_.substr(at_, close + 1 - at_);
        at_ = close + 1;
      } else if (c == '(' && !name.empty()) {
        ASSIGN_OR_RETURN(Transform transform, OneTransform(std::move(name)));
        column.transforms.push_back(std::move(transform));
        name.clear();
      } else if (c == '"' || c == '\'') {
        ASSIGN_OR_RETURN(std::string quoted, Until(""));
        name += quoted;
      } else {
        break;
      }
    }
    end_name();
    column.label = LabelFromKey(column.key);
    while (Take(':')) RETURN_IF_ERROR(ColumnAttribute(&column));
    return column;
  }

  Result<Transform> OneTransform(std::string name) {
    Transform transform{std::move(name), {}};
    ++at_;  // '('
    while (!Take(')')) {
      ASSIGN_OR_RETURN(std::string argument, Until(",)"));
      transform.arguments.push_back(std::move(argument));
      if (Take(',')) continue;
      if (at_ >= text_.size() || text_[at_] != ')') return Bad("')' expected");
    }
    return transform;
  }

  Status ColumnAttribute(Column* column) {
    std::string name;
    while (at_ < text_.size() && IsNameChar(text_[at_])) name += text_[at_++];
    std::string value;
    if (Take('=')) {
      ASSIGN_OR_RETURN(value, Until(",):"));
    }
    if (name == "label") column->label = value;
    if (name == "sort") column->sort = std::atoi(value.c_str());
    if (name == "reverse") column->reverse = true;
    return OkStatus();
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string AsText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? "" : JsonText(value);
}

// "2024-05-01T10:00:00Z" → "2024-05-01T10:00:00" in the local zone, or by the strftime `format`.
std::string LocalDate(const std::string& text, const std::string& format) {
  Result<WallTime> time = ParseRfc3339(text);
  if (!time.ok()) return text;
  time_t seconds = static_cast<time_t>(time->unix_nanos / 1'000'000'000);
  tm parts{};
  localtime_r(&seconds, &parts);
  char buffer[64];
  size_t size = strftime(buffer, sizeof(buffer), format.c_str(), &parts);
  return std::string(buffer, size);
}

std::string DateFormat(const Transform& transform) {
  for (const std::string& argument : transform.arguments) {
    if (argument.rfind("tz=", 0) == 0 || argument.rfind("unit=", 0) == 0) continue;
    return argument.rfind("format=", 0) == 0 ? argument.substr(7) : argument;
  }
  return "%Y-%m-%dT%H:%M:%S";
}

std::string Argument(const Transform& transform, size_t index, std::string fallback) {
  return index < transform.arguments.size() ? transform.arguments[index] : std::move(fallback);
}

Json ApplyTransform(const Transform& transform, const Json& value) {
  if (transform.name == "basename") {
    std::string text = AsText(value);
    return text.substr(text.rfind('/') + 1);
  }
  if (transform.name == "date") return LocalDate(AsText(value), DateFormat(transform));
  if (transform.name == "yesno") {
    bool yes = !value.is_null() && value != false && value != "" && value != 0;
    return Argument(transform, yes ? 0 : 1, yes ? AsText(value) : "No");
  }
  if (transform.name == "len" || transform.name == "size") return value.size();
  if (transform.name == "list" || transform.name == "join") {
    std::string separator = Argument(transform, 0, transform.name == "list" ? "," : "/");
    if (separator.rfind("separator=", 0) == 0) separator = separator.substr(10);
    if (!value.is_array()) return AsText(value);
    std::string out;
    for (const Json& item : value) out += (out.empty() ? "" : separator) + AsText(item);
    return out;
  }
  if (transform.name == "always") return value.is_null() ? Json("") : value;
  if (transform.name == "upper" || transform.name == "lower") {
    std::string text = AsText(value);
    bool upper = transform.name == "upper";
    for (char& c : text) {
      c = static_cast<char>(upper ? std::toupper(static_cast<unsigned char>(c))
                                  : std::tolower(static_cast<unsigned char>(c)));
    }
    return text;
  }
  return value;
}

}  // namespace

Result<FormatSpec> ParseFormat(std::string_view text) {
  if (text.size() > kFormatLimitBytes) return InvalidArgument("the format is too long");
  return Parser(text).Run();
}

Json ValueAt(const Json& item, std::string_view key) {
  if (key.empty()) return item;
  size_t dot = key.find('.');
  std::string_view step = key.substr(0, dot);
  std::string_view rest = dot == key.npos ? std::string_view() : key.substr(dot + 1);
  size_t open = step.find('[');
  const Json* at = Member(item, step.substr(0, open));
  if (at == nullptr) return Json();
  while (open != step.npos) {
    size_t close = step.find(']', open);
    if (close == step.npos || !at->is_array()) return Json();
    std::string index(step.substr(open + 1, close - open - 1));
    open = step.find('[', close);
    if (index.empty() || index == "*") {
      Json all = Json::array();
      for (const Json& one : *at) all.push_back(ValueAt(one, rest));
      return all;
    }
    long number = std::strtol(index.c_str(), nullptr, 10);
    if (number < 0) number += static_cast<long>(at->size());
    if (number < 0 || number >= static_cast<long>(at->size())) return Json();
    at = &(*at)[static_cast<size_t>(number)];
  }
  return ValueAt(*at, rest);
}

Json Evaluate(const Column& column, const Json& item) {
  Json value = ValueAt(item, column.key);
  for (const Transform& transform : column.transforms) {
    if (value.is_null() && transform.name != "yesno" && transform.name != "always") continue;
    value = ApplyTransform(transform, value);
  }
  return value;
}

}  // namespace hodei::cli
