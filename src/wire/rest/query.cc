#include "wire/rest/query.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/encoding.h"
#include "wire/json/field_text.h"
#include "wire/json/well_known.h"

namespace hodei::wire::rest {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::array<std::string_view, 9> kIgnored = {".xgafv", "access_token", "callback",
                                                      "key",    "oauth_token",  "quotaUser",
                                                      "trace",  "uploadType",   "upload_protocol"};

bool IsFalse(std::string_view value) {
  return value == "false" || value == "0" || value == "False";
}

Status CannotBind(std::string_view name) {
  const std::string message = fmt::format(
      "Invalid JSON payload received. Unknown name {}: Cannot bind query parameter. Field '{}' "
      "could "
      "not be found in request message.",
      QuoteForError(name), name.substr(0, 200));
  return InvalidArgument(message).WithViolation({"", message});
}

// Calls `take(raw name, raw value)` for each parameter.
template <typename Take>
Status ForEachParameter(std::string_view raw, Take take) {
  size_t count = 0;
  while (!raw.empty()) {
    const size_t ampersand = raw.find('&');
    const std::string_view part = raw.substr(0, ampersand);
    raw.remove_prefix(ampersand == std::string_view::npos ? raw.size() : ampersand + 1);
    if (part.empty()) continue;
    if (++count > kQueryParameterLimit) return InvalidArgument("Too many query parameters.");
    const size_t equals = part.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    RETURN_IF_ERROR(take(part.substr(0, equals), value));
  }
  return OkStatus();
}

// Takes a parameter that every method has; false when `name` is none.
Result<bool> TakeStandard(std::string_view name, const std::string& value, Query* query) {
  const std::string_view bare = name.starts_with('$') ? name.substr(1) : name;
  if (bare == "prettyPrint") {
    query->pretty_print = !IsFalse(value);
    return true;
  }
  if (bare == "fields") {
    ASSIGN_OR_RETURN(query->fields, FieldSelection::Parse(value));
    return true;
  }
  if (bare == "alt") {
    if (value != "json" && value != "media" && !value.empty()) {
      return InvalidArgument(fmt::format(
          "Invalid value for parameter alt: {}; this server answers json", QuoteForError(value)));
    }
    return true;
  }
  return std::find(kIgnored.begin(), kIgnored.end(), bare) != kIgnored.end();
}

// Walks "a.b.c" to the message that holds c. Null when a step is no singular message.
Message* Descend(std::string_view* name, Message* message) {
  for (size_t dot = name->find('.'); dot != std::string_view::npos; dot = name->find('.')) {
    const FieldDescriptor* field = FindField(*message->GetDescriptor(), name->substr(0, dot));
    if (field == nullptr || field->is_repeated() ||
        field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
        WellKnownOf(*field->message_type()) != WellKnown::kNone) {
      return nullptr;
    }
    message = message->GetReflection()->MutableMessage(message, field);
    name->remove_prefix(dot + 1);
  }
  return message;
}

Status BindParameter(const std::string& name, const std::string& value, std::string_view body,
                     std::set<std::string>* seen, Message* request) {
  const FieldDescriptor* top =
      FindField(*request->GetDescriptor(), std::string_view(name).substr(0, name.find('.')));
  if (top == nullptr || body == "*" || top->name() == body) return CannotBind(name);
  std::string_view last = name;
  Message* holder = Descend(&last, request);
  const FieldDescriptor* field =
      holder == nullptr ? nullptr : FindField(*holder->GetDescriptor(), last);
  if (field == nullptr || field->is_map()) return CannotBind(name);
  const bool bindable =
      field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || HasTextForm(*field->message_type());
  if (!bindable) return CannotBind(name);
  // Path of the error: "options.requested_policy_version".
  std::string path;
  path = name.substr(0, name.size() - last.size()) + field->name();
  if (!field->is_repeated() && !seen->insert(path).second) {
    const std::string message =
        fmt::format("Query parameter {} is given twice.", QuoteForError(name));
    return InvalidArgument(message).WithViolation({path, message});
  }
  return SetFieldFromText(*field, value, path, holder);
}

}  // namespace

Result<Query> ParseQuery(std::string_view raw) {
  Query query;
  const Status status =
      ForEachParameter(raw, [&](std::string_view raw_name, std::string_view raw_value) -> Status {
        ASSIGN_OR_RETURN_CTX(std::string name, PercentDecode(raw_name, true), "query");
        ASSIGN_OR_RETURN_CTX(std::string value, PercentDecode(raw_value, true), "query");
        if (!IsValidUtf8(name)) return InvalidArgument("The query is not valid UTF-8.");
        ASSIGN_OR_RETURN(const bool standard, TakeStandard(name, value, &query));
        if (!standard) query.parameters.emplace_back(std::move(name), std::move(value));
        return OkStatus();
      });
  if (!status.ok()) return status;
  return query;
}

bool WantsPretty(std::string_view raw) {
  bool pretty = true;
  const Status ignored =
      ForEachParameter(raw, [&](std::string_view name, std::string_view value) -> Status {
        if (name == "prettyPrint" || name == "$prettyPrint") pretty = !IsFalse(value);
        return OkStatus();
      });
  return pretty || !ignored.ok();
}

Status BindQuery(const Query& query, std::string_view body, Message* request) {
  std::set<std::string> seen;
  for (const auto& [name, value] : query.parameters) {
    RETURN_IF_ERROR(BindParameter(name, value, body, &seen, request));
  }
  return OkStatus();
}

void BindPath(std::string_view field, const std::string& value, Message* request) {
  Message* holder = Descend(&field, request);
  const FieldDescriptor* last = holder->GetDescriptor()->FindFieldByName(std::string(field));
  holder->GetReflection()->SetString(holder, last, value);
}

}  // namespace hodei::wire::rest
