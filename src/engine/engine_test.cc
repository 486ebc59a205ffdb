// Trees, flat models, XGBoost's JSON, probes, and the Python workers, without any library.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/testing/status_matchers.h"
#include "engine/child_process.h"
#include "engine/flat_model.h"
#include "engine/native_engine.h"
#include "engine/probe.h"
#include "engine/python_pool.h"
#include "engine/tree_ensemble.h"
#include "engine/xgboost_json.h"
#include "sys/file.h"

namespace hodei::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// x0 < 0.5 ? (x1 < 2 ? 1 : 2) : 4, missing goes right at the root.
TreeArrays<float, float> OneTree() {
  TreeArrays<float, float> arrays;
  arrays.threshold = {0.5F, 2.0F, 0, 0, 0};
  arrays.feature = {0, 1, 0, 0, 0};
  arrays.left = {1, 3, -1, -1, -1};
  arrays.right = {2, 4, -1, -1, -1};
  arrays.missing_left = {0, 1, 1, 1, 1};
  arrays.leaf = {0, 0, 2, 0, 1};
  arrays.values = {1, 2, 4};
  arrays.root = {0};
  arrays.group = {0};
  return arrays;
}

TEST(TreeEnsemble, WalksOneRowAndManyAlike) {
  auto trees = TreeEnsemble<float, float>::Build(OneTree(), 2);
  ASSERT_TRUE(trees.ok()) << trees.status();
  const std::vector<float> rows = {0,    0, 0, 2,  0.5F, 0,    kNan, 0, 0,
                                   kNan, 1, 5, -1, 1.9F, 0.4F, 3,    9, 9};
  const std::vector<float> expected = {1, 2, 4, 4, 1, 4, 1, 2, 4};
  std::vector<float> together(9, 0.0F);
  trees->AddLeaves(rows.data(), 9, 2, together.data());
  EXPECT_EQ(together, expected);
  for (size_t row = 0; row < 9; ++row) {
    float alone = 0;
    trees->AddLeaves(rows.data() + 2 * row, 1, 2, &alone);
    EXPECT_EQ(alone, expected[row]) << row;
  }
}

TEST(TreeEnsemble, RefusesArraysThatAreNoTrees) {
  TreeArrays<float, float> loop = OneTree();
  loop.left[1] = 0;
  EXPECT_FALSE((TreeEnsemble<float, float>::Build(loop, 2).ok()));
  TreeArrays<float, float> feature = OneTree();
  feature.feature[0] = 2;
  EXPECT_FALSE((TreeEnsemble<float, float>::Build(feature, 2).ok()));
  TreeArrays<float, float> leaf = OneTree();
  leaf.leaf[2] = 3;
  EXPECT_FALSE((TreeEnsemble<float, float>::Build(leaf, 2).ok()));
  TreeArrays<float, float> group = OneTree();
  group.group[0] = 1;
  EXPECT_FALSE((TreeEnsemble<float, float>::Build(group, 2).ok()));
  TreeArrays<float, float> root = OneTree();
  root.root[0] = 5;
  EXPECT_FALSE((TreeEnsemble<float, float>::Build(root, 2).ok()));
}

TEST(TreeEnsemble, RefusesATreeDeeperThanItsLimit) {
  TreeArrays<float, float> chain;
  const int32_t depth = kTreeDepthMax + 1;
  for (int32_t level = 0; level < depth; ++level) {
    for (bool leaf : {false, true}) {
      chain.threshold.push_back(0);
      chain.feature.push_back(0);
      chain.left.push_back(leaf ? -1 : 2 * level + 1);
      chain.right.push_back(leaf ? -1 : 2 * level + 2);
      chain.missing_left.push_back(1);
      chain.leaf.push_back(0);
    }
  }
  chain.left.push_back(-1);
  chain.right.push_back(-1);
  chain.threshold.push_back(0);
  chain.feature.push_back(0);
  chain.missing_left.push_back(1);
  chain.leaf.push_back(0);
  chain.values = {1};
  chain.root = {0};
  chain.group = {0};
  EXPECT_FALSE((TreeEnsemble<float, float>::Build(chain, 1).ok()));
  chain.root = {2};  // one level less
  EXPECT_TRUE((TreeEnsemble<float, float>::Build(chain, 1).ok()));
}

std::string XgboostText(const std::string& objective, const std::string& base_score,
                        const std::string& booster = "gbtree") {
  return R"({"learner": {"learner_model_param": {"base_score": ")" + base_score +
         R"(", "num_class": "0", "num_feature": "2", "num_target": "1"},
    "objective": {"name": ")" +
         objective + R"("},
    "gradient_booster": {"name": ")" +
         booster + R"(", "model": {"tree_info": [0], "trees": [{
      "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [1, 0, 0],
      "split_conditions": [0.5, -1.5, 2.5], "default_left": [1, 0, 0], "categories": [],
      "tree_param": {"num_nodes": "3", "size_leaf_vector": "1"}}]}}}})";
}

Tensor Rows(std::vector<float> values, int64_t columns) {
  Tensor tensor =
      MakeTensor(DType::kFloat32, {static_cast<int64_t>(values.size()) / columns, columns});
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

TEST(XgboostJson, SumsLeavesFromTheMarginOfBaseScore) {
  auto read = ReadXgboostJson(XgboostText("reg:squarederror", "[1E0]"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->thresholds[1], ::testing::ElementsAre(0.5F));
  auto out = read->model->Run(0, {Rows({0, 0, 0, 0.5F, 0, kNan}, 2)}, Deadline::max());
  ASSERT_TRUE(out.ok());
  const float* values = (*out)[0].values<float>();
  EXPECT_EQ(values[0], -0.5F);
  EXPECT_EQ(values[1], 3.5F);
  EXPECT_EQ(values[2], -0.5F);
}

TEST(XgboostJson, AppliesTheObjectivesLink) {
  auto read = ReadXgboostJson(XgboostText("binary:logistic", "5E-1"));
  ASSERT_TRUE(read.ok()) << read.status();
  auto out = read->model->Run(0, {Rows({0, 1}, 2)}, Deadline::max());
  EXPECT_NEAR((*out)[0].values<float>()[0], 1 / (1 + std::exp(-2.5)), 1e-6);
}

TEST(XgboostJson, LeavesToTheLibraryWhatItDoesNotKnow) {
  EXPECT_EQ(ReadXgboostJson(XgboostText("survival:aft", "1")).status().code(),
            Code::kUnimplemented);
  EXPECT_EQ(ReadXgboostJson(XgboostText("reg:gamma", "1", "gblinear")).status().code(),
            Code::kUnimplemented);
  EXPECT_EQ(ReadXgboostJson("{}").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ReadXgboostJson("not json").status().code(), Code::kInvalidArgument);
}

std::string Flat(const std::string& header, const std::vector<std::string>& arrays) {
  std::string text = header;
  text.append((8 - (8 + text.size()) % 8) % 8, ' ');
  const auto size = static_cast<uint32_t>(text.size());
  std::string bytes = "HFM1";
  bytes.append(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes += text;
  for (const std::string& array : arrays) {
    bytes += array;
    bytes.append((8 - array.size() % 8) % 8, '\0');
  }
  return bytes;
}

template <typename T>
std::string Bytes(std::vector<T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// (x - [1, 2]) then weights [1, -1] + 0.5, labels by sign.
std::string FlatText(const std::string& missing = "false") {
  return Flat(R"({"columns": 2, "missing": )" + missing +
                  R"(, "arrays": [["f8", 2], ["f8", 2], ["f8", 1]],
       "steps": [{"op": "subtract", "values": 0}],
       "final": {"kind": "linear", "weights": 1, "intercept": 2, "rule": "sign",
                 "labels": {"type": "string", "values": ["no", "yes"]}}})",
              {Bytes<double>({1, 2}), Bytes<double>({1, -1}), Bytes<double>({0.5})});
}

Tensor DoubleRows(std::vector<double> values, int64_t columns) {
  Tensor tensor =
      MakeTensor(DType::kFloat64, {static_cast<int64_t>(values.size()) / columns, columns});
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

TEST(FlatModel, RunsStepsAndEstimatorAndNamesTheLabel) {
  auto model = ReadFlatModel(FlatText());
  ASSERT_TRUE(model.ok()) << model.status();
  auto out = (*model)->Run(0, {DoubleRows({1, 2, 0, 2}, 2)}, Deadline::max());
  ASSERT_TRUE(out.ok());
  EXPECT_THAT((*out)[0].strings, ::testing::ElementsAre("yes", "no"));
}

TEST(FlatModel, RefusesNumbersThatTheEstimatorWouldRefuse) {
  auto model = ReadFlatModel(FlatText());
  ASSERT_TRUE(model.ok());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT((*model)->Run(0, {DoubleRows({nan, 0}, 2)}, Deadline::max()).status().message(),
              HasSubstr("contains NaN"));
  EXPECT_THAT((*model)->Run(0, {DoubleRows({infinity, 0}, 2)}, Deadline::max()).status().message(),
              HasSubstr("infinity"));
  auto lenient = ReadFlatModel(FlatText("true"));
  EXPECT_TRUE((*lenient)->Run(0, {DoubleRows({nan, 0}, 2)}, Deadline::max()).ok());
}

TEST(FlatModel, RefusesEveryTruncationOfAModel) {
  const std::string whole = FlatText();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ReadFlatModel(whole.substr(0, size)).status().code(), Code::kInvalidArgument) << size;
  }
}

TEST(Probe, FindsOneAnswerThatDiffers) {
  Tensor ours = Rows({1, 2, 3}, 1);
  Tensor theirs = Rows({1, 2.0000001F, 3}, 1);
  EXPECT_TRUE(CompareAnswers(ours, theirs).ok());
  theirs.values<float>()[2] = 3.001F;
  EXPECT_THAT(CompareAnswers(ours, theirs).message(), HasSubstr("answer 2"));
  EXPECT_FALSE(CompareAnswers(ours, Rows({1, 2}, 1)).ok());
}

TEST(Probe, DrawsRowsOnAndAroundTheSplits) {
  const Tensor rows = ProbeRows({{0.0F, 10.0F}, {}}, 1000, true);
  size_t exact = 0;
  size_t missing = 0;
  for (size_t i = 0; i < 2000; i += 2) {
    const float x = rows.values<float>()[i];
    exact += x == 0.0F || x == 10.0F ? 1 : 0;
    missing += std::isnan(x) ? 1 : 0;
  }
  EXPECT_GT(exact, 100U);
  EXPECT_GT(missing, 5U);
}

TEST(NativeEngine, SaysWhyASharedObjectIsNoEngine) {
  EXPECT_EQ(NativeEngine::Open("/nonexistent.so").status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(NativeEngine::Open("libm.so.6").status().code(), Code::kNotFound);
}

// -- Python workers, with custom code that needs nothing but the interpreter

constexpr char kUserCode[] = R"(
import os, time
class Model:
    @classmethod
    def from_path(cls, path):
        return cls()
    def predict(self, instances, **kwargs):
        if instances == ["die"]:
            os._exit(7)
        if instances == ["sleep"]:
            time.sleep(60)  # past the deadline, which ends it
        if instances == ["raise"]:
            raise KeyError("missing")
        return [{"twice": i * 2, **kwargs} for i in instances]
class Wrong:
    @classmethod
    def from_path(cls, path):
        return cls()
    def predict(self, rows):
        return rows
class Broken:
    @classmethod
    def from_path(cls, path):
        raise OSError("no such file: weights")
    def predict(self, instances, **kwargs):
        return []
)";

class PythonWorkers : public ::testing::Test {
 protected:
  void SetUp() override {
    program_ = ReadFile(HODEI_SOURCE_DIR "/python/hodei_predict.py").value();
    ASSERT_TRUE(WriteFileDurably(folder_.path() + "/user_code.py", kUserCode).ok());
  }
  Result<std::unique_ptr<PythonPool>> Start(const std::string& name, int workers = 1) {
    PythonOptions options;
    options.python = "/usr/bin/python3";
    options.program = program_;
    options.workers = workers;
    options.environment = {"PYTHONPATH=" + folder_.path()};
    options.config = R"({"kind": "custom", "file": "", "framework": "", "model_dir": "/",
                         "prediction_class": "user_code.)" +
                     name + "\"}";
    return PythonPool::Start(std::move(options));
  }
  static Deadline In(std::chrono::milliseconds time) {
    return std::chrono::steady_clock::now() + time;
  }
  static std::string TextOf(const PythonFrame& frame) {
    return {frame.payload.begin(), frame.payload.end()};
  }

  TemporaryDirectory folder_;
  std::string program_;
};

TEST_F(PythonWorkers, AnswerWithTheUsersCode) {
  auto pool = Start("Model");
  ASSERT_TRUE(pool.ok()) << pool.status();
  auto answer = (*pool)->Call(PythonPool::kBody, "", R"({"instances": [1, "ab"], "k": 1})",
                              In(std::chrono::seconds(60)));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(TextOf(*answer), HasSubstr(R"({"twice": 2, "k": 1}{"twice": "abab", "k": 1})"));
}

TEST_F(PythonWorkers, ARaisedExceptionIsTheUserCodesFault) {
  auto pool = Start("Model");
  ASSERT_TRUE(pool.ok()) << pool.status();
  auto answer = (*pool)->Call(PythonPool::kBody, "", R"({"instances": ["raise"]})",
                              In(std::chrono::seconds(60)));
  EXPECT_EQ(answer.status().reason(), "4");
  EXPECT_THAT(answer.status().message(), HasSubstr("KeyError: 'missing'"));
  EXPECT_EQ((*pool)->restarts(), 0U);
}

TEST_F(PythonWorkers, ACrashFailsOneRequestAndAnotherWorkerTakesOver) {
  auto pool = Start("Model");
  ASSERT_TRUE(pool.ok()) << pool.status();
  const Deadline deadline = In(std::chrono::seconds(60));
  auto crashed = (*pool)->Call(PythonPool::kBody, "", R"({"instances": ["die"]})", deadline);
  EXPECT_EQ(crashed.status().code(), Code::kInternal);
  EXPECT_EQ((*pool)->restarts(), 1U);
  EXPECT_TRUE((*pool)->Call(PythonPool::kBody, "", R"({"instances": [1]})", deadline).ok());
}

TEST_F(PythonWorkers, ALateWorkerIsKilledAtTheDeadline) {
  auto pool = Start("Model");
  ASSERT_TRUE(pool.ok()) << pool.status();
  auto late = (*pool)->Call(PythonPool::kBody, "", R"({"instances": ["sleep"]})",
                            In(std::chrono::milliseconds(50)));
  EXPECT_EQ(late.status().code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(
      (*pool)
          ->Call(PythonPool::kBody, "", R"({"instances": [1]})", In(std::chrono::seconds(60)))
          .ok());
}

TEST_F(PythonWorkers, UserCodeThatBreaksTheContractIsALoadError) {
  EXPECT_THAT(Start("Wrong").status().message(), HasSubstr("must be (self, instances)"));
  EXPECT_THAT(Start("Absent").status().message(), HasSubstr("cannot be found"));
  EXPECT_THAT(Start("Broken").status().message(), HasSubstr("no such file: weights"));
  EXPECT_EQ(Start("Broken").status().reason(), "4");
}

TEST(ChildProcess, ReturnsOutputAndExitCodeAndKeepsItsLimit) {
  auto output = RunToEnd({"/bin/sh", "-c", "echo hi; exit 3"}, 100);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->text, "hi\n");
  EXPECT_EQ(output->exit_code, 3);
  EXPECT_EQ(RunToEnd({"/bin/sh", "-c", "printf 0123456789"}, 10)->text, "0123456789");
  EXPECT_EQ(RunToEnd({"/bin/sh", "-c", "printf 0123456789a"}, 10).status().code(),
            Code::kResourceExhausted);
  EXPECT_EQ(RunToEnd({"/nonexistent"}, 10).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace hodei::engine
