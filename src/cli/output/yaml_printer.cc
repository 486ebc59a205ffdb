#include "cli/output/yaml_printer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace hodei::cli {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool LooksLikeNumber(std::string_view text) {
  size_t i = 0;
  if (text[i] == '+' || text[i] == '-') ++i;
  std::string_view rest = text.substr(i);
  if (rest == ".inf" || rest == ".Inf" || rest == ".INF" || rest == ".nan" || rest == ".NaN" ||
      rest == ".NAN") {
    return true;
  }
  if (rest.size() > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'o' || rest[1] == 'b')) {
    return rest.find_first_not_of("0123456789abcdefABCDEF_", 2) == rest.npos;
  }
  bool digits = false;
  while (i < text.size() && (IsDigit(text[i]) || text[i] == '_')) digits |= IsDigit(text[i++]);
  if (i < text.size() && text[i] == '.') {
    ++i;
    while (i < text.size() && (IsDigit(text[i]) || text[i] == '_')) digits |= IsDigit(text[i++]);
  }
  if (!digits) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (i == text.size()) return false;
    while (i < text.size() && IsDigit(text[i])) ++i;
  }
  return i == text.size();
}

// "2024-05-01", "2024-05-01T10:00:00Z": YAML's own timestamps. "…+0000", without the colon, is
// none.
bool LooksLikeTimestamp(std::string_view text) {
  if (text.size() < 8 || !IsDigit(text[0]) || !IsDigit(text[1]) || !IsDigit(text[2]) ||
      !IsDigit(text[3]) || text[4] != '-') {
    return false;
  }
  size_t zone = text.find('+');
  if (zone != text.npos && text.size() - zone > 3 && text.find(':', zone) == text.npos)
    return false;
  return text.find_first_not_of("0123456789-:.TtZz+ ") == text.npos &&
         std::count(text.begin(), text.begin() + std::min<long>(10, static_cast<long>(text.size())),
                    '-') == 2;
}

bool ReadsAsOther(std::string_view text) {
  static const std::vector<std::string_view> words = {
      "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "<<", "="};
  return std::find(words.begin(), words.end(), text) != words.end() || LooksLikeNumber(text) ||
         LooksLikeTimestamp(text);
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty() || ReadsAsOther(text)) return true;
  char first = text.front();
  bool followed = text.size() > 1 && text[1] != ' ';
  if ((first == '-' || first == '?' || first == ':') && !followed) return true;
  if (std::string_view(",[]{}#&*!|>'\"%@`").find(first) != std::string_view::npos) return true;
  if (text.substr(0, 3) == "---" || text.substr(0, 3) == "...") return true;
  if (first == ' ' || text.back() == ' ' || text.back() == ':') return true;
  return text.find(": ") != text.npos || text.find(" #") != text.npos;
}

bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7F;
  });
}

std::string DoubleQuoted(std::string_view text) {
  // YAML's double-quoted form is a superset of JSON's string.
  return JsonText(Json(std::string(text)));
}

std::string Block(std::string_view text, size_t indent) {
  std::string out = "|";
  if (text.front() == ' ' || text.front() == '\n') out += "2";
  size_t end = text.find_last_not_of('\n');
  size_t newlines = text.size() - (end == text.npos ? 0 : end + 1);
  if (newlines == 0) out += "-";
  if (newlines > 1) out += "+";
  if (newlines > 0) text.remove_suffix(1);
  std::string margin(indent, ' ');
  while (true) {
    size_t at = text.find('\n');
    std::string_view line = text.substr(0, at);
    out += "\n" + (line.empty() ? std::string() : margin + std::string(line));
    if (at == text.npos) return out;
    text.remove_prefix(at + 1);
  }
}

// `indent` is the column of the items or keys of `value`.
void Print(const Json& value, size_t indent, std::string* out);

std::string Scalar(const Json& value, size_t block_indent) {
  if (!value.is_string()) return JsonText(value);
  const std::string& text = value.get_ref<const std::string&>();
  bool lines = text.find('\n') != text.npos;
  if (lines && !HasControls(text) && text.find_first_not_of('\n') != text.npos) {
    return Block(text, block_indent);
  }
  return YamlScalar(text);
}

void PrintMember(const std::string& head, const Json& value, size_t indent, std::string* out) {
  bool nested = value.is_structured() && !value.empty();
  if (!nested) {
    *out += head + " " + Scalar(value, indent + 2) + "\n";
    return;
  }
  *out += head + "\n";
  Print(value, value.is_array() ? indent : indent + 2, out);
}

void PrintItem(const Json& item, size_t indent, std::string* out) {
  std::string margin(indent, ' ');
  if (!item.is_structured() || item.empty()) {
    *out += margin + "- " + Scalar(item, indent + 2) + "\n";
    return;
  }
  std::string inner;
  Print(item, indent + 2, &inner);
  // The first line of the item follows its dash.
  *out += margin + "- " + inner.substr(indent + 2);
}

void Print(const Json& value, size_t indent, std::string* out) {
  std::string margin(indent, ' ');
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, member] : value.items()) {
      PrintMember(margin + YamlScalar(key) + ":", member, indent, out);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const Json& item : value) PrintItem(item, indent, out);
  } else {
    *out += margin + Scalar(value, indent) + "\n";
  }
}

}  // namespace

std::string YamlScalar(std::string_view text) {
  if (HasControls(text) || text.find('\n') != text.npos) return DoubleQuoted(text);
  if (!NeedsQuotes(text)) return std::string(text);
  std::string out = "'";
  for (char c : text) {
    out += c;
    if (c == '\'') out += '\'';
  }
  return out + "'";
}

std::string YamlText(const Json& value) {
  std::string out;
  Print(value, 0, &out);
  return out;
}

}  // namespace hodei::cli
