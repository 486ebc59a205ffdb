#include "engine/flat_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "engine/flat_model.h"

namespace hodei::engine {
namespace {

using simdjson::SUCCESS;
using simdjson::dom::array;
using simdjson::dom::element;

constexpr std::string_view kMagic = "HFM1";
constexpr size_t kPrefixBytes = 8;  // magic and the header's length
constexpr size_t kHeaderBytesMax = 16 << 20;
constexpr size_t kStepsMax = 1000;

size_t Aligned(size_t size) { return (size + 7) / 8 * 8; }

bool AllFinite(const std::vector<double>& values) {
  for (double value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

}  // namespace

Status MalformedFlatModel(std::string_view what) {
  return InvalidArgument(fmt::format("malformed flat model: {}", what));
}

Status FlatReader::Open(std::string_view bytes) {
  if (bytes.size() < kPrefixBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    return MalformedFlatModel("no magic");
  }
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + kMagic.size(), sizeof(length));
  if (length > kHeaderBytesMax || length > bytes.size() - kPrefixBytes) {
    return MalformedFlatModel("its header is cut short");
  }
  if (parser_.parse(bytes.data() + kPrefixBytes, length).get(root_) != SUCCESS ||
      !root_.is_object()) {
    return MalformedFlatModel("its header is no JSON object");
  }
  array table;
  if (root_["arrays"].get(table) != SUCCESS) return MalformedFlatModel("no arrays");
  size_t at = Aligned(kPrefixBytes + length);
  for (element entry : table) {
    array pair;
    std::string_view dtype;
    uint64_t count = 0;
    if (entry.get(pair) != SUCCESS || pair.size() != 2 || pair.at(0).get(dtype) != SUCCESS ||
        pair.at(1).get(count) != SUCCESS || dtype.size() != 2 ||
        (dtype != "f4" && dtype != "f8" && dtype != "i4" && dtype != "i8")) {
      return MalformedFlatModel("an entry of its arrays");
    }
    const size_t width = dtype[1] == '4' ? 4 : 8;
    if (at > bytes.size() || count > (bytes.size() - at) / width) {
      return MalformedFlatModel("an array is cut short");
    }
    arrays_.push_back({dtype, bytes.substr(at, count * width)});
    at += Aligned(count * width);
  }
  return OkStatus();
}

Result<std::string_view> FlatReader::Text(element in, const char* key) const {
  std::string_view text;
  if (in[key].get(text) != SUCCESS) return MalformedFlatModel(fmt::format("no '{}'", key));
  return text;
}

Result<int64_t> FlatReader::Integer(element in, const char* key, int64_t least,
                                    int64_t most) const {
  int64_t value = 0;
  if (in[key].get(value) != SUCCESS || value < least || value > most) {
    return MalformedFlatModel(fmt::format("'{}' is out of range", key));
  }
  return value;
}

Result<double> FlatReader::Real(element in, const char* key) const {
  double value = 0;
  if (in[key].get(value) != SUCCESS) return MalformedFlatModel(fmt::format("no '{}'", key));
  return value;
}

bool FlatReader::Flag(element in, const char* key) const {
  bool value = false;
  return in[key].get(value) == SUCCESS && value;
}

Result<const FlatReader::Array*> FlatReader::Find(element in, const char* key) const {
  uint64_t number = 0;
  if (in[key].get(number) != SUCCESS || number >= arrays_.size()) {
    return MalformedFlatModel(fmt::format("'{}' is no array", key));
  }
  return &arrays_[number];
}

Result<std::string_view> FlatReader::TypeOf(element in, const char* key) const {
  ASSIGN_OR_RETURN(const Array* found, Find(in, key));
  return found->dtype;
}

template <typename T>
Result<std::vector<T>> FlatReader::Values(element in, const char* key,
                                          std::string_view dtype) const {
  ASSIGN_OR_RETURN(const Array* found, Find(in, key));
  if (found->dtype != dtype) return MalformedFlatModel(fmt::format("'{}' is no {}", key, dtype));
  std::vector<T> values(found->bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), found->bytes.data(), found->bytes.size());
  return values;
}

Result<std::vector<double>> FlatReader::Doubles(element in, const char* key) const {
  return Values<double>(in, key, "f8");
}
Result<std::vector<float>> FlatReader::Floats(element in, const char* key) const {
  return Values<float>(in, key, "f4");
}
Result<std::vector<int32_t>> FlatReader::Integers(element in, const char* key) const {
  return Values<int32_t>(in, key, "i4");
}
Result<std::vector<int64_t>> FlatReader::Longs(element in, const char* key) const {
  return Values<int64_t>(in, key, "i8");
}

Result<FlatSteps> FlatReader::Steps(element in, size_t* width, int depth) const {
  if (depth > kFlatDepthMax) return MalformedFlatModel("branches are nested too deep");
  array list;
  if (in["steps"].get(list) != SUCCESS || list.size() > kStepsMax) {
    return MalformedFlatModel("no steps");
  }
  FlatSteps steps;
  for (element step : list) {
    ASSIGN_OR_RETURN(std::unique_ptr<FlatStep> made, Step(step, *width, depth));
    *width = made->width_after();
    if (*width == 0 || *width > kFlatColumnsMax) return MalformedFlatModel("a step's width");
    steps.push_back(std::move(made));
  }
  return steps;
}

Result<std::unique_ptr<FlatStep>> FlatReader::Step(element step, size_t width, int depth) const {
  ASSIGN_OR_RETURN(std::string_view op, Text(step, "op"));
  if (op == "clip") {
    ASSIGN_OR_RETURN(double low, Real(step, "low"));
    ASSIGN_OR_RETURN(double high, Real(step, "high"));
    return MakeClip(width, low, high);
  }
  if (op == "binarize") {
    ASSIGN_OR_RETURN(double threshold, Real(step, "threshold"));
    return MakeBinarize(width, threshold);
  }
  if (op == "normalize") {
    ASSIGN_OR_RETURN(std::string_view norm, Text(step, "norm"));
    if (norm == "l1") return MakeNormalize(width, Norm::kL1);
    if (norm == "l2") return MakeNormalize(width, Norm::kL2);
    if (norm == "max") return MakeNormalize(width, Norm::kMax);
    return MalformedFlatModel("an unknown norm");
  }
  if (op == "affine") return AffineStep(step, width);
  if (op == "one_hot" || op == "ordinal") return EncoderStep(op, step, width);
  if (op == "branches") return BranchesStep(step, width, depth);
  return ScaleStep(op, step, width);
}

Result<std::unique_ptr<FlatStep>> FlatReader::ScaleStep(std::string_view op, element step,
                                                        size_t width) const {
  struct Name {
    std::string_view name;
    Elementwise op;
  };
  constexpr Name kNames[] = {{"add", Elementwise::kAdd},
                             {"subtract", Elementwise::kSubtract},
                             {"multiply", Elementwise::kMultiply},
                             {"divide", Elementwise::kDivide},
                             {"impute", Elementwise::kImpute}};
  for (const Name& known : kNames) {
    if (known.name != op) continue;
    ASSIGN_OR_RETURN(std::vector<double> values, Doubles(step, "values"));
    if (values.size() != width || !AllFinite(values)) return MalformedFlatModel("a step's values");
    return MakeElementwise(known.op, std::move(values));
  }
  return MalformedFlatModel("an unknown step");
}

Result<std::unique_ptr<FlatStep>> FlatReader::AffineStep(element step, size_t width) const {
  ASSIGN_OR_RETURN(std::vector<double> matrix, Doubles(step, "matrix"));
  ASSIGN_OR_RETURN(std::vector<double> shift, Doubles(step, "shift"));
  if (shift.empty() || shift.size() > kFlatColumnsMax || matrix.size() != shift.size() * width) {
    return MalformedFlatModel("a matrix's size");
  }
  return MakeAffine(width, std::move(matrix), std::move(shift));
}

Result<std::unique_ptr<FlatStep>> FlatReader::EncoderStep(std::string_view op, element step,
                                                          size_t width) const {
  ASSIGN_OR_RETURN(std::vector<int32_t> counts, Integers(step, "counts"));
  ASSIGN_OR_RETURN(std::vector<double> values, Doubles(step, "categories"));
  ASSIGN_OR_RETURN(std::string_view unknown, Text(step, "unknown"));
  if (counts.size() != width) return MalformedFlatModel("an encoder's width");
  Categories categories;
  size_t at = 0;
  for (int32_t count : counts) {
    if (count <= 0 || static_cast<size_t>(count) > values.size() - at) {
      return MalformedFlatModel("an encoder's categories");
    }
    const auto begin = values.begin() + static_cast<ptrdiff_t>(at);
    categories.of_column.emplace_back(begin, begin + count);
    at += static_cast<size_t>(count);
    const std::vector<double>& column = categories.of_column.back();
    for (size_t i = 1; i < column.size(); ++i) {
      const bool last_is_nan = i + 1 == column.size() && std::isnan(column[i]);
      if (!(column[i - 1] < column[i]) && !last_is_nan) {
        return MalformedFlatModel("an encoder's categories are not sorted");
      }
    }
  }
  if (op == "one_hot") return MakeOneHot(std::move(categories), unknown == "ignore");
  UnknownValue value;
  if (unknown == "value") {
    value.allowed = true;
    ASSIGN_OR_RETURN(value.value, Real(step, "value"));
  }
  return MakeOrdinal(std::move(categories), value);
}

Result<std::unique_ptr<FlatStep>> FlatReader::BranchesStep(element step, size_t width,
                                                           int depth) const {
  array parts;
  if (step["parts"].get(parts) != SUCCESS || parts.size() == 0 || parts.size() > kStepsMax) {
    return MalformedFlatModel("branches without parts");
  }
  std::vector<Branch> branches;
  for (element part : parts) {
    Branch branch;
    ASSIGN_OR_RETURN(branch.columns, Integers(part, "columns"));
    if (branch.columns.empty() || branch.columns.size() > kFlatColumnsMax) {
      return MalformedFlatModel("a branch without columns");
    }
    for (int32_t column : branch.columns) {
      if (column < 0 || static_cast<size_t>(column) >= width) {
        return MalformedFlatModel("a branch's column is out of range");
      }
    }
    branch.width_after = branch.columns.size();
    ASSIGN_OR_RETURN(branch.steps, Steps(part, &branch.width_after, depth + 1));
    branches.push_back(std::move(branch));
  }
  return MakeBranches(std::move(branches));
}

}  // namespace hodei::engine
