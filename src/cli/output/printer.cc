#include "cli/output/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "cli/output/yaml_printer.h"

namespace hodei::cli {
namespace {

// A value in a cell or a field: lists joined by ";", mappings as "k=v;k=v".
std::string FieldText(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (!value.is_structured()) return JsonText(value);
  std::string out;
  bool object = value.is_object();
  for (const auto& [key, member] : value.items()) {
    if (!out.empty()) out += ';';
    out +=
        (object ? key + "=" : "") + (member.is_structured() ? JsonText(member) : FieldText(member));
  }
  return out;
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return text;
}

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == text.npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

Json Project(const FormatSpec& format, const Json& item) {
  if (format.columns.empty()) return item;
  Json out = Json::object();
  for (const Column& column : format.columns) {
    Json value = Evaluate(column, item);
    if (value.is_null()) continue;
    Json* at = &out;
    std::string_view key = column.key;
    while (true) {
      size_t dot = key.find('.');
      Json& next = (*at)[std::string(key.substr(0, dot))];
      if (dot == key.npos) {
        next = std::move(value);
        break;
      }
      if (!next.is_object()) next = Json::object();
      at = &next;
      key.remove_prefix(dot + 1);
    }
  }
  return out;
}

std::string RenderValues(const FormatSpec& format, const std::vector<Json>& items) {
  std::string separator = "\t";
  if (auto found = format.attributes.find("separator"); found != format.attributes.end()) {
    separator = found->second;
  }
  std::string out;
  for (const Json& item : items) {
    std::string row;
    for (size_t i = 0; i < format.columns.size(); ++i) {
      row += (i > 0 ? separator : "") + FieldText(Evaluate(format.columns[i], item));
    }
    out += row + "\n";
  }
  return out;
}

std::string RenderCsv(const FormatSpec& format, const std::vector<Json>& items) {
  std::string out;
  if (format.attributes.find("no-heading") == format.attributes.end()) {
    for (size_t i = 0; i < format.columns.size(); ++i) {
      out += (i > 0 ? "," : "") + CsvField(AsciiLower(format.columns[i].label));
    }
    out += "\n";
  }
  for (const Json& item : items) {
    for (size_t i = 0; i < format.columns.size(); ++i) {
      out += (i > 0 ? "," : "") + CsvField(FieldText(Evaluate(format.columns[i], item)));
    }
    out += "\n";
  }
  return out;
}

std::string RenderColumns(const FormatSpec& format, const std::vector<Json>& items) {
  std::vector<std::string> headings;
  for (const Column& column : format.columns) headings.push_back(column.label);
  std::vector<std::vector<std::string>> rows;
  for (const Json& item : items) {
    std::vector<std::string> row;
    for (const Column& column : format.columns) {
      row.push_back(OneLine(FieldText(Evaluate(column, item))));
    }
    rows.push_back(std::move(row));
  }
  auto title = format.attributes.find("title");
  return RenderTable(headings, rows, format.attributes.count("box") > 0,
                     title == format.attributes.end() ? "" : title->second,
                     format.attributes.count("no-heading") > 0);
}

void Flatten(const Json& value, const std::string& prefix,
             std::vector<std::pair<std::string, std::string>>* out) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, member] : value.items()) {
      Flatten(member, prefix.empty() ? key : prefix + "." + key, out);
    }
  } else if (value.is_array() && !value.empty()) {
    for (size_t i = 0; i < value.size(); ++i) {
      Flatten(value[i], fmt::format("{}[{}]", prefix, i), out);
    }
  } else {
    std::string text = FieldText(value);
    if (text.find('\n') != text.npos) text = JsonText(value);
    out->emplace_back(prefix, text);
  }
}

std::string RenderText(const FormatSpec& format, const std::vector<Json>& items, bool single) {
  std::string out;
  for (const Json& item : items) {
    if (!single) out += "---\n";
    std::vector<std::pair<std::string, std::string>> rows;
    Flatten(Project(format, item), "", &rows);
    size_t width = 0;
    for (const auto& row : rows) width = std::max(width, row.first.size());
    for (const auto& [key, text] : rows)
      out += fmt::format("{:<{}} {}\n", key + ":", width + 1, text);
  }
  return out;
}

std::string RenderYaml(const FormatSpec& format, const std::vector<Json>& items, bool single) {
  std::string out;
  for (const Json& item : items) {
    if (!single) out += "---\n";
    out += YamlText(Project(format, item));
  }
  return out;
}

std::string RenderJson(const FormatSpec& format, const std::vector<Json>& items, bool single) {
  if (single && items.size() == 1) return JsonText(Project(format, items.front()), 2) + "\n";
  Json list = Json::array();
  for (const Json& item : items) list.push_back(Project(format, item));
  return JsonText(list, 2) + "\n";
}

std::string RenderList(const FormatSpec& format, const std::vector<Json>& items) {
  std::string out;
  for (const Json& item : items) {
    Json shown = Project(format, item);
    out += " - " + (shown.is_structured() ? FieldText(shown) : FieldText(shown)) + "\n";
  }
  return out;
}

}  // namespace

int Compare(const Json& a, const Json& b) {
  if (a.is_null() || b.is_null())
    return static_cast<int>(b.is_null()) - static_cast<int>(a.is_null());
  if (a.is_number() && b.is_number()) {
    double x = a.get<double>(), y = b.get<double>();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  return FieldText(a).compare(FieldText(b));
}

void SortByColumns(const std::vector<Column>& columns, std::vector<Json>* items) {
  std::vector<Column> keys;
  for (const Column& column : columns) {
    if (column.sort > 0) keys.push_back(column);
  }
  if (keys.empty()) return;
  std::sort(keys.begin(), keys.end(),
            [](const Column& a, const Column& b) { return a.sort < b.sort; });
  std::stable_sort(items->begin(), items->end(), [&](const Json& a, const Json& b) {
    for (const Column& key : keys) {
      int order = Compare(Evaluate(key, a), Evaluate(key, b));
      if (order != 0) return key.reverse ? order > 0 : order < 0;
    }
    return false;
  });
}

void SortByKeys(const std::vector<std::string>& keys, std::vector<Json>* items) {
  std::vector<Column> columns;
  for (const std::string& key : keys) {
    Column column;
    column.reverse = !key.empty() && key[0] == '~';
    column.key = column.reverse ? key.substr(1) : key;
    column.sort = static_cast<int>(columns.size()) + 1;
    columns.push_back(std::move(column));
  }
  SortByColumns(columns, items);
}

std::string Render(const FormatSpec& format, const std::vector<Json>& items, bool single) {
  if (format.name == "none" || format.name == "disable") return "";
  if (format.name == "json") return RenderJson(format, items, single);
  if (format.name == "value" || format.name == "get") return RenderValues(format, items);
  if (format.name == "csv") return RenderCsv(format, items);
  if (format.name == "table") return RenderColumns(format, items);
  if (format.name == "text" || format.name == "flattened") return RenderText(format, items, single);
  if (format.name == "list") return RenderList(format, items);
  return RenderYaml(format, items, single);
}

}  // namespace hodei::cli
