#include "wire/rest/router.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "hodei/api/annotations.pb.h"
#include "wire/json/field_text.h"

namespace hodei::wire::rest {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

RouteAccess AccessOf(const MethodDescriptor& method) {
  const hodei::api::Access& access = method.options().GetExtension(hodei::api::access);
  const int kinds = (access.permission().empty() ? 0 : 1) + access.open() + access.any_principal();
  if (kinds != 1) return {};
  if (access.open()) return {RouteAccess::Kind::kOpen, ""};
  if (access.any_principal()) return {RouteAccess::Kind::kAnyPrincipal, ""};
  return {RouteAccess::Kind::kPermission, access.permission()};
}

bool IsStringField(const Descriptor& type, std::string_view path) {
  const Descriptor* at = &type;
  while (at != nullptr) {
    const size_t dot = path.find('.');
    const FieldDescriptor* field = at->FindFieldByName(std::string(path.substr(0, dot)));
    if (field == nullptr || field->is_repeated()) return false;
    if (dot == std::string_view::npos) return field->type() == FieldDescriptor::TYPE_STRING;
    at = field->message_type();
    path.remove_prefix(dot + 1);
  }
  return false;
}

// Finds the variable that holds the project: "{name=projects/*/…}" or "projects/{project_id}".
void FindProject(Route* route) {
  const auto& segments = route->path.segments();
  const auto& variables = route->path.variables();
  const PathSegment projects{PathSegment::Kind::kLiteral, "projects"};
  for (size_t i = 0; i < variables.size() && !route->project_variable; ++i) {
    const PathVariable& variable = variables[i];
    const bool several = variable.end - variable.begin > 1;
    if (several && segments[variable.begin] == projects) {
      route->project_variable = i;
      route->project_in_name = true;
    } else if (!several && variable.begin > 0 && segments[variable.begin - 1] == projects) {
      route->project_variable = i;
    }
  }
}

Result<std::unique_ptr<Route>> MakeRoute(const MethodDescriptor& method,
                                         const hodei::api::HttpRule& rule) {
  ASSIGN_OR_RETURN(PathTemplate path, PathTemplate::Parse(rule.path()));
  const Descriptor& request = *method.input_type();
  for (const PathVariable& variable : path.variables()) {
    if (!IsStringField(request, variable.field)) {
      return Internal(
          fmt::format("{} has no string field '{}'", request.full_name(), variable.field));
    }
  }
  if (!rule.body().empty() && rule.body() != "*") {
    const FieldDescriptor* body = request.FindFieldByName(rule.body());
    if (body == nullptr || body->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      return Internal(
          fmt::format("{} has no message field '{}'", request.full_name(), rule.body()));
    }
  }
  auto route = std::make_unique<Route>();
  route->method = &method;
  route->verb = rule.verb();
  route->path = std::move(path);
  route->body = rule.body();
  route->access = AccessOf(method);
  FindProject(route.get());
  if (route->access.kind == RouteAccess::Kind::kPermission && !route->project_variable) {
    return Internal("a permission needs a project in the path");
  }
  return route;
}

Status AddMethod(const MethodDescriptor& method, std::vector<std::unique_ptr<Route>>* routes) {
  const hodei::api::HttpRule& rule = method.options().GetExtension(hodei::api::http);
  ASSIGN_OR_RETURN(std::unique_ptr<Route> route, MakeRoute(method, rule));
  routes->push_back(std::move(route));
  for (const hodei::api::HttpRule& further : rule.additional()) {
    ASSIGN_OR_RETURN(std::unique_ptr<Route> more, MakeRoute(method, further));
    routes->push_back(std::move(more));
  }
  return OkStatus();
}

}  // namespace

Result<Router> Router::Create(const std::vector<const ServiceDescriptor*>& services) {
  Router router;
  for (const ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      RETURN_IF_ERROR_CTX(AddMethod(*service->method(i), &router.routes_),
                          service->method(i)->full_name());
    }
  }
  auto& routes = router.routes_;
  std::stable_sort(routes.begin(), routes.end(), [](const auto& a, const auto& b) {
    if (a->path.verb().empty() != b->path.verb().empty()) return !a->path.verb().empty();
    return a->path.literal_count() > b->path.literal_count();
  });
  for (size_t i = 0; i < routes.size(); ++i) {
    for (size_t k = i + 1; k < routes.size(); ++k) {
      if (routes[i]->verb == routes[k]->verb && routes[i]->path.SameShape(routes[k]->path)) {
        return Internal(fmt::format("{} and {} have the same route", routes[i]->method->full_name(),
                                    routes[k]->method->full_name()));
      }
    }
  }
  return router;
}

const Route* Router::Match(std::string_view verb, std::string_view raw_path) const {
  for (const auto& route : routes_) {
    if (route->verb == verb && route->path.Matches(raw_path)) return route.get();
  }
  return nullptr;
}

bool Router::Knows(std::string_view raw_path) const {
  return std::any_of(routes_.begin(), routes_.end(),
                     [&](const auto& route) { return route->path.Matches(raw_path); });
}

}  // namespace hodei::wire::rest
