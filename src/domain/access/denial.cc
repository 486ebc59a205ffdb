#include "domain/access/denial.h"

#include <fmt/format.h>

namespace hodei::access {

Status UnauthenticatedCaller() {
  return Unauthenticated(
      "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
      "or other valid authentication credential.");
}

Status DeniedCaller(std::string_view permission, std::string_view resource) {
  return PermissionDenied(fmt::format(
      "Permission '{}' denied on resource '{}' (or it may not exist).", permission, resource));
}

std::string ProjectResource(std::string_view project) {
  return fmt::format("//cloudresourcemanager.googleapis.com/projects/{}", project);
}

}  // namespace hodei::access
