#include "cli/output/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace hodei::cli {
namespace {

// Whole numbers without leading zeros, and decimals as JSON writes them.
bool ReadNumber(const std::string& text, Json* out) {
  int64_t integer = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (code == std::errc() && end == text.data() + text.size()) {
    *out = integer;
    return true;
  }
  if (text.find_first_not_of("0123456789+-.eE") != text.npos ||
      text.find_first_of("0123456789") == text.npos) {
    return false;
  }
  double number = 0;
  auto [double_end, double_code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (double_code != std::errc() || double_end != text.data() + text.size()) return false;
  *out = number;
  return true;
}

Json PlainScalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return Json();
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  Json number;
  return ReadNumber(text, &number) ? number : Json(text);
}

class Converter {
 public:
  explicit Converter(const std::vector<std::string>& text_keys) : text_keys_(text_keys) {}

  Result<Json> Convert(const YAML::Node& node, int depth, bool as_text) {
    if (depth > kYamlLimitDepth || ++nodes_ > kYamlLimitNodes) {
      return InvalidArgument(
          "the file is nested too deeply or grows too large through its aliases");
    }
    if (node.IsMap()) return ConvertMap(node, depth);
    if (node.IsSequence()) {
      Json list = Json::array();
      for (const YAML::Node& item : node) {
        ASSIGN_OR_RETURN(Json value, Convert(item, depth + 1, as_text));
        list.push_back(std::move(value));
      }
      return list;
    }
    if (!node.IsScalar()) return Json();
    // yaml-cpp marks quoted scalars with the tag "!".
    if (as_text || node.Tag() == "!") return Json(node.Scalar());
    return PlainScalar(node.Scalar());
  }

 private:
  Result<Json> ConvertMap(const YAML::Node& node, int depth) {
    Json map = Json::object();
    for (const auto& member : node) {
      if (!member.first.IsScalar()) return InvalidArgument("a key of the file is not a word");
      std::string key = member.first.Scalar();
      bool text = std::find(text_keys_.begin(), text_keys_.end(), key) != text_keys_.end();
      ASSIGN_OR_RETURN(Json value,
                       Convert(member.second, depth + 1, text && !member.second.IsMap()));
      map[key] = std::move(value);
    }
    return map;
  }

  const std::vector<std::string>& text_keys_;
  size_t nodes_ = 0;
};

}  // namespace

Result<Json> ReadYaml(const std::string& text, const std::vector<std::string>& text_keys) {
  if (text.size() > kYamlLimitBytes) return InvalidArgument("the file is larger than 1 MiB");
  try {
    return Converter(text_keys).Convert(YAML::Load(text), 0, false);
  } catch (const YAML::Exception& error) {
    return InvalidArgument(fmt::format("line {}, column {}: {}", error.mark.line + 1,
                                       error.mark.column + 1, error.msg));
  }
}

}  // namespace hodei::cli
