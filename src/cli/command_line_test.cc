#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/commands.h"
#include "cli/suggestion.h"

namespace hodei::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const Group& Root() {
  static const Group root = BuildCommands();
  return root;
}

ParsedLine Parse(const std::vector<std::string>& words) { return ParseCommandLine(Root(), words); }

TEST(CommandLine, TakesFlagsAnywhereInBothForms) {
  ParsedLine parsed = Parse({"--project", "p", "ml-engine", "jobs", "submit", "training",
                             "--region=us-east1", "job1", "--module-name", "a.b", "--quiet"});
  ASSERT_FALSE(parsed.usage_error) << *parsed.usage_error;
  EXPECT_EQ(parsed.line.Text("project"), "p");
  EXPECT_EQ(parsed.line.Text("region"), "us-east1");
  EXPECT_EQ(parsed.line.Text("module-name"), "a.b");
  EXPECT_TRUE(parsed.line.Switch("quiet"));
  EXPECT_THAT(parsed.line.positionals, ElementsAre("job1"));
  EXPECT_EQ(parsed.line.DottedPath(), "hodei.ml-engine.jobs.submit.training");
}

TEST(CommandLine, KeepsUserArgumentsAsTheyAre) {
  ParsedLine parsed =
      Parse({"ai-platform", "jobs", "submit", "training", "j", "--", "--arg=42", "--", "-x", ""});
  ASSERT_FALSE(parsed.usage_error) << *parsed.usage_error;
  EXPECT_THAT(parsed.line.user_args, ElementsAre("--arg=42", "--", "-x", ""));
}

TEST(CommandLine, SplitsListsAndPairs) {
  ParsedLine parsed = Parse({"ml-engine", "jobs", "submit", "training", "j", "--packages=a,b",
                             "--packages", "c", "--labels", "^:^k=a,b:l=2"});
  ASSERT_FALSE(parsed.usage_error) << *parsed.usage_error;
  EXPECT_THAT(parsed.line.List("packages"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(parsed.line.Pairs("labels"), ElementsAre(Pair("k", "a,b"), Pair("l", "2")));
}

TEST(CommandLine, AcceptsTheWordsOfGsutilWithoutIt) {
  ParsedLine parsed = Parse({"cp", "-r", "data", "gs://b/data"});
  ASSERT_FALSE(parsed.usage_error) << *parsed.usage_error;
  EXPECT_TRUE(parsed.line.Switch("recursive"));
  EXPECT_THAT(parsed.line.positionals, ElementsAre("data", "gs://b/data"));
}

struct BadLine {
  std::vector<std::string> words;
  std::string expected;
};

class BadLines : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadLines, AreRefusedWithWhatToDo) {
  ParsedLine parsed = Parse(GetParam().words);
  ASSERT_TRUE(parsed.usage_error);
  EXPECT_THAT(*parsed.usage_error, HasSubstr(GetParam().expected));
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, BadLines,
    ::testing::Values(
        BadLine{{"bogus"}, "Invalid choice: 'bogus'."},
        BadLine{{"ml-engine", "job", "list"}, "Maybe you meant:\n  hodei ml-engine jobs cancel"},
        BadLine{{"ml-engine", "jobs", "desribe", "x"}, "hodei ml-engine jobs describe"},
        BadLine{{"ml-engine", "jobs", "list", "extra"}, "unrecognized arguments: extra"},
        BadLine{{"ml-engine", "jobs", "submit", "training", "j", "--regoin", "x"},
                "--regoin (did you mean '--region'?)"},
        BadLine{{"ml-engine", "jobs", "submit", "training", "j", "--region"},
                "expected one argument"},
        BadLine{{"ml-engine", "jobs", "submit", "training", "j", "--region", "--async"},
                "argument --region: expected one argument"},
        BadLine{{"ml-engine", "jobs", "submit", "training"}, "argument JOB: Must be specified."},
        BadLine{{"ml-engine", "jobs", "submit", "training", "j", "--async", "--stream-logs"},
                "At most one of --async | --stream-logs can be specified."},
        BadLine{{"ml-engine", "jobs", "submit", "training", "j", "--scale-tier", "foo"},
                "Valid choices are [basic, basic-gpu, basic-tpu, custom, premium-1, standard-1]."},
        BadLine{{"ml-engine", "jobs", "submit", "training", "j", "--labels", "x"},
                "Bad syntax for dict arg: [x]"},
        BadLine{{"ml-engine", "jobs", "list", "--limit", "0"}, "greater than or equal to 1"},
        BadLine{{"ml-engine", "jobs", "list", "--limit", "99999999999999999999"},
                "must be an integer"},
        BadLine{{"ml-engine", "jobs", "list", "--limit", "x"}, "must be an integer"},
        BadLine{{"ml-engine", "jobs", "list", "--uri=maybe"}, "ignored explicit argument 'maybe'"},
        BadLine{{"ml-engine", "local", "train"}, "--module-name: Must be specified."}));

TEST(CommandLine, HelpNeedsNothingElse) {
  EXPECT_FALSE(Parse({"ml-engine", "jobs", "submit", "training", "--help"}).usage_error);
}

TEST(Suggestion, CountsSwappedNeighboursOnce) {
  EXPECT_EQ(EditDistance("regoin", "region"), 1u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(Nearest("descirbe", {"list", "describe", "cancel"}), "describe");
  EXPECT_EQ(Nearest("zzzz", {"list", "describe"}), "");
  EXPECT_EQ(Nearest(std::string(5000, 'x'), {"list"}), "");
}

TEST(CommandLine, ShortFlagsMayShareAWord) {
  ParsedLine parsed = Parse({"gsutil", "-mq", "ls", "-lha", "gs://b"});
  ASSERT_FALSE(parsed.usage_error) << *parsed.usage_error;
  for (const char* flag : {"multi", "quiet", "long", "readable-sizes", "all-versions"}) {
    EXPECT_TRUE(parsed.line.Switch(flag)) << flag;
  }
  EXPECT_THAT(parsed.line.positionals, ElementsAre("gs://b"));
  parsed = Parse({"gsutil", "-h", "A: b, c", "-hX:y", "cp", "-nz", "txt,csv", "a", "gs://b"});
  ASSERT_FALSE(parsed.usage_error) << *parsed.usage_error;
  EXPECT_THAT(parsed.line.Values("header"), ElementsAre("A: b, c", "X:y"));
  EXPECT_THAT(parsed.line.List("gzip-local"), ElementsAre("txt", "csv"));
  EXPECT_TRUE(parsed.line.Switch("no-clobber"));
  EXPECT_TRUE(Parse({"storage", "cp", "-rY", "a", "gs://b"}).usage_error);
  EXPECT_EQ(Parse({"storage", "cat", "-r", "-5", "gs://b/o"}).line.Text("range"), "-5");
}

}  // namespace
}  // namespace hodei::cli
