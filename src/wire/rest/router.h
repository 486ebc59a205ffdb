// Which method of which service a request line means: every route of the given services, from their
// descriptors.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "wire/rest/path_template.h"

namespace google::protobuf {
class FieldDescriptor;
class MethodDescriptor;
class ServiceDescriptor;
}  // namespace google::protobuf

namespace hodei::wire::rest {

// Who may call the method; see hodei.api.Access.
struct RouteAccess {
  enum class Kind {
    kNobody,        // not annotated
    kPermission,    // `permission` in the project of the path
    kAnyPrincipal,  // any credential
    kOpen,          // none
  };
  Kind kind = Kind::kNobody;
  std::string permission;
};

struct Route {
  const google::protobuf::MethodDescriptor* method = nullptr;
  std::string verb;  // "GET"
  PathTemplate path;
  std::string body;  // "", "*", or a field of the request
  RouteAccess access;
  // Which of the path's variables names the project, and whether it is a name ("projects/P/jobs/J")
  // or the bare project. Set for every route with a permission.
  std::optional<size_t> project_variable;
  bool project_in_name = false;
};

// Immutable after Create(); thread-safe.
class Router {
 public:
  // INTERNAL when an annotation is wrong: no path, a template or field that does not exist, a
  // permission without a project in the path, or two routes of the same verb and shape.
  static Result<Router> Create(
      const std::vector<const google::protobuf::ServiceDescriptor*>& services);

  // The route, or null. `raw_path` without query. Routes with a custom verb come before routes
  // without, exact ones before those with wildcards.
  const Route* Match(std::string_view verb, std::string_view raw_path) const;
  // True when some verb has a route for it.
  bool Knows(std::string_view raw_path) const;

  // In the order of matching.
  const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

 private:
  std::vector<std::unique_ptr<Route>> routes_;
};

}  // namespace hodei::wire::rest
