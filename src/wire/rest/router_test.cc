#include "wire/rest/router.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "base/testing/golden.h"
#include "wire/rest/api_services.h"

namespace hodei::wire::rest {
namespace {

class RouterTest : public ::testing::Test {
 protected:
  std::string Match(std::string_view verb, std::string_view path) const {
    const Route* route = router_.Match(verb, path);
    return route == nullptr ? "none" : route->method->name();
  }
  const Router router_ = Router::Create(ApiServices()).value();
};

TEST_F(RouterTest, FindsMethods) {
  struct Case {
    const char* verb;
    const char* path;
    const char* method;
  };
  const Case kCases[] = {
      {"POST", "/v1/projects/p/jobs", "CreateJob"},
      {"GET", "/v1/projects/p/jobs", "ListJobs"},
      {"GET", "/v1/projects/p/jobs/j", "GetJob"},
      {"PATCH", "/v1/projects/p/jobs/j", "UpdateJob"},
      {"POST", "/v1/projects/p/jobs/j:cancel", "CancelJob"},
      {"DELETE", "/v1/projects/p/jobs/j", "none"},
      {"GET", "/v1/projects/p:getConfig", "GetConfig"},
      {"GET", "/v1/projects/p", "GetProject"},
      {"GET", "/v1/projects/example.com:p", "GetProject"},
      {"POST", "/v1/projects/p:getIamPolicy", "GetProjectIamPolicy"},
      {"GET", "/v1/projects/p/jobs/j:getIamPolicy", "GetJobIamPolicy"},
      {"POST", "/v1/projects/p/models/m:predict", "Predict"},
      {"POST", "/v1/projects/p/models/m/versions/v:predict", "Predict"},
      {"POST", "/v1/projects/p/models/m/versions/v:setDefault", "SetDefaultVersion"},
      {"GET", "/v1/projects/p/locations/l/operations/o", "GetLocationOperation"},
      {"POST", "/v1/projects/p/locations/l/studies/s/trials:suggest", "SuggestTrials"},
      {"POST", "/v1/projects/p/locations/l/studies/s/trials/t:stop", "StopTrial"},
      {"POST", "/v2/entries:list", "ListLogEntries"},
      {"GET", "/v2/entries:list", "none"},
      {"GET", "/v1", "none"},
      {"get", "/v1/projects", "none"},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(Match(c.verb, c.path), c.method) << c.verb << " " << c.path;
}

// T1: a route that does not say who may call it fails here. Everything else about who may call what
// is reviewed as a diff of this file.
TEST_F(RouterTest, EveryRouteSaysWhoMayCallIt) {
  std::vector<std::string> lines;
  for (const auto& route : router_.routes()) {
    std::string access;
    switch (route->access.kind) {
      case RouteAccess::Kind::kNobody:
        ADD_FAILURE() << route->method->full_name() << " has no access annotation";
        break;
      case RouteAccess::Kind::kPermission:
        access = route->access.permission;
        break;
      case RouteAccess::Kind::kAnyPrincipal:
        access = "(any principal)";
        break;
      case RouteAccess::Kind::kOpen:
        access = "(open)";
        break;
    }
    lines.push_back(fmt::format("{:6} {:75} {:35} {}\n", route->verb, route->path.text(), access,
                                route->method->full_name()));
  }
  std::sort(lines.begin(), lines.end(),
            [](const auto& a, const auto& b) { return a.substr(7) < b.substr(7); });
  hodei::testing::ExpectGolden(HODEI_SOURCE_DIR, "routes.txt",
                               fmt::format("{}", fmt::join(lines, "")));
}

TEST_F(RouterTest, OnlyTheTokenEndpointMayBeOpen) {
  for (const auto& route : router_.routes()) {
    EXPECT_NE(route->access.kind, RouteAccess::Kind::kOpen) << route->method->full_name();
  }
}

}  // namespace
}  // namespace hodei::wire::rest
