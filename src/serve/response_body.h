// The answer to a prediction request: arrays printed as JSON, one element for each instance.
//
// Reals are printed in the shortest form that reads back as the same value of the output's type.
// NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity", as in requests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/tensor.h"

namespace hodei::serve {

// Printed predictions, one after the other; prediction i ends at ends[i].
struct Predictions {
  std::string text;
  std::vector<size_t> ends;

  size_t size() const { return ends.size(); }
  std::string_view at(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(text).substr(begin, ends[i] - begin);
  }
};

void AppendJsonString(std::string_view text, std::string* out);

// The predictions of `rows` instances. Named: an object keyed by output for each instance;
// otherwise the bare value of the only output. ABORTED when an output has no row for each instance.
// Outputs of strings whose name ends in "_bytes", and strings that are no UTF-8, are {"b64": …}.
Result<Predictions> PrintPredictions(const std::vector<engine::TensorSpec>& specs,
                                     const std::vector<engine::Tensor>& outputs, int64_t rows,
                                     bool named);

// {"predictions": [ … ]}
std::string PredictionsBody(const Predictions& predictions);
// {"error": "…"}
std::string ErrorBody(std::string_view message);

}  // namespace hodei::serve
