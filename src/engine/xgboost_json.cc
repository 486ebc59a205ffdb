#include "engine/xgboost_json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <optional>

#include "engine/tree_ensemble.h"

namespace hodei::engine {
namespace {

namespace dom = simdjson::dom;

constexpr int64_t kColumnsMax = 1 << 20;
constexpr int64_t kGroupsMax = 1 << 16;

enum class Link { kIdentity, kSigmoid, kExp, kSoftmax, kArgmax };

struct Objective {
  std::string_view name;
  Link link;
};

constexpr Objective kObjectives[] = {
    {"binary:logistic", Link::kSigmoid},
    {"reg:logistic", Link::kSigmoid},
    {"reg:squarederror", Link::kIdentity},
    {"reg:linear", Link::kIdentity},
    {"reg:absoluteerror", Link::kIdentity},
    {"reg:pseudohubererror", Link::kIdentity},
    {"reg:quantileerror", Link::kIdentity},
    {"reg:squaredlogerror", Link::kIdentity},
    {"rank:pairwise", Link::kIdentity},
    {"rank:ndcg", Link::kIdentity},
    {"rank:map", Link::kIdentity},
    {"binary:logitraw", Link::kIdentity},
    {"count:poisson", Link::kExp},
    {"reg:gamma", Link::kExp},
    {"reg:tweedie", Link::kExp},
    {"multi:softprob", Link::kSoftmax},
    {"multi:softmax", Link::kArgmax},
};

Status Unknown(std::string_view what) {
  return Unimplemented(fmt::format("the evaluator does not know {}", what));
}

Status Malformed(std::string_view what) {
  return InvalidArgument(fmt::format("no XGBoost model in JSON form: {}", what));
}

float Sigmoid(float x) { return 1.0F / (std::exp(std::min(-x, 88.7F)) + 1.0F); }

void Softmax(float* values, size_t count) {
  const float top = *std::max_element(values, values + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    values[i] = std::exp(values[i] - top);
    sum += values[i];
  }
  for (size_t i = 0; i < count; ++i) values[i] /= static_cast<float>(sum);
}

class SummedTrees : public Model {
 public:
  SummedTrees(TreeEnsemble<float, float> trees, Link link, std::vector<float> base, int64_t columns)
      : trees_(std::move(trees)), link_(link), base_(std::move(base)), columns_(columns) {
    Signature signature;
    signature.name = "serving_default";
    signature.inputs.push_back({"instances", DType::kFloat32, true, {-1, columns}});
    std::vector<int64_t> shape{-1};
    if (Vector()) shape.push_back(trees_.groups());
    signature.outputs.push_back({"predictions", DType::kFloat32, true, std::move(shape)});
    signatures_.push_back(std::move(signature));
  }

  const std::vector<Signature>& signatures() const override { return signatures_; }
  int concurrency() const override { return 64; }

  Result<std::vector<Tensor>> Run(size_t, const std::vector<Tensor>& inputs, Deadline) override {
    const auto rows = static_cast<size_t>(inputs[0].rows());
    const auto groups = static_cast<size_t>(trees_.groups());
    Tensor sums =
        MakeTensor(DType::kFloat32, {static_cast<int64_t>(rows), static_cast<int64_t>(groups)});
    auto* out = sums.values<float>();
    for (size_t row = 0; row < rows; ++row) {
      std::copy(base_.begin(), base_.end(), out + row * groups);
    }
    trees_.AddLeaves(inputs[0].values<float>(), rows, static_cast<size_t>(columns_), out);
    ApplyLink(rows, groups, out);
    if (!Vector()) {
      sums.shape = {static_cast<int64_t>(rows)};
      sums.data.resize(rows * sizeof(float));
    }
    std::vector<Tensor> outputs;
    outputs.push_back(std::move(sums));
    return outputs;
  }

 private:
  bool Vector() const { return trees_.groups() > 1 && link_ != Link::kArgmax; }

  void ApplyLink(size_t rows, size_t groups, float* out) const {
    switch (link_) {
      case Link::kIdentity:
        return;
      case Link::kSigmoid:
        for (size_t i = 0; i < rows * groups; ++i) out[i] = Sigmoid(out[i]);
        return;
      case Link::kExp:
        for (size_t i = 0; i < rows * groups; ++i) out[i] = std::exp(out[i]);
        return;
      case Link::kSoftmax:
        for (size_t row = 0; row < rows; ++row) Softmax(out + row * groups, groups);
        return;
      case Link::kArgmax:
        for (size_t row = 0; row < rows; ++row) {
          const float* first = out + row * groups;
          out[row] = static_cast<float>(std::max_element(first, first + groups) - first);
        }
        return;
    }
  }

  TreeEnsemble<float, float> trees_;
  Link link_;
  std::vector<float> base_;
  int64_t columns_;
  std::vector<Signature> signatures_;
};

// The library writes its parameters as text: "30", "5E-1", "[5E-1,2E0]".
Result<std::vector<double>> NumbersOf(dom::element element) {
  std::string_view text;
  double number = 0;
  if (element.get_double().get(number) == simdjson::SUCCESS) return std::vector<double>{number};
  if (element.get_string().get(text) != simdjson::SUCCESS) return Malformed("a parameter");
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  std::vector<double> numbers;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view one = text.substr(0, comma);
    const auto parsed = std::from_chars(one.data(), one.data() + one.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != one.data() + one.size()) {
      return Malformed("a parameter is no number");
    }
    numbers.push_back(number);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (numbers.empty()) return Malformed("an empty parameter");
  return numbers;
}

Result<int64_t> IntegerOf(simdjson::simdjson_result<dom::element> element, int64_t absent,
                          int64_t most) {
  dom::element value;
  if (element.get(value) != simdjson::SUCCESS) return absent;
  ASSIGN_OR_RETURN(std::vector<double> numbers, NumbersOf(value));
  if (numbers.size() != 1 || !(numbers[0] >= 0) || numbers[0] > static_cast<double>(most)) {
    return Malformed("a parameter is out of range");
  }
  return static_cast<int64_t>(numbers[0]);
}

template <typename T>
Status AppendArray(dom::element tree, const char* name, std::vector<T>* out) {
  dom::array array;
  if (tree[name].get(array) != simdjson::SUCCESS) return Malformed(fmt::format("no '{}'", name));
  for (dom::element element : array) {
    bool flag = false;
    double number = 0;
    if (element.get_double().get(number) == simdjson::SUCCESS) {
      if (!(std::abs(number) <= 3.5e38)) return Malformed("a number is out of range");
      if (!std::is_floating_point_v<T> && std::abs(number) > 2147483647.0) {
        return Malformed("an index is out of range");
      }
      out->push_back(static_cast<T>(number));
    } else if (element.get_bool().get(flag) == simdjson::SUCCESS) {
      out->push_back(static_cast<T>(flag));
    } else {
      return Malformed(fmt::format("'{}' holds something else", name));
    }
  }
  return OkStatus();
}

struct Forest {
  TreeArrays<float, float> arrays;
  std::vector<float> weight;  // of each tree (dart)
};

Status AppendTree(dom::element tree, float weight, Forest* forest) {
  TreeArrays<float, float>& arrays = forest->arrays;
  dom::array categories;
  if (tree["categories"].get(categories) == simdjson::SUCCESS && categories.size() != 0) {
    return Unknown("categorical splits");
  }
  ASSIGN_OR_RETURN(int64_t leaf_width,
                   IntegerOf(tree["tree_param"]["size_leaf_vector"], 1, kGroupsMax));
  if (leaf_width > 1) return Unknown("vector leaves");
  const size_t first = arrays.left.size();
  RETURN_IF_ERROR(AppendArray(tree, "left_children", &arrays.left));
  RETURN_IF_ERROR(AppendArray(tree, "right_children", &arrays.right));
  RETURN_IF_ERROR(AppendArray(tree, "split_indices", &arrays.feature));
  RETURN_IF_ERROR(AppendArray(tree, "split_conditions", &arrays.threshold));
  RETURN_IF_ERROR(AppendArray(tree, "default_left", &arrays.missing_left));
  const size_t count = arrays.left.size();
  if (count == first || arrays.right.size() != count || arrays.threshold.size() != count ||
      count > (1U << 30)) {
    return Malformed("a tree's arrays differ in length");
  }
  const auto offset = static_cast<int32_t>(first);
  for (size_t i = first; i < count; ++i) {
    const bool leaf = arrays.left[i] < 0;
    arrays.leaf.push_back(leaf ? static_cast<int32_t>(arrays.values.size()) : 0);
    if (leaf) {
      arrays.values.push_back(arrays.threshold[i] * weight);
      continue;
    }
    if (arrays.left[i] >= static_cast<int32_t>(count) - offset || arrays.right[i] < 0 ||
        arrays.right[i] >= static_cast<int32_t>(count) - offset) {
      return Malformed("a child is out of range");
    }
    arrays.left[i] += offset;
    arrays.right[i] += offset;
  }
  arrays.root.push_back(offset);
  return OkStatus();
}

Result<Forest> ReadForest(dom::element learner, int64_t groups) {
  dom::element booster;
  std::string_view name;
  if (learner["gradient_booster"].get(booster) != simdjson::SUCCESS ||
      booster["name"].get(name) != simdjson::SUCCESS) {
    return Malformed("no gradient_booster");
  }
  Forest forest;
  std::vector<float> weights;
  dom::element model;
  if (name == "dart") {
    RETURN_IF_ERROR(AppendArray(booster, "weight_drop", &weights));
    if (booster["gbtree"]["model"].get(model) != simdjson::SUCCESS) return Malformed("no model");
  } else if (name == "gbtree") {
    if (booster["model"].get(model) != simdjson::SUCCESS) return Malformed("no model");
  } else {
    return Unknown(fmt::format("booster '{}'", name));
  }
  dom::array trees;
  if (model["trees"].get(trees) != simdjson::SUCCESS) return Malformed("no trees");
  RETURN_IF_ERROR(AppendArray(model, "tree_info", &forest.arrays.group));
  size_t index = 0;
  for (dom::element tree : trees) {
    if (name == "dart" && index >= weights.size()) return Malformed("a tree has no weight");
    RETURN_IF_ERROR(AppendTree(tree, name == "dart" ? weights[index] : 1.0F, &forest));
    ++index;
  }
  forest.arrays.groups = static_cast<int32_t>(groups);
  return forest;
}

Result<Link> LinkOf(dom::element learner) {
  std::string_view name;
  if (learner["objective"]["name"].get(name) != simdjson::SUCCESS) return Malformed("no objective");
  for (const Objective& objective : kObjectives) {
    if (objective.name == name) return objective.link;
  }
  return Unknown(fmt::format("objective '{}'", name));
}

std::vector<std::vector<float>> ThresholdsOf(const TreeArrays<float, float>& arrays,
                                             size_t columns) {
  std::vector<std::vector<float>> thresholds(columns);
  for (size_t i = 0; i < arrays.left.size(); ++i) {
    if (arrays.left[i] < 0) continue;
    std::vector<float>& kept = thresholds[static_cast<size_t>(arrays.feature[i])];
    if (kept.size() < kThresholdsKept) kept.push_back(arrays.threshold[i]);
  }
  return thresholds;
}

// base_score is given as a prediction; sums start from the margin that yields it.
float Margin(Link link, double base_score) {
  const auto base = static_cast<float>(base_score);
  if (link == Link::kSigmoid) return -std::log(1.0F / base - 1.0F);
  if (link == Link::kExp) return std::log(base);
  return base;
}

}  // namespace

Result<XgboostTrees> ReadXgboostJson(std::string_view text) {
  dom::parser parser;
  dom::element root;
  dom::element learner;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS ||
      root["learner"].get(learner) != simdjson::SUCCESS) {
    return Malformed("no learner");
  }
  dom::element parameters;
  if (learner["learner_model_param"].get(parameters) != simdjson::SUCCESS) {
    return Malformed("no learner_model_param");
  }
  ASSIGN_OR_RETURN(int64_t columns, IntegerOf(parameters["num_feature"], 0, kColumnsMax));
  ASSIGN_OR_RETURN(int64_t classes, IntegerOf(parameters["num_class"], 0, kGroupsMax));
  ASSIGN_OR_RETURN(int64_t targets, IntegerOf(parameters["num_target"], 1, kGroupsMax));
  const int64_t groups = std::max<int64_t>({1, classes, targets});
  ASSIGN_OR_RETURN(Link link, LinkOf(learner));
  dom::element score;
  if (parameters["base_score"].get(score) != simdjson::SUCCESS) return Malformed("no base_score");
  ASSIGN_OR_RETURN(std::vector<double> scores, NumbersOf(score));
  if (scores.size() != 1 && scores.size() != static_cast<size_t>(groups)) {
    return Malformed("base_score has another size than the answers");
  }
  std::vector<float> base;
  for (int64_t i = 0; i < groups; ++i) {
    base.push_back(Margin(link, scores[scores.size() == 1 ? 0 : static_cast<size_t>(i)]));
  }
  ASSIGN_OR_RETURN(Forest forest, ReadForest(learner, groups));
  using Trees = TreeEnsemble<float, float>;
  ASSIGN_OR_RETURN(Trees trees, Trees::Build(forest.arrays, static_cast<int32_t>(columns)));
  XgboostTrees read;
  read.thresholds = ThresholdsOf(forest.arrays, static_cast<size_t>(columns));
  read.model = std::make_unique<SummedTrees>(std::move(trees), link, std::move(base), columns);
  return read;
}

}  // namespace hodei::engine
