#include "engine/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace hodei::engine {
namespace {

// A column's value: the mean splits around it decide between a point in their range widened by a
// quarter, a split itself, and nothing at all.
float Draw(const std::vector<float>& splits, bool missing, std::mt19937* random) {
  std::uniform_real_distribution<double> unit(0, 1);
  const double choice = unit(*random);
  if (missing && choice < 0.05) return std::numeric_limits<float>::quiet_NaN();
  if (splits.empty()) return static_cast<float>(unit(*random) * 2 - 1);
  if (choice < 0.25) return splits[(*random)() % splits.size()];
  const auto [least, most] = std::minmax_element(splits.begin(), splits.end());
  const double margin = std::max(0.25 * (static_cast<double>(*most) - *least), 1e-3);
  return static_cast<float>(*least - margin + unit(*random) * (*most - *least + 2 * margin));
}

Status Differ(size_t at, const std::string& ours, const std::string& theirs) {
  return FailedPrecondition(
      fmt::format("answer {} of the probe is {} and the library's is {}", at, ours, theirs));
}

template <typename T>
Status CompareReals(const Tensor& ours, const Tensor& theirs) {
  const T* a = ours.values<T>();
  const T* b = theirs.values<T>();
  for (size_t i = 0; i < ours.data.size() / sizeof(T); ++i) {
    const double x = a[i];
    const double y = b[i];
    const bool agree = x == y || (std::isnan(x) && std::isnan(y)) ||
                       std::abs(x - y) <= kAgreement * std::max(1.0, std::abs(y));
    if (!agree) return Differ(i, fmt::format("{}", x), fmt::format("{}", y));
  }
  return OkStatus();
}

}  // namespace

Tensor ProbeRows(const std::vector<std::vector<float>>& thresholds, int64_t rows, bool missing) {
  std::mt19937 random(20240229);
  const auto columns = static_cast<int64_t>(thresholds.size());
  Tensor tensor = MakeTensor(DType::kFloat32, {rows, columns});
  auto* values = tensor.values<float>();
  for (int64_t row = 0; row < rows; ++row) {
    // Half of the rows are whole, because most requests are and take another path.
    const bool holes = missing && row % 2 == 1;
    for (const std::vector<float>& splits : thresholds) *values++ = Draw(splits, holes, &random);
  }
  return tensor;
}

Status CompareAnswers(const Tensor& ours, const Tensor& theirs) {
  if (ours.dtype != theirs.dtype || ours.shape != theirs.shape) {
    return FailedPrecondition(fmt::format("the probe's answers are {} {} and the library's {} {}",
                                          DTypeName(ours.dtype), ShapeText(ours.shape),
                                          DTypeName(theirs.dtype), ShapeText(theirs.shape)));
  }
  if (ours.dtype == DType::kFloat32) return CompareReals<float>(ours, theirs);
  if (ours.dtype == DType::kFloat64) return CompareReals<double>(ours, theirs);
  if (ours.dtype == DType::kString) {
    for (size_t i = 0; i < ours.strings.size(); ++i) {
      if (ours.strings[i] != theirs.strings[i]) {
        return Differ(i, ours.strings[i], theirs.strings[i]);
      }
    }
    return OkStatus();
  }
  const auto differ = std::mismatch(ours.data.begin(), ours.data.end(), theirs.data.begin());
  if (differ.first == ours.data.end()) return OkStatus();
  const auto at = static_cast<size_t>(differ.first - ours.data.begin()) / ElementBytes(ours.dtype);
  return Differ(at, "another label", "different");
}

}  // namespace hodei::engine
