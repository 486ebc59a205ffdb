#include "wire/rest/path_template.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"

namespace hodei::wire::rest {
namespace {

using hodei::testing::StatusIs;

PathTemplate Template(std::string_view text) { return PathTemplate::Parse(text).value(); }

std::string BoundName(std::string_view text, std::string_view path) {
  const Result<std::vector<Binding>> bindings = Template(text).Bind(path);
  return bindings.ok() ? (*bindings)[0].field + "=" + (*bindings)[0].value : "refused";
}

TEST(PathTemplate, MatchesItsShape) {
  struct Case {
    const char* text;
    const char* path;
    bool matches;
  };
  const Case kCases[] = {
      {"/v1/{parent=projects/*}/jobs", "/v1/projects/p/jobs", true},
      {"/v1/{parent=projects/*}/jobs", "/v1/projects/p/jobs/", false},
      {"/v1/{parent=projects/*}/jobs", "/v1/projects//jobs", false},
      {"/v1/{parent=projects/*}/jobs", "/v1//projects/p/jobs", false},
      {"/v1/{parent=projects/*}/jobs", "/v1/projects/p/q/jobs", false},
      {"/v1/{parent=projects/*}/jobs", "v1/projects/p/jobs", false},
      {"/v1/{parent=projects/*}/jobs", "/v1/projects/p/jobs/j", false},
      {"/v1/{parent=projects/*}/jobs", "/v1/projects/p/../p/jobs", false},
      {"/v1/{parent=projects/*}/jobs", "/V1/projects/p/jobs", false},
      {"/v1/{parent=projects/*}/jobs", "/v1/%70rojects/p/jobs", false},
      {"/v1/{name=projects/*/jobs/*}:cancel", "/v1/projects/p/jobs/j:cancel", true},
      {"/v1/{name=projects/*/jobs/*}:cancel", "/v1/projects/p/jobs/j%3Acancel", false},
      {"/v1/{name=projects/*/jobs/*}:cancel", "/v1/projects/p/jobs/:cancel", false},
      {"/v1/{name=projects/*/jobs/*}:cancel", "/v1/projects/p/jobs/jcancel", false},
      {"/v1/{name=projects/*/jobs/*}:cancel", "/v1/projects/p/jobs/j:cancel/", false},
      {"/v1/{name=projects/*/jobs/*}:cancel", "/v1/projects/p/jobs:cancel", false},
      {"/v1/{name=projects/**}:predict", "/v1/projects/p/models/m:predict", true},
      {"/v1/{name=projects/**}:predict", "/v1/projects/p/models/m/versions/v:predict", true},
      {"/v1/{name=projects/**}:predict", "/v1/projects/:predict", false},
      {"/v1/{name=projects/**}:predict", "/v1/projects:predict", false},
      {"/v1/projects/{project_id}", "/v1/projects/example.com:p", true},
      {"/v1/projects", "/v1/projects", true},
      {"/v1/projects", "", false},
      {"/v1/projects", "/", false},
      {"/v2/entries:list", "/v2/entries:list", true},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(Template(c.text).Matches(c.path), c.matches) << c.text << " " << c.path;
  }
}

// T5, T6: what is one segment on the wire stays one, and nothing is decoded twice.
TEST(PathTemplate, DecodesOnceAndKeepsSegmentsApart) {
  constexpr const char* kJob = "/v1/{name=projects/*/jobs/*}";
  const std::pair<const char*, const char*> kCases[] = {
      {"/v1/projects/p/jobs/j", "name=projects/p/jobs/j"},
      {"/v1/projects/p/jobs/%6A", "name=projects/p/jobs/j"},
      {"/v1/projects/p%2Fjobs%2Fx/jobs/j", "name=projects/p%2Fjobs%2Fx/jobs/j"},
      {"/v1/projects/p/jobs/..%2F..%2Fq", "name=projects/p/jobs/..%2F..%2Fq"},
      {"/v1/projects/p/jobs/a%252Fb", "name=projects/p/jobs/a%252Fb"},
      {"/v1/projects/p/jobs/a+b", "name=projects/p/jobs/a+b"},
      {"/v1/projects/p/jobs/..", "name=projects/p/jobs/.."},
      {"/v1/projects/p/jobs/%C3%A9", "name=projects/p/jobs/\xC3\xA9"},
      {"/v1/projects/p/jobs/%00", "refused"},
      {"/v1/projects/p/jobs/a%0Ab", "refused"},
      {"/v1/projects/p/jobs/%FF", "refused"},
      {"/v1/projects/p/jobs/%zz", "refused"},
      {"/v1/projects/p/jobs/%2", "refused"},
  };
  for (const auto& [path, bound] : kCases) EXPECT_EQ(BoundName(kJob, path), bound) << path;
  EXPECT_EQ(
      BoundName("/v1/{name=projects/**}:predict", "/v1/projects/p/models/m/versions/v:predict"),
      "name=projects/p/models/m/versions/v");
  EXPECT_EQ(BoundName("/v1/{name=projects/**}:predict", "/v1/projects/p//m:predict"), "refused");
  EXPECT_EQ(BoundName("/v1/projects/{project_id}", "/v1/projects/a%2Fb"), "project_id=a/b");
}

TEST(PathTemplate, RefusesWhatIsNoTemplate) {
  for (const char* text : {"", "v1", "/", "/v1/", "/v1//a", "/v1/{name", "/v1/{name=**}/jobs",
                           "/v1/{a}{b}", "/v1/{name=projects/*}x"}) {
    EXPECT_THAT(PathTemplate::Parse(text), StatusIs(Code::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace hodei::wire::rest
