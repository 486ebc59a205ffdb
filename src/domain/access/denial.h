// The two refusals, worded in one place so that they cannot be told apart by their cause.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::access {

// 401: no credential, or one that is unknown, expired, revoked or malformed.
Status UnauthenticatedCaller();
// 403: "Permission 'x' denied on resource 'y' (or it may not exist)."
Status DeniedCaller(std::string_view permission, std::string_view resource);
// "//cloudresourcemanager.googleapis.com/projects/P".
std::string ProjectResource(std::string_view project);

}  // namespace hodei::access
