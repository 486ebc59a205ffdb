#include "engine/flat_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/model.h"

namespace hodei::engine {
namespace {

class ElementwiseStep : public FlatStep {
 public:
  ElementwiseStep(Elementwise op, std::vector<double> values)
      : op_(op), values_(std::move(values)) {}
  size_t width_after() const override { return values_.size(); }

  Status Apply(Rows* rows) const override {
    double* x = rows->values.data();
    for (size_t row = 0; row < rows->count; ++row) {
      for (double value : values_) {
        Combine(x, value);
        ++x;
      }
    }
    return OkStatus();
  }

 private:
  void Combine(double* x, double value) const {
    switch (op_) {
      case Elementwise::kAdd:
        *x += value;
        return;
      case Elementwise::kSubtract:
        *x -= value;
        return;
      case Elementwise::kMultiply:
        *x *= value;
        return;
      case Elementwise::kDivide:
        *x /= value;
        return;
      case Elementwise::kImpute:
        if (std::isnan(*x)) *x = value;
        return;
    }
  }

  Elementwise op_;
  std::vector<double> values_;
};

class ClipStep : public FlatStep {
 public:
  ClipStep(size_t width, double low, double high) : width_(width), low_(low), high_(high) {}
  size_t width_after() const override { return width_; }
  Status Apply(Rows* rows) const override {
    // Written so that NaN stays NaN.
    for (double& x : rows->values) x = x < low_ ? low_ : (x > high_ ? high_ : x);
    return OkStatus();
  }

 private:
  size_t width_;
  double low_;
  double high_;
};

class NormalizeStep : public FlatStep {
 public:
  NormalizeStep(size_t width, Norm norm) : width_(width), norm_(norm) {}
  size_t width_after() const override { return width_; }
  Status Apply(Rows* rows) const override {
    for (size_t row = 0; row < rows->count; ++row) {
      double* x = rows->values.data() + row * width_;
      const double length = Length(x);
      if (length == 0) continue;
      for (size_t i = 0; i < width_; ++i) x[i] /= length;
    }
    return OkStatus();
  }

 private:
  double Length(const double* x) const {
    double length = 0;
    for (size_t i = 0; i < width_; ++i) {
      const double size = std::abs(x[i]);
      if (norm_ == Norm::kL1) length += size;
      if (norm_ == Norm::kL2) length += size * size;
      if (norm_ == Norm::kMax) length = std::max(length, size);
    }
    return norm_ == Norm::kL2 ? std::sqrt(length) : length;
  }

  size_t width_;
  Norm norm_;
};

class BinarizeStep : public FlatStep {
 public:
  BinarizeStep(size_t width, double threshold) : width_(width), threshold_(threshold) {}
  size_t width_after() const override { return width_; }
  Status Apply(Rows* rows) const override {
    for (double& x : rows->values) x = x > threshold_ ? 1.0 : 0.0;
    return OkStatus();
  }

 private:
  size_t width_;
  double threshold_;
};

class AffineStep : public FlatStep {
 public:
  AffineStep(size_t width, std::vector<double> matrix, std::vector<double> shift)
      : width_(width), matrix_(std::move(matrix)), shift_(std::move(shift)) {}
  size_t width_after() const override { return shift_.size(); }
  Status Apply(Rows* rows) const override {
    std::vector<double> out(rows->count * shift_.size());
    for (size_t row = 0; row < rows->count; ++row) {
      const double* x = rows->values.data() + row * width_;
      for (size_t i = 0; i < shift_.size(); ++i) {
        const double* line = matrix_.data() + i * width_;
        double sum = 0;
        for (size_t k = 0; k < width_; ++k) sum += line[k] * x[k];
        out[row * shift_.size() + i] = sum + shift_[i];
      }
    }
    rows->values = std::move(out);
    rows->width = shift_.size();
    return OkStatus();
  }

 private:
  size_t width_;
  std::vector<double> matrix_;
  std::vector<double> shift_;
};

// The place of `x` among a column's categories, or -1.
int64_t PlaceOf(const std::vector<double>& categories, double x) {
  if (std::isnan(x)) {
    const bool known = !categories.empty() && std::isnan(categories.back());
    return known ? static_cast<int64_t>(categories.size()) - 1 : -1;
  }
  size_t sorted = categories.size();
  if (sorted > 0 && std::isnan(categories.back())) --sorted;
  const auto end = categories.begin() + static_cast<ptrdiff_t>(sorted);
  const auto found = std::lower_bound(categories.begin(), end, x);
  return found != end && *found == x ? found - categories.begin() : -1;
}

Status UnknownCategory(double x, size_t column) {
  return ModelError(
      Fault::kRun, fmt::format("Exception during sklearn prediction: Found unknown categories [{}] "
                               "in column {} during transform",
                               x, column));
}

class OneHotStep : public FlatStep {
 public:
  OneHotStep(Categories categories, bool ignore)
      : categories_(std::move(categories)), ignore_(ignore) {
    for (const std::vector<double>& column : categories_.of_column) width_ += column.size();
  }
  size_t width_after() const override { return width_; }
  Status Apply(Rows* rows) const override {
    const size_t columns = categories_.of_column.size();
    std::vector<double> out(rows->count * width_, 0.0);
    for (size_t row = 0; row < rows->count; ++row) {
      size_t begin = row * width_;
      for (size_t i = 0; i < columns; ++i) {
        const double x = rows->values[row * columns + i];
        const int64_t place = PlaceOf(categories_.of_column[i], x);
        if (place < 0 && !ignore_) return UnknownCategory(x, i);
        if (place >= 0) out[begin + static_cast<size_t>(place)] = 1.0;
        begin += categories_.of_column[i].size();
      }
    }
    rows->values = std::move(out);
    rows->width = width_;
    return OkStatus();
  }

 private:
  Categories categories_;
  bool ignore_;
  size_t width_ = 0;
};

class OrdinalStep : public FlatStep {
 public:
  OrdinalStep(Categories categories, UnknownValue unknown)
      : categories_(std::move(categories)), unknown_(unknown) {}
  size_t width_after() const override { return categories_.of_column.size(); }
  Status Apply(Rows* rows) const override {
    const size_t columns = categories_.of_column.size();
    for (size_t at = 0; at < rows->values.size(); ++at) {
      double& x = rows->values[at];
      const int64_t place = PlaceOf(categories_.of_column[at % columns], x);
      if (std::isnan(x) && place >= 0) continue;
      if (place < 0 && !unknown_.allowed) return UnknownCategory(x, at % columns);
      x = place < 0 ? unknown_.value : static_cast<double>(place);
    }
    return OkStatus();
  }

 private:
  Categories categories_;
  UnknownValue unknown_;
};

class BranchesStep : public FlatStep {
 public:
  explicit BranchesStep(std::vector<Branch> branches) : branches_(std::move(branches)) {
    for (const Branch& branch : branches_) width_ += branch.width_after;
  }
  size_t width_after() const override { return width_; }
  Status Apply(Rows* rows) const override {
    std::vector<double> out(rows->count * width_);
    size_t begin = 0;
    for (const Branch& branch : branches_) {
      Rows part{rows->count, branch.columns.size(), {}};
      part.values.reserve(part.count * part.width);
      for (size_t row = 0; row < rows->count; ++row) {
        for (int32_t column : branch.columns) {
          part.values.push_back(rows->values[row * rows->width + static_cast<size_t>(column)]);
        }
      }
      RETURN_IF_ERROR(ApplyAll(branch.steps, &part));
      for (size_t row = 0; row < rows->count; ++row) {
        std::copy_n(part.values.data() + row * part.width, part.width,
                    out.data() + row * width_ + begin);
      }
      begin += part.width;
    }
    rows->values = std::move(out);
    rows->width = width_;
    return OkStatus();
  }

 private:
  std::vector<Branch> branches_;
  size_t width_ = 0;
};

}  // namespace

Status ApplyAll(const FlatSteps& steps, Rows* rows) {
  for (const std::unique_ptr<FlatStep>& step : steps) RETURN_IF_ERROR(step->Apply(rows));
  return OkStatus();
}

std::unique_ptr<FlatStep> MakeElementwise(Elementwise op, std::vector<double> values) {
  return std::make_unique<ElementwiseStep>(op, std::move(values));
}
std::unique_ptr<FlatStep> MakeClip(size_t width, double low, double high) {
  return std::make_unique<ClipStep>(width, low, high);
}
std::unique_ptr<FlatStep> MakeNormalize(size_t width, Norm norm) {
  return std::make_unique<NormalizeStep>(width, norm);
}
std::unique_ptr<FlatStep> MakeBinarize(size_t width, double threshold) {
  return std::make_unique<BinarizeStep>(width, threshold);
}
std::unique_ptr<FlatStep> MakeAffine(size_t width, std::vector<double> matrix,
                                     std::vector<double> shift) {
  return std::make_unique<AffineStep>(width, std::move(matrix), std::move(shift));
}
std::unique_ptr<FlatStep> MakeOneHot(Categories categories, bool ignore_unknown) {
  return std::make_unique<OneHotStep>(std::move(categories), ignore_unknown);
}
std::unique_ptr<FlatStep> MakeOrdinal(Categories categories, UnknownValue unknown) {
  return std::make_unique<OrdinalStep>(std::move(categories), unknown);
}
std::unique_ptr<FlatStep> MakeBranches(std::vector<Branch> branches) {
  return std::make_unique<BranchesStep>(std::move(branches));
}

}  // namespace hodei::engine
