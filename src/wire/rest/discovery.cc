#include "wire/rest/discovery.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/struct.pb.h>

#include "base/encoding.h"
#include "hodei/api/annotations.pb.h"
#include "net/http_message.h"
#include "wire/json/print_json.h"
#include "wire/rest/discovery_schema.h"
#include "wire/rest/path_template.h"

namespace hodei::wire::rest {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::Struct;

constexpr std::string_view kDiscoveryPrefix = "/discovery/v1/apis/";
constexpr std::string_view kScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr std::string_view kReadScope = "https://www.googleapis.com/auth/cloud-platform.read-only";

Struct& Sub(Struct* object, std::string_view key) {
  return *(*object->mutable_fields())[std::string(key)].mutable_struct_value();
}
google::protobuf::ListValue& List(Struct* object, std::string_view key) {
  return *(*object->mutable_fields())[std::string(key)].mutable_list_value();
}
void Set(Struct* object, std::string_view key, std::string_view text) {
  (*object->mutable_fields())[std::string(key)].set_string_value(std::string(text));
}
// Its own name: a string literal would rather become a bool than a string_view.
void SetTrue(Struct* object, std::string_view key) {
  (*object->mutable_fields())[std::string(key)].set_bool_value(true);
}

std::string CamelCase(std::string_view name) {
  std::string out;
  bool upper = false;
  for (char c : name) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += static_cast<char>(upper && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    upper = false;
  }
  return out;
}

// The wildcard after the literal "jobs" is called jobsId.
std::string FlatSegment(const std::vector<PathSegment>& segments, size_t i) {
  if (segments[i].kind == PathSegment::Kind::kLiteral) return segments[i].literal;
  return fmt::format("{{{}Id}}", i == 0 ? "resource" : segments[i - 1].literal);
}

std::string Pattern(const std::vector<PathSegment>& segments, const PathVariable& variable) {
  std::string pattern = "^";
  for (size_t i = variable.begin; i < variable.end; ++i) {
    if (i != variable.begin) pattern += '/';
    switch (segments[i].kind) {
      case PathSegment::Kind::kLiteral:
        pattern += segments[i].literal;
        break;
      case PathSegment::Kind::kOne:
        pattern += "[^/]+";
        break;
      case PathSegment::Kind::kRest:
        pattern += ".*";
        break;
    }
  }
  return pattern + "$";
}

// The template in the two notations of discovery: "v1/{+name}:cancel" and
// "v1/projects/{projectsId}/jobs/{jobsId}:cancel".
struct DiscoveryPaths {
  std::string path;
  std::string flat;
};

DiscoveryPaths MakePaths(const PathTemplate& path) {
  DiscoveryPaths out;
  const auto& segments = path.segments();
  for (size_t i = 0; i < segments.size();) {
    const PathVariable* variable = nullptr;
    for (const PathVariable& candidate : path.variables()) {
      if (candidate.begin == i) variable = &candidate;
    }
    const std::string_view separator = i == 0 ? "" : "/";
    if (variable == nullptr) {
      out.path += fmt::format("{}{}", separator, segments[i].literal);
      out.flat += fmt::format("{}{}", separator, segments[i].literal);
      ++i;
      continue;
    }
    const bool several = variable->end - variable->begin > 1;
    const std::string name = CamelCase(variable->field);
    out.path += fmt::format("{}{{{}{}}}", separator, several ? "+" : "", name);
    if (!several) out.flat += fmt::format("{}{{{}}}", separator, name);
    for (; several && i < variable->end; ++i) {
      out.flat += fmt::format("{}{}", i == 0 ? "" : "/", FlatSegment(segments, i));
    }
    i = variable->end;
  }
  if (!path.verb().empty()) {
    out.path += ":" + path.verb();
    out.flat += ":" + path.verb();
  }
  return out;
}

// Query parameters of a request message: its fields outside of path and body, nested ones dotted.
void AddQueryParameters(const Descriptor& type, const std::string& prefix, const PathTemplate& path,
                        std::string_view body, Struct* parameters) {
  if (body == "*") return;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (prefix.empty() && field.name() == body) continue;
    const std::string name = prefix + field.json_name();
    bool in_path = false;
    for (const PathVariable& variable : path.variables()) {
      in_path |= CamelCase(variable.field) == name;
    }
    if (in_path || field.is_map()) continue;
    if (IsPlainMessage(field)) {
      if (!field.is_repeated() && prefix.empty()) {
        AddQueryParameters(*field.message_type(), name + ".", path, body, parameters);
      }
      continue;
    }
    Struct& parameter = Sub(parameters, name);
    DescribeScalar(field, &parameter);
    Set(&parameter, "location", "query");
    if (field.is_repeated()) SetTrue(&parameter, "repeated");
  }
}

void DescribeMethod(const MethodDescriptor& method, SchemaSet* schemas, Struct* out) {
  const auto& options = method.options();
  const hodei::api::HttpRule& rule = options.GetExtension(hodei::api::http);
  const PathTemplate path = PathTemplate::Parse(rule.path()).value();
  const DiscoveryPaths paths = MakePaths(path);
  Set(out, "id", options.GetExtension(hodei::api::discovery_id));
  Set(out, "description", options.GetExtension(hodei::api::doc));
  Set(out, "httpMethod", rule.verb());
  Set(out, "path", paths.path);
  Set(out, "flatPath", paths.flat);
  Struct& parameters = Sub(out, "parameters");
  auto& order = List(out, "parameterOrder");
  for (const PathVariable& variable : path.variables()) {
    const std::string name = CamelCase(variable.field);
    Struct& parameter = Sub(&parameters, name);
    Set(&parameter, "type", "string");
    Set(&parameter, "location", "path");
    SetTrue(&parameter, "required");
    if (variable.end - variable.begin > 1) {
      Set(&parameter, "pattern", Pattern(path.segments(), variable));
    }
    order.add_values()->set_string_value(name);
  }
  AddQueryParameters(*method.input_type(), "", path, rule.body(), &parameters);
  if (rule.body() == "*") {
    Set(&Sub(out, "request"), "$ref", schemas->Add(*method.input_type()));
  } else if (!rule.body().empty()) {
    const FieldDescriptor* body = method.input_type()->FindFieldByName(rule.body());
    Set(&Sub(out, "request"), "$ref", schemas->Add(*body->message_type()));
  }
  Set(&Sub(out, "response"), "$ref", schemas->Add(*method.output_type()));
  auto& scopes = List(out, "scopes");
  scopes.add_values()->set_string_value(std::string(kScope));
  if (rule.verb() == "GET") scopes.add_values()->set_string_value(std::string(kReadScope));
}

// "ml.projects.jobs.create" → the object of method "create" below resources projects, jobs.
Struct& MethodAt(std::string_view id, Struct* document) {
  Struct* at = document;
  id.remove_prefix(id.find('.') + 1);  // the API
  for (size_t dot = id.find('.'); dot != std::string_view::npos; dot = id.find('.')) {
    at = &Sub(&Sub(at, "resources"), id.substr(0, dot));
    id.remove_prefix(dot + 1);
  }
  return Sub(&Sub(at, "methods"), id);
}

void AddStandardParameters(Struct* document) {
  struct Parameter {
    const char* name;
    const char* type;
    const char* description;
  };
  static constexpr Parameter kParameters[] = {
      {"$.xgafv", "string", "Version of the error format; accepted and not used."},
      {"access_token", "string", "OAuth access token."},
      {"alt", "string", "Form of the answer: json or media."},
      {"callback", "string", "Accepted and not used."},
      {"fields", "string", "Selector of the fields to answer."},
      {"key", "string", "Accepted and not used."},
      {"oauth_token", "string", "OAuth access token of older clients; not used."},
      {"prettyPrint", "boolean", "Answers with line breaks and indents."},
      {"quotaUser", "string", "Accepted and not used."},
      {"uploadType", "string", "Accepted and not used."},
      {"upload_protocol", "string", "Accepted and not used."},
  };
  Struct& parameters = Sub(document, "parameters");
  for (const Parameter& standard : kParameters) {
    Struct& parameter = Sub(&parameters, standard.name);
    Set(&parameter, "type", standard.type);
    Set(&parameter, "location", "query");
    Set(&parameter, "description", standard.description);
  }
  Set(&Sub(&parameters, "prettyPrint"), "default", "true");
  Set(&Sub(&parameters, "alt"), "default", "json");
}

bool Belongs(const ServiceDescriptor& service, std::string_view name, std::string_view version) {
  return service.options().GetExtension(hodei::api::discovery_name) == name &&
         service.options().GetExtension(hodei::api::discovery_version) == version;
}

// The value of a query parameter, decoded; empty when absent or malformed.
std::string Parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t ampersand = query.find('&');
    const std::string_view part = query.substr(0, ampersand);
    query.remove_prefix(ampersand == std::string_view::npos ? query.size() : ampersand + 1);
    if (part.starts_with(name) && part.substr(name.size()).starts_with('=')) {
      return PercentDecode(part.substr(name.size() + 1), true).value_or("");
    }
  }
  return "";
}

}  // namespace

bool IsDiscoveryPath(std::string_view raw_path) {
  if (raw_path == "/$discovery/rest" || raw_path == "/%24discovery/rest") return true;
  return raw_path.starts_with(kDiscoveryPrefix) && raw_path.ends_with("/rest");
}

std::optional<DiscoveryChoice> ChooseDiscovery(
    const net::RequestHead& head, const std::vector<const ServiceDescriptor*>& services) {
  DiscoveryChoice choice;
  std::string_view path = head.path();
  if (path.starts_with(kDiscoveryPrefix)) {
    path.remove_prefix(kDiscoveryPrefix.size());
    path.remove_suffix(std::string_view("/rest").size());
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos) return {};
    choice = {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
  } else {
    choice = {Parameter(head.query(), "name"), Parameter(head.query(), "version")};
    if (choice.version.empty()) choice.version = "v1";
    const std::string host_name = head.host.substr(0, head.host.find('.'));
    for (const ServiceDescriptor* service : services) {
      if (choice.name.empty() && Belongs(*service, host_name, choice.version))
        choice.name = host_name;
    }
    if (choice.name.empty()) choice.name = "ml";
  }
  for (const ServiceDescriptor* service : services) {
    if (Belongs(*service, choice.name, choice.version)) return choice;
  }
  return {};
}

std::string DiscoveryDocument(std::string_view name, std::string_view version,
                              std::string_view root_url,
                              const std::vector<const ServiceDescriptor*>& services) {
  Struct document;
  Set(&document, "kind", "discovery#restDescription");
  Set(&document, "discoveryVersion", "v1");
  Set(&document, "id", fmt::format("{}:{}", name, version));
  Set(&document, "name", name);
  Set(&document, "version", version);
  Set(&document, "revision", "1");
  Set(&document, "title", fmt::format("{} {} of Hodei", name, version));
  Set(&document, "protocol", "rest");
  Set(&document, "rootUrl", root_url);
  Set(&document, "baseUrl", root_url);
  Set(&document, "servicePath", "");
  Set(&document, "batchPath", "batch");
  AddStandardParameters(&document);
  Struct& scopes = Sub(&Sub(&Sub(&document, "auth"), "oauth2"), "scopes");
  Set(&Sub(&scopes, kScope), "description", "Read and change everything");
  Set(&Sub(&scopes, kReadScope), "description", "Read everything");
  SchemaSet schemas;
  for (const ServiceDescriptor* service : services) {
    if (!Belongs(*service, name, version)) continue;
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor& method = *service->method(i);
      const std::string& id = method.options().GetExtension(hodei::api::discovery_id);
      DescribeMethod(method, &schemas, &MethodAt(id, &document));
    }
  }
  Sub(&document, "schemas") = schemas.Take();
  return PrintJson(document, {.pretty = true});
}

}  // namespace hodei::wire::rest
