#include "domain/environments/runtime_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/environments/embedded.h"

namespace hodei::environments {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<Interpreter> kPython311 = {{"3.11", "/usr/bin/python3.11", "id"}};

RuntimeTable Shipped() {
  auto table = RuntimeTable::Parse(embedded::runtimes_yaml);
  EXPECT_TRUE(table.ok()) << table.status();
  return *table;
}

TEST(RuntimeTable, TheShippedTableParsesAndPinsEveryRequirement) {
  RuntimeTable table = Shipped();
  const RuntimeDefinition* runtime = table.Find("2.21");
  ASSERT_NE(runtime, nullptr);
  for (const LayerDefinition& layer : runtime->layers) {
    for (const std::string& requirement : layer.requirements) {
      EXPECT_THAT(requirement, HasSubstr("==")) << layer.name;
    }
  }
  for (const std::string& requirement : runtime->base) EXPECT_THAT(requirement, HasSubstr("=="));
  std::vector<std::string> pins = runtime->constraints;
  for (const LayerDefinition& layer : runtime->layers) {
    pins.insert(pins.end(), layer.constraints.begin(), layer.constraints.end());
  }
  for (const std::string& pin : pins) EXPECT_THAT(pin, HasSubstr("=="));
}

TEST(RuntimeTable, DefaultsAreTheNewestRuntimeWithoutAWarning) {
  auto resolved = Shipped().Resolve("", "", kPython311, RuntimePolicy::kExact);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->runtime_version, "2.21");
  EXPECT_EQ(resolved->python_version, "3.11");
  EXPECT_EQ(resolved->interpreter.path, "/usr/bin/python3.11");
  EXPECT_THAT(resolved->warnings, IsEmpty());
}

struct Pair {
  const char* runtime;
  const char* python;
};

class HistoricalPairs : public ::testing::TestWithParam<Pair> {};

TEST_P(HistoricalPairs, AreServedByTheNearestWithAWarningNamingBoth) {
  auto resolved =
      Shipped().Resolve(GetParam().runtime, GetParam().python, kPython311, RuntimePolicy::kNearest);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->runtime_version, GetParam().runtime);
  ASSERT_EQ(resolved->warnings.size(), 1u);
  EXPECT_THAT(resolved->warnings[0], HasSubstr(std::string("version ") + GetParam().runtime));
  EXPECT_THAT(resolved->warnings[0], HasSubstr("runtime 2.21 with Python 3.11"));
}

TEST_P(HistoricalPairs, AreRefusedByThePolicyExact) {
  auto resolved =
      Shipped().Resolve(GetParam().runtime, GetParam().python, kPython311, RuntimePolicy::kExact);
  EXPECT_EQ(resolved.status().code(), Code::kFailedPrecondition);
}

INSTANTIATE_TEST_SUITE_P(Table, HistoricalPairs,
                         ::testing::Values(Pair{"1.0", ""}, Pair{"1.2", "2.7"}, Pair{"1.4", "3.5"},
                                           Pair{"1.9", "3.5"}, Pair{"1.10", "2.7"},
                                           Pair{"1.15", "3.7"}, Pair{"2.1", ""},
                                           Pair{"2.11", "3.7"}, Pair{"2.11", "3"}));

TEST(RuntimeTable, TheDefaultPythonOfOldRuntimesIs27) {
  auto resolved = Shipped().Resolve("1.15", "", kPython311, RuntimePolicy::kNearest);
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved->python_version, "2.7");
}

struct BadPair {
  const char* runtime;
  const char* python;
  const char* field;
};

class ImpossiblePairs : public ::testing::TestWithParam<BadPair> {};

TEST_P(ImpossiblePairs, AreInvalidFields) {
  auto resolved =
      Shipped().Resolve(GetParam().runtime, GetParam().python, kPython311, RuntimePolicy::kNearest);
  ASSERT_EQ(resolved.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(resolved.status().message(), HasSubstr(GetParam().field));
}

INSTANTIATE_TEST_SUITE_P(Table, ImpossiblePairs,
                         ::testing::Values(BadPair{"1.3", "", "runtime_version"},
                                           BadPair{"2.0", "", "runtime_version"},
                                           BadPair{"99.1", "", "runtime_version"},
                                           BadPair{"1.9.0", "", "runtime_version"},
                                           BadPair{"../x", "", "runtime_version"},
                                           BadPair{"1.2", "3.5", "python_version"},
                                           BadPair{"1.15", "3.5", "python_version"},
                                           BadPair{"2.1", "2.7", "python_version"},
                                           BadPair{"2.21", "3.7", "python_version"},
                                           BadPair{"2.21", "three", "python_version"},
                                           BadPair{"2.1", "2", "python_version"}));

TEST(RuntimeTable, TheAskedInterpreterIsUsedWhenItIsHere) {
  std::vector<Interpreter> both = {{"3.11", "/usr/bin/python3.11", "a"},
                                   {"3.12", "/usr/bin/python3.12", "b"}};
  auto resolved = Shipped().Resolve("2.21", "3.12", both, RuntimePolicy::kExact);
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved->interpreter.path, "/usr/bin/python3.12");
  EXPECT_THAT(resolved->warnings, IsEmpty());
}

TEST(RuntimeTable, AnotherInterpreterThanAskedIsNamedInAWarning) {
  auto resolved = Shipped().Resolve("2.21", "3.13", kPython311, RuntimePolicy::kNearest);
  ASSERT_TRUE(resolved.ok());
  ASSERT_EQ(resolved->warnings.size(), 1u);
  EXPECT_THAT(resolved->warnings[0], HasSubstr("Python 3.13"));
  EXPECT_THAT(resolved->warnings[0], HasSubstr("Python 3.11"));
}

TEST(RuntimeTable, AMachineWithoutPythonSaysWhatToInstall) {
  auto resolved = Shipped().Resolve("", "", {}, RuntimePolicy::kNearest);
  EXPECT_EQ(resolved.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(resolved.status().message(), HasSubstr("python3-venv"));
}

TEST(RuntimeTable, BrokenTablesAreRefusedWithThePlace) {
  const std::vector<std::string> tables = {
      "",
      "[",
      "default: x",
      "default: x\nruntimes: {y: {pythons: ['3.11'], base: []}}",
      "default: x\nruntimes: {x: {pythons: [], base: []}}",
      "default: x\nruntimes: {x: {pythons: ['3'], layers: [{name: '../etc'}]}}",
      "default: x\nruntimes: {x: {pythons: ['3'], layers: [{name: a, after: [b]}]}}",
      "default: x\nruntimes: {x: {pythons: ['3']}}\n"
      "historical: [{versions: ['1'], python: '2', served_by: z}]",
  };
  for (const std::string& table : tables) {
    EXPECT_EQ(RuntimeTable::Parse(table).status().code(), Code::kInvalidArgument) << table;
  }
}

}  // namespace
}  // namespace hodei::environments
