// The query of a request: the parameters that every method takes, and those that fill its fields.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "wire/json/field_selection.h"

namespace google::protobuf {
class Message;
}

namespace hodei::wire::rest {

inline constexpr size_t kQueryParameterLimit = 128;

struct Query {
  bool pretty_print = true;
  FieldSelection fields;
  // What is left: name and value, decoded.
  std::vector<std::pair<std::string, std::string>> parameters;
};

// Takes the raw query apart. The standard parameters ($.xgafv, access_token, alt, callback, fields,
// key, oauth_token, prettyPrint, quotaUser, trace, uploadType, upload_protocol, and their forms
// with a leading '$') are accepted everywhere; INVALID_ARGUMENT for bad escapes, more than
// kQueryParameterLimit of them, and forms of `alt` that are not answered here.
Result<Query> ParseQuery(std::string_view raw);

// prettyPrint alone, for errors that come before or from ParseQuery().
bool WantsPretty(std::string_view raw);

// Fills fields of `request`: "pageSize", "options.requestedPolicyVersion", repeated ones by
// repeating. `body` is the field that the body fills ("*" for all, "" for none): no parameter may
// reach into it. INVALID_ARGUMENT names what cannot be bound.
Status BindQuery(const Query& query, std::string_view body, google::protobuf::Message* request);

// Sets the string field at the dotted .proto path, making messages on the way.
void BindPath(std::string_view field, const std::string& value, google::protobuf::Message* request);

}  // namespace hodei::wire::rest
