#include "domain/access/form_fields.h"

#include "base/encoding.h"

namespace hodei::access {

Result<std::map<std::string, std::string>> ParseForm(std::string_view body) {
  std::map<std::string, std::string> fields;
  while (!body.empty()) {
    const size_t end = body.find('&');
    const std::string_view pair = body.substr(0, end);
    body = end == std::string_view::npos ? std::string_view() : body.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    ASSIGN_OR_RETURN(std::string name, PercentDecode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      ASSIGN_OR_RETURN(value, PercentDecode(pair.substr(equals + 1), true));
    }
    if (fields.size() == kMaxFormFields) return InvalidArgument("The form has too many fields.");
    if (!fields.emplace(std::move(name), std::move(value)).second) {
      return InvalidArgument("A field of the form occurs twice.");
    }
  }
  return fields;
}

}  // namespace hodei::access
