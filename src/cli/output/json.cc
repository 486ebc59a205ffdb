#include "cli/output/json.h"

#include <nlohmann/json.hpp>

namespace hodei::cli {

Result<Json> ParseJsonText(std::string_view text) {
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1 …": the reader wants the latter half.
    std::string_view what = error.what();
    size_t close = what.find("] ");
    return InvalidArgument(std::string(close == what.npos ? what : what.substr(close + 2)));
  }
}

std::string JsonText(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const Json* Member(const Json& value, std::string_view path) {
  const Json* at = &value;
  while (!path.empty()) {
    size_t dot = path.find('.');
    std::string key(path.substr(0, dot));
    path = dot == path.npos ? std::string_view() : path.substr(dot + 1);
    if (!at->is_object()) return nullptr;
    auto found = at->find(key);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string MemberText(const Json& value, std::string_view path) {
  const Json* member = Member(value, path);
  if (member == nullptr) return "";
  if (member->is_string()) return member->get<std::string>();
  if (member->is_number() || member->is_boolean()) return JsonText(*member);
  return "";
}

}  // namespace hodei::cli
