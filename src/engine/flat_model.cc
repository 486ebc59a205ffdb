#include "engine/flat_model.h"

#include <fmt/format.h>

#include <cmath>
#include <variant>

#include "engine/flat_reader.h"
#include "engine/flat_steps.h"
#include "engine/tree_ensemble.h"

namespace hodei::engine {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::element;

constexpr int64_t kOutputsMax = 1 << 16;

// How the numbers of the last estimator become the answer.
enum class Rule { kValue, kExp, kSign, kSignInclusive, kArgmax };

using LabelValues = std::variant<std::monostate, std::vector<int64_t>, std::vector<double>,
                                 std::vector<bool>, std::vector<std::string>>;

struct Linear {
  std::vector<double> weights;  // outputs rows of width
  std::vector<double> intercept;
};

struct Trees {
  std::variant<TreeEnsemble<float, double>, TreeEnsemble<double, double>> ensemble;
  std::vector<double> base;
  bool mean = false;
};

struct Estimator {
  std::variant<Linear, Trees> numbers;
  size_t outputs = 1;
  Rule rule = Rule::kValue;
  bool squeeze = true;
  LabelValues labels;
};

Status PredictionError(std::string_view what) {
  return ModelError(Fault::kRun, fmt::format("Exception during sklearn prediction: {}", what));
}

size_t LabelCount(const LabelValues& labels) {
  if (const auto* integers = std::get_if<std::vector<int64_t>>(&labels)) return integers->size();
  if (const auto* reals = std::get_if<std::vector<double>>(&labels)) return reals->size();
  if (const auto* flags = std::get_if<std::vector<bool>>(&labels)) return flags->size();
  if (const auto* texts = std::get_if<std::vector<std::string>>(&labels)) return texts->size();
  return 0;
}

class FlatModel : public Model {
 public:
  FlatModel(size_t columns, bool missing, FlatSteps steps, Estimator estimator)
      : columns_(columns),
        missing_(missing),
        steps_(std::move(steps)),
        estimator_(std::move(estimator)) {
    Signature signature;
    signature.name = "serving_default";
    signature.inputs.push_back(
        {"instances", DType::kFloat64, true, {-1, static_cast<int64_t>(columns)}});
    TensorSpec output{"predictions", OutputType(), true, {-1}};
    if (HoldsVectors()) output.shape.push_back(static_cast<int64_t>(estimator_.outputs));
    signature.outputs.push_back(std::move(output));
    signatures_.push_back(std::move(signature));
  }

  const std::vector<Signature>& signatures() const override { return signatures_; }
  int concurrency() const override { return 64; }

  Result<std::vector<Tensor>> Run(size_t, const std::vector<Tensor>& inputs, Deadline) override {
    Rows rows;
    rows.count = static_cast<size_t>(inputs[0].rows());
    rows.width = columns_;
    const auto* values = inputs[0].values<double>();
    rows.values.assign(values, values + rows.count * columns_);
    RETURN_IF_ERROR(CheckNumbers(rows));
    RETURN_IF_ERROR(ApplyAll(steps_, &rows));
    std::vector<double> numbers(rows.count * estimator_.outputs);
    RETURN_IF_ERROR(Estimate(rows, numbers.data()));
    std::vector<Tensor> outputs;
    outputs.push_back(Answer(numbers, rows.count));
    return outputs;
  }

 private:
  bool HoldsVectors() const {
    return (estimator_.rule == Rule::kValue || estimator_.rule == Rule::kExp) &&
           !(estimator_.outputs == 1 && estimator_.squeeze);
  }

  DType OutputType() const {
    if (std::holds_alternative<std::vector<int64_t>>(estimator_.labels)) return DType::kInt64;
    if (std::holds_alternative<std::vector<bool>>(estimator_.labels)) return DType::kBool;
    if (std::holds_alternative<std::vector<std::string>>(estimator_.labels)) return DType::kString;
    return DType::kFloat64;
  }

  Status CheckNumbers(const Rows& rows) const {
    for (double x : rows.values) {
      if (std::isnan(x) && !missing_) return PredictionError("Input X contains NaN.");
      if (std::isinf(x)) {
        return PredictionError(
            "Input X contains infinity or a value too large for dtype('float64').");
      }
    }
    return OkStatus();
  }

  Status Estimate(const Rows& rows, double* out) const {
    if (const auto* linear = std::get_if<Linear>(&estimator_.numbers)) {
      EstimateLinear(*linear, rows, out);
      return OkStatus();
    }
    return EstimateTrees(std::get<Trees>(estimator_.numbers), rows, out);
  }

  void EstimateLinear(const Linear& linear, const Rows& rows, double* out) const {
    for (size_t row = 0; row < rows.count; ++row) {
      const double* x = rows.values.data() + row * rows.width;
      for (size_t i = 0; i < estimator_.outputs; ++i) {
        const double* weights = linear.weights.data() + i * rows.width;
        double sum = 0;
        for (size_t k = 0; k < rows.width; ++k) sum += weights[k] * x[k];
        *out++ = sum + linear.intercept[i];
      }
    }
  }

  Status EstimateTrees(const Trees& trees, const Rows& rows, double* out) const {
    for (size_t row = 0; row < rows.count; ++row) {
      std::copy(trees.base.begin(), trees.base.end(), out + row * estimator_.outputs);
    }
    size_t tree_count = 0;
    if (const auto* narrow = std::get_if<TreeEnsemble<float, double>>(&trees.ensemble)) {
      std::vector<float> values(rows.values.size());
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(rows.values[i]);
        if (std::isinf(values[i])) {
          return PredictionError(
              "Input X contains infinity or a value too large for dtype('float32').");
        }
      }
      narrow->AddLeaves(values.data(), rows.count, rows.width, out);
      tree_count = narrow->tree_count();
    } else {
      const auto& wide = std::get<TreeEnsemble<double, double>>(trees.ensemble);
      wide.AddLeaves(rows.values.data(), rows.count, rows.width, out);
      tree_count = wide.tree_count();
    }
    if (trees.mean) {
      for (size_t i = 0; i < rows.count * estimator_.outputs; ++i) {
        out[i] /= static_cast<double>(tree_count);
      }
    }
    return OkStatus();
  }

  size_t LabelOf(const double* numbers) const {
    if (estimator_.rule == Rule::kSign) return numbers[0] > 0 ? 1 : 0;
    if (estimator_.rule == Rule::kSignInclusive) return numbers[0] >= 0 ? 1 : 0;
    return static_cast<size_t>(std::max_element(numbers, numbers + estimator_.outputs) - numbers);
  }

  Tensor Answer(const std::vector<double>& numbers, size_t count) const {
    const auto rows = static_cast<int64_t>(count);
    if (std::holds_alternative<std::monostate>(estimator_.labels)) {
      std::vector<int64_t> shape{rows};
      if (HoldsVectors()) shape.push_back(static_cast<int64_t>(estimator_.outputs));
      Tensor answer = MakeTensor(DType::kFloat64, std::move(shape));
      for (size_t i = 0; i < numbers.size(); ++i) {
        answer.values<double>()[i] =
            estimator_.rule == Rule::kExp ? std::exp(numbers[i]) : numbers[i];
      }
      return answer;
    }
    Tensor answer = OutputType() == DType::kString ? Tensor() : MakeTensor(OutputType(), {rows});
    answer.dtype = OutputType();
    answer.shape = {rows};
    for (size_t row = 0; row < count; ++row) {
      PutLabel(LabelOf(numbers.data() + row * estimator_.outputs), row, &answer);
    }
    return answer;
  }

  void PutLabel(size_t label, size_t row, Tensor* answer) const {
    if (const auto* integers = std::get_if<std::vector<int64_t>>(&estimator_.labels)) {
      answer->values<int64_t>()[row] = (*integers)[label];
    } else if (const auto* reals = std::get_if<std::vector<double>>(&estimator_.labels)) {
      answer->values<double>()[row] = (*reals)[label];
    } else if (const auto* flags = std::get_if<std::vector<bool>>(&estimator_.labels)) {
      answer->values<uint8_t>()[row] = (*flags)[label] ? 1 : 0;
    } else {
      answer->strings.push_back(std::get<std::vector<std::string>>(estimator_.labels)[label]);
    }
  }

  size_t columns_;
  bool missing_;
  FlatSteps steps_;
  Estimator estimator_;
  std::vector<Signature> signatures_;
};

Result<LabelValues> ReadLabels(const FlatReader& reader, element final) {
  element labels;
  if (final["labels"].get(labels) != SUCCESS) return LabelValues();
  ASSIGN_OR_RETURN(std::string_view type, reader.Text(labels, "type"));
  if (type == "string") {
    simdjson::dom::array values;
    if (labels["values"].get(values) != SUCCESS) return MalformedFlatModel("no label values");
    std::vector<std::string> texts;
    for (element value : values) {
      std::string_view text;
      if (value.get(text) != SUCCESS) return MalformedFlatModel("a label is no string");
      texts.emplace_back(text);
    }
    return LabelValues(std::move(texts));
  }
  if (type == "float64") {
    ASSIGN_OR_RETURN(std::vector<double> reals, reader.Doubles(labels, "array"));
    return LabelValues(std::move(reals));
  }
  ASSIGN_OR_RETURN(std::vector<int64_t> integers, reader.Longs(labels, "array"));
  if (type == "int64") return LabelValues(std::move(integers));
  if (type == "bool") return LabelValues(std::vector<bool>(integers.begin(), integers.end()));
  return MalformedFlatModel("an unknown type of labels");
}

Result<Rule> ReadRule(const FlatReader& reader, element final) {
  ASSIGN_OR_RETURN(std::string_view rule, reader.Text(final, "rule"));
  if (rule == "value") return Rule::kValue;
  if (rule == "exp") return Rule::kExp;
  if (rule == "sign") return Rule::kSign;
  if (rule == "sign_inclusive") return Rule::kSignInclusive;
  if (rule == "argmax") return Rule::kArgmax;
  return MalformedFlatModel("an unknown rule");
}

template <typename X>
Result<TreeEnsemble<X, double>> ReadEnsemble(const FlatReader& reader, element final,
                                             std::vector<X> threshold, size_t columns) {
  TreeArrays<X, double> arrays;
  arrays.threshold = std::move(threshold);
  ASSIGN_OR_RETURN(arrays.feature, reader.Integers(final, "feature"));
  ASSIGN_OR_RETURN(arrays.left, reader.Integers(final, "left"));
  ASSIGN_OR_RETURN(arrays.right, reader.Integers(final, "right"));
  ASSIGN_OR_RETURN(arrays.missing_left, reader.Integers(final, "missing_left"));
  ASSIGN_OR_RETURN(arrays.leaf, reader.Integers(final, "leaf"));
  ASSIGN_OR_RETURN(arrays.values, reader.Doubles(final, "values"));
  ASSIGN_OR_RETURN(arrays.root, reader.Integers(final, "root"));
  ASSIGN_OR_RETURN(arrays.group, reader.Integers(final, "group"));
  ASSIGN_OR_RETURN(int64_t width, reader.Integer(final, "width", 1, kOutputsMax));
  ASSIGN_OR_RETURN(int64_t groups, reader.Integer(final, "groups", 1, kOutputsMax));
  arrays.width = static_cast<int32_t>(width);
  arrays.groups = static_cast<int32_t>(groups);
  return TreeEnsemble<X, double>::Build(arrays, static_cast<int32_t>(columns));
}

Status ReadTrees(const FlatReader& reader, element final, size_t columns, Estimator* estimator) {
  ASSIGN_OR_RETURN(std::string_view type, reader.TypeOf(final, "threshold"));
  Trees trees{TreeEnsemble<float, double>(), {}, reader.Flag(final, "mean")};
  if (type == "f4") {
    ASSIGN_OR_RETURN(std::vector<float> threshold, reader.Floats(final, "threshold"));
    ASSIGN_OR_RETURN(auto narrow,
                     ReadEnsemble<float>(reader, final, std::move(threshold), columns));
    estimator->outputs = static_cast<size_t>(narrow.groups());
    if (narrow.tree_count() == 0) return MalformedFlatModel("no trees");
    trees.ensemble = std::move(narrow);
  } else {
    ASSIGN_OR_RETURN(std::vector<double> threshold, reader.Doubles(final, "threshold"));
    ASSIGN_OR_RETURN(auto wide, ReadEnsemble<double>(reader, final, std::move(threshold), columns));
    estimator->outputs = static_cast<size_t>(wide.groups());
    if (wide.tree_count() == 0) return MalformedFlatModel("no trees");
    trees.ensemble = std::move(wide);
  }
  ASSIGN_OR_RETURN(trees.base, reader.Doubles(final, "base"));
  if (trees.base.size() != estimator->outputs) return MalformedFlatModel("the size of its base");
  estimator->numbers = std::move(trees);
  return OkStatus();
}

Status ReadLinear(const FlatReader& reader, element final, size_t columns, Estimator* estimator) {
  Linear linear;
  ASSIGN_OR_RETURN(linear.weights, reader.Doubles(final, "weights"));
  ASSIGN_OR_RETURN(linear.intercept, reader.Doubles(final, "intercept"));
  estimator->outputs = linear.intercept.size();
  if (linear.intercept.empty() || linear.intercept.size() > static_cast<size_t>(kOutputsMax) ||
      linear.weights.size() != linear.intercept.size() * columns) {
    return MalformedFlatModel("the size of its weights");
  }
  estimator->numbers = std::move(linear);
  return OkStatus();
}

// Every label that the rule can choose must be there.
Status CheckLabels(const Estimator& estimator) {
  const size_t labels = LabelCount(estimator.labels);
  switch (estimator.rule) {
    case Rule::kValue:
    case Rule::kExp:
      if (labels != 0 || !std::holds_alternative<std::monostate>(estimator.labels)) break;
      return OkStatus();
    case Rule::kSign:
    case Rule::kSignInclusive:
      if (labels != 2 || estimator.outputs != 1) break;
      return OkStatus();
    case Rule::kArgmax:
      if (labels != estimator.outputs) break;
      return OkStatus();
  }
  return MalformedFlatModel("its labels do not fit its rule");
}

}  // namespace

Result<std::unique_ptr<Model>> ReadFlatModel(std::string_view bytes) {
  FlatReader reader;
  RETURN_IF_ERROR(reader.Open(bytes));
  ASSIGN_OR_RETURN(int64_t columns,
                   reader.Integer(reader.root(), "columns", 1, int64_t{kFlatColumnsMax}));
  size_t width = static_cast<size_t>(columns);
  ASSIGN_OR_RETURN(FlatSteps steps, reader.Steps(reader.root(), &width, 0));
  element final;
  if (reader.root()["final"].get(final) != SUCCESS) return MalformedFlatModel("no final");
  Estimator estimator;
  ASSIGN_OR_RETURN(std::string_view kind, reader.Text(final, "kind"));
  if (kind == "linear") {
    RETURN_IF_ERROR(ReadLinear(reader, final, width, &estimator));
  } else if (kind == "trees") {
    RETURN_IF_ERROR(ReadTrees(reader, final, width, &estimator));
  } else {
    return MalformedFlatModel("an unknown kind of estimator");
  }
  ASSIGN_OR_RETURN(estimator.rule, ReadRule(reader, final));
  ASSIGN_OR_RETURN(estimator.labels, ReadLabels(reader, final));
  estimator.squeeze = reader.Flag(final, "squeeze");
  RETURN_IF_ERROR(CheckLabels(estimator));
  return std::unique_ptr<Model>(std::make_unique<FlatModel>(
      static_cast<size_t>(columns), reader.Flag(reader.root(), "missing"), std::move(steps),
      std::move(estimator)));
}

}  // namespace hodei::engine
