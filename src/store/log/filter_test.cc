#include "store/log/filter.h"

#include <gmock/gmock.h>

#include <map>

#include "base/testing/status_matchers.h"

namespace hodei::store {
namespace {

using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

class FakeSubject : public FilterSubject {
 public:
  std::map<std::string, std::string, std::less<>> fields = {
      {"resource.type", "ml_job"},
      {"resource.labels.job_id", "job1"},
      {"resource.labels.task_name", "master-replica-0"},
      {"jsonPayload.message", "Epoch 3: loss 0.25"},
      {"jsonPayload.step", "12"},
      {"labels.compute.googleapis.com/resource_name", "host"},
      {"insertId", "0000000000000010abc"}};
  WallTime time = *ParseRfc3339("2024-05-01T10:00:00.5Z");
  LogSeverity severity = google::logging::v2::WARNING;

  std::optional<std::string_view> Field(std::string_view path) const override {
    const auto it = fields.find(path);
    if (it == fields.end()) return std::nullopt;
    return it->second;
  }
  WallTime Timestamp() const override { return time; }
  LogSeverity Severity() const override { return severity; }
  bool AnyText(const std::function<bool(std::string_view)>& visit) const override {
    for (const auto& [path, text] : fields) {
      if (visit(text)) return true;
    }
    return false;
  }
};

bool Matches(std::string_view text) {
  Result<Filter> filter = Filter::Parse(text);
  EXPECT_THAT(filter, IsOk()) << text;
  return filter.ok() && filter->Matches(FakeSubject());
}

TEST(Filter, MatchesWhatPeopleWrite) {
  for (const char* text : {
           "",
           "resource.type=\"ml_job\"",
           "resource.type = ml_job AND severity>=WARNING",
           "resource.type=\"ml_job\" severity=WARNING",
           "severity=(ERROR OR WARNING)",
           "NOT severity=ERROR",
           "-severity=ERROR",
           "loss",
           "\"epoch 3\"",
           "jsonPayload.message:\"LOSS\"",
           "jsonPayload.message=~\"loss 0\\.[0-9]+\"",
           "jsonPayload.message!~\"gain\"",
           "jsonPayload.step>9",
           "jsonPayload.step:*",
           "labels.\"compute.googleapis.com/resource_name\"=host",
           "timestamp>=\"2024-05-01T10:00:00Z\" AND timestamp<\"2024-05-01T10:00:01Z\"",
           "timestamp>2024-05-01T10:00:00Z",
           "timestamp>=\"2024-05-01\"",
           "severity=ERROR OR (severity=WARNING AND NOT jsonPayload.message:gain)",
           "missing!=x",
           "SEARCH(\"epoch\")",
           "-- a comment\nseverity=WARNING",
       }) {
    EXPECT_TRUE(Matches(text)) << text;
  }
}

TEST(Filter, RefusesWhatDoesNotMatch) {
  for (const char* text :
       {"resource.type=\"other\"", "severity>WARNING", "gain", "missing=x", "missing:*",
        "jsonPayload.step>12", "timestamp<\"2024-05-01T10:00:00.5Z\"", "severity=WARNING AND gain",
        "NOT loss"}) {
    EXPECT_FALSE(Matches(text)) << text;
  }
}

TEST(Filter, OrBindsTighterThanAnd) {
  EXPECT_FALSE(Matches("severity=ERROR AND loss OR epoch"));
  EXPECT_TRUE(Matches("severity=ERROR OR loss AND epoch"));
}

TEST(Filter, ReadsTheFilterOfStreamLogs) {
  const std::string_view text =
      "(resource.type=\"ml_job\" OR resource.type=\"cloudml_job\") AND "
      "resource.labels.job_id=\"job1\" AND (resource.labels.task_name=\"master-replica-0\" OR "
      "labels.task_name=\"master-replica-0\") AND ((timestamp=\"2024-05-01T10:00:00.500000000Z\" "
      "AND insertId>\"000000000000000fabc\") OR timestamp>\"2024-05-01T10:00:00.500000000Z\") AND "
      "timestamp<\"2024-05-01T11:00:00.000000Z\"";
  ASSERT_OK_AND_ASSIGN(const Filter filter, Filter::Parse(text));
  EXPECT_TRUE(filter.Matches(FakeSubject()));
  EXPECT_THAT(filter.bounds().job_ids, Optional(ElementsAre("job1")));
  EXPECT_EQ(FormatRfc3339(filter.bounds().from, 3), "2024-05-01T10:00:00.500Z");
  EXPECT_EQ(FormatRfc3339(filter.bounds().to, 0), "2024-05-01T11:00:00Z");
  EXPECT_EQ(filter.bounds().task_names, std::nullopt);
}

TEST(Filter, SaysWhereItIsWrong) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"severity>=", "missing value for 'severity' at character 11"},
      {"severity>=LOUD", "unknown severity 'LOUD'"},
      {"(a", "missing ')'"},
      {"a)", "left over"},
      {"\"a", "quote that is not closed"},
      {"timestamp>\"yesterday\"", "the time 'yesterday'"},
      {"a=~\"(\"", "regular expression"},
      {"AND a", "missing term"},
      {"a OR", "missing term"},
      {"foo(\"x\")", "unknown function 'foo'"},
      {"a;b", "unexpected ';'"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Filter::Parse(c.text), StatusIs(Code::kInvalidArgument, HasSubstr(c.message)))
        << c.text;
  }
}

TEST(Filter, BoundsNestingAndTerms) {
  EXPECT_THAT(
      Filter::Parse(std::string(kFilterMaxDepth, '(') + "a" + std::string(kFilterMaxDepth, ')')),
      IsOk());
  EXPECT_THAT(Filter::Parse(std::string(100'000, '(')), StatusIs(Code::kInvalidArgument));
  std::string nots;
  for (int i = 0; i < 100'000; ++i) nots += "NOT ";
  EXPECT_THAT(Filter::Parse(nots + "a"), StatusIs(Code::kInvalidArgument));
  std::string many;
  for (int i = 0; i < kFilterMaxNodes + 1; ++i) many += "a ";
  EXPECT_THAT(Filter::Parse(many), StatusIs(Code::kInvalidArgument, HasSubstr("too many terms")));
}

}  // namespace
}  // namespace hodei::store
