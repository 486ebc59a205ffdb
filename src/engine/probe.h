// How a compiled form of a model earns its place: it must give the library's answers on rows drawn
// from where the model decides.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "engine/tensor.h"

namespace hodei::engine {

inline constexpr int64_t kProbeRows = 1000;
// Answers agree when |a - b| <= kAgreement * max(1, |b|); integers, booleans and strings when
// equal.
inline constexpr double kAgreement = 1e-6;

// Rows around the thresholds at which trees split each column: between and beyond them, exactly on
// them, and (where `missing`) NaN. The same for the same thresholds.
Tensor ProbeRows(const std::vector<std::vector<float>>& thresholds, int64_t rows, bool missing);

// OK when every answer agrees; otherwise FAILED_PRECONDITION with the first that does not.
Status CompareAnswers(const Tensor& ours, const Tensor& theirs);

}  // namespace hodei::engine
