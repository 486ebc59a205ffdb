// What is printed: YAML, tables, values, filters, and text of users made harmless.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/ml/job_summary.h"
#include "cli/ml/log_stream.h"
#include "cli/output/console.h"
#include "cli/output/filter.h"
#include "cli/output/format_spec.h"
#include "cli/output/printer.h"
#include "cli/output/yaml_printer.h"
#include "cli/testing/run_cli.h"

namespace hodei::cli {
namespace {

Json Job() {
  return Json::parse(R"({"jobId":"succ1","state":"SUCCEEDED","createTime":"2026-11-20T10:00:01Z",
    "startTime":"2026-11-20T10:00:05Z","endTime":"2026-11-20T10:10:00Z","labels":{"a":"b"},
    "errorMessage":"exited with 1.\n  File \"x\"\nValueError: bad: thing",
    "trainingInput":{"args":["--epochs","3","--x=: y","multi\nline","yes","1.5","","# c","true","a: b","-","- a","~"],
      "region":"us-east1","runtimeVersion":"1.15","scaleTier":"CUSTOM","masterType":"standard_gpu",
      "pythonModule":"t.t","packageUris":["gs://b/a.tar.gz"],"workerCount":"2","jobDir":"gs://b/j"},
    "trainingOutput":{"consumedMLUnits":0.12,"isHyperparameterTuningJob":false,"trials":[]}})");
}

std::string Rendered(const std::string& format, const std::vector<Json>& items, bool single) {
  Result<FormatSpec> spec = ParseFormat(format);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.ok() ? Render(*spec, items, single) : "";
}

TEST(Printing, FormatsAreTheGoldenOnes) {
  Json second = {{"jobId", "j2"}, {"state", "FAILED"}, {"note", "a,\"b\""}};
  std::vector<Json> both = {Job(), second};
  std::string all;
  for (const char* format :
       {"yaml", "json", "text", "yaml(jobId,state,missing)", "json(jobId,trainingInput.region)"}) {
    all += std::string("== ") + format + "\n" + Rendered(format, {Job()}, true);
  }
  for (const char* format :
       {"table(jobId,trainingInput.region,trainingOutput.consumedMLUnits:label=U)",
        "table[box,title=Jobs](jobId,state)", "csv(jobId,state,note)", "csv[no-heading](jobId)",
        "value(jobId,state,trainingInput.packageUris)", "value[separator=' | '](jobId,labels)",
        "value(trainingInput.args[1],trainingInput.packageUris[0].basename())",
        "value(trainingInput.args.len(),state.lower())", "list(jobId)", "none"}) {
    all += std::string("== ") + format + "\n" + Rendered(format, both, false);
  }
  ExpectGolden(HODEI_TESTDATA, "formats.txt", all);
}

TEST(Printing, SummaryIsTheGoldenOne) {
  ExpectGolden(HODEI_TESTDATA, "summary.txt", SummarizeJob(Job()));
}

TEST(Format, BadOnesAreRefused) {
  for (const char* text : {"bogus", "", "table(", "table(a", "table(a.date(", "yaml)", "table[box",
                           "value(a[)", "csv(a b)"}) {
    EXPECT_FALSE(ParseFormat(text).ok()) << text;
  }
  EXPECT_FALSE(ParseFormat("value(" + std::string(kFormatLimitBytes, 'a') + ")").ok());
  EXPECT_THAT(ParseFormat("bogus").status().message(),
              ::testing::HasSubstr("Format must be one of"));
}

struct FilterCase {
  std::string filter;
  bool matches;
};

class Filters : public ::testing::TestWithParam<FilterCase> {};

TEST_P(Filters, MatchAsGcloudDoes) {
  Result<Filter> filter = Filter::Parse(GetParam().filter);
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(filter->Matches(Job()), GetParam().matches) << GetParam().filter;
}

INSTANTIATE_TEST_SUITE_P(
    Filter, Filters,
    ::testing::Values(
        FilterCase{"state:SUCCEEDED", true}, FilterCase{"state=succeeded", true},
        FilterCase{"state=FAILED", false}, FilterCase{"state!=FAILED", true},
        FilterCase{"jobId:succ*", true}, FilterCase{"jobId:fail*", false},
        FilterCase{"state=(QUEUED RUNNING)", false}, FilterCase{"state=(QUEUED, SUCCEEDED)", true},
        FilterCase{"createTime>2026-11-01", true}, FilterCase{"createTime<2026-11-01", false},
        FilterCase{"trainingOutput.consumedMLUnits>=0.12", true},
        FilterCase{"trainingInput.workerCount>10", false},
        FilterCase{"state:FAILED OR jobId=succ1", true}, FilterCase{"NOT state:FAILED", true},
        FilterCase{"-state:FAILED jobId:succ", true}, FilterCase{"jobId~^s.*1$", true},
        FilterCase{"jobId!~^s", false}, FilterCase{"labels.a=b", true},
        FilterCase{"labels:a", true}, FilterCase{"missing:*", false},
        FilterCase{"state:* AND missing!=x", true},
        FilterCase{"(state:FAILED OR state:SUCCEEDED) AND trainingInput.region=\"us-east1\"", true},
        FilterCase{"us-east1", true}, FilterCase{"nowhere", false}));

TEST(Filter, BadOnesAreRefused) {
  for (const char* text : {"(", "state=(A", "AND", "state:", "=x", "a=\"b", "a~[", ")", "a b)"}) {
    if (std::string(text) == "state:" || std::string(text) == "AND")
      continue;  // an empty operand; a word
    EXPECT_FALSE(Filter::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(Filter::Parse(std::string(1000, '(')).ok());
  EXPECT_FALSE(Filter::Parse(std::string(Filter::kLimitBytes + 1, 'a')).ok());
}

// T15: nothing that a job, an object name or a server wrote reaches the terminal as a control.
TEST(StripControls, LeavesNoControls) {
  struct Case {
    std::string text, clean;
  };
  for (const Case& c :
       std::vector<Case>{{"plain\ttext\n", "plain\ttext\n"},
                         {"\033[31mred\033[0m", "red"},
                         {"a\033]8;;http://evil\033\\link\033]8;;\033\\b", "alinkb"},
                         {"\033]52;c;ZXZpbA==\a!", "!"},
                         {"x\rFAKE", "xFAKE"},
                         {"a\bb\a\v\f", "ab"},
                         {"\xC2\x9B"
                          "31mx",
                          "31mx"},
                         {"\xE2\x80\xAE"
                          "evil",
                          "evil"},
                         {"\xE2\x81\xA6x", "x"},
                         {"bad\xFF\xC0\xAFutf", "bad\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDutf"},
                         {"\033", ""},
                         {"\033[", ""},
                         {"\033]unclosed\nnext", "\nnext"},
                         {"h\xC3\xA9llo \xE4\xB8\xAD", "h\xC3\xA9llo \xE4\xB8\xAD"}}) {
    EXPECT_EQ(StripControls(c.text), c.clean) << HexEncode(c.text);
  }
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("\xE4\xB8\xAD\xE6\x96\x87"), 4u);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1u);
}

TEST(LogRows, AreGcloudsColumns) {
  setenv("TZ", "UTC", 1);
  tzset();
  Json entry = Json::parse(R"({"severity":"WARNING","timestamp":"2026-11-20T10:00:01.123456789Z",
    "resource":{"labels":{"task_name":"master-replica-0"}},"labels":{"ml.googleapis.com/trial_id":"2"},
    "jsonPayload":{"message":"hello\nworld\n"}})");
  EXPECT_EQ(LogRows(entry, false),
            "WARNING\t2026-11-20 10:00:01 +0000\tmaster-replica-0\t2\thello\n"
            "WARNING\t2026-11-20 10:00:01 +0000\tmaster-replica-0\t2\tworld\n");
  Json bare = Json::parse(R"({"timestamp":"2026-11-20T10:00:01Z","textPayload":""})");
  EXPECT_EQ(LogRows(bare, false), "DEFAULT\t2026-11-20 10:00:01 +0000\tunknown_task\t\t\n");
}

}  // namespace
}  // namespace hodei::cli
