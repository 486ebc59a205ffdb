// The steps before a flat model's last: rows of doubles in, rows of doubles out. Each is what one
// scikit-learn transformer does, in the same order of operations.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace hodei::engine {

struct Rows {
  size_t count = 0;
  size_t width = 0;
  std::vector<double> values;
};

class FlatStep {
 public:
  virtual ~FlatStep() = default;
  // ModelError(kRun) where the transformer would raise.
  virtual Status Apply(Rows* rows) const = 0;
  virtual size_t width_after() const = 0;
};

using FlatSteps = std::vector<std::unique_ptr<FlatStep>>;
Status ApplyAll(const FlatSteps& steps, Rows* rows);

enum class Elementwise { kAdd, kSubtract, kMultiply, kDivide, kImpute };
enum class Norm { kL1, kL2, kMax };

// Sizes are checked by the caller (flat_model.cc): `values` has one value for each column.
std::unique_ptr<FlatStep> MakeElementwise(Elementwise op, std::vector<double> values);
std::unique_ptr<FlatStep> MakeClip(size_t width, double low, double high);
std::unique_ptr<FlatStep> MakeNormalize(size_t width, Norm norm);
std::unique_ptr<FlatStep> MakeBinarize(size_t width, double threshold);
// y = matrix x + shift; `matrix` has shift.size() rows of `width`.
std::unique_ptr<FlatStep> MakeAffine(size_t width, std::vector<double> matrix,
                                     std::vector<double> shift);
// For each column its categories, sorted, NaN last.
struct Categories {
  std::vector<std::vector<double>> of_column;
};
std::unique_ptr<FlatStep> MakeOneHot(Categories categories, bool ignore_unknown);
struct UnknownValue {
  bool allowed = false;
  double value = 0;
};
std::unique_ptr<FlatStep> MakeOrdinal(Categories categories, UnknownValue unknown);
struct Branch {
  std::vector<int32_t> columns;
  FlatSteps steps;
  size_t width_after = 0;
};
// Each branch sees its columns; their results stand side by side.
std::unique_ptr<FlatStep> MakeBranches(std::vector<Branch> branches);

}  // namespace hodei::engine
