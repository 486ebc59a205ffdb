// Collects the values of one input over the instances of a request into one array. The first
// instance fixes the shape where the model leaves it open; all others must have the same.
#pragma once

#include <simdjson.h>

#include <string>

#include "base/status.h"
#include "engine/tensor.h"

namespace hodei::serve {

class InputBuilder {
 public:
  InputBuilder(const engine::TensorSpec* spec, bool null_is_nan);

  // The value of one instance.
  Status Add(simdjson::ondemand::value value);
  // The same for an object {"b64": "…"}, which is bytes for an input of strings.
  Status AddBytes(simdjson::ondemand::object object);
  int64_t rows() const { return rows_; }
  Result<engine::Tensor> Finish();

 private:
  Status AddValue(simdjson::ondemand::value value, size_t depth);
  Status AddArray(simdjson::ondemand::array array, size_t depth);
  template <typename T>
  Status AddReals(simdjson::ondemand::array array, size_t depth);
  Status AddScalar(simdjson::ondemand::value value, size_t depth);
  Status AddNumber(simdjson::ondemand::value value);
  Status AddInteger(simdjson::ondemand::value value);
  Status AddText(simdjson::ondemand::value value);
  Status AppendBytes(simdjson::ondemand::object object);
  Status AppendReal(double number);
  Status CloseArray(size_t depth, int64_t size);
  Status ShapeError(std::string_view got) const;
  Status TypeError(simdjson::ondemand::value value) const;

  const engine::TensorSpec* spec_;
  bool null_is_nan_;
  engine::Tensor tensor_;
  int64_t rows_ = 0;
  int64_t rank_ = -1;  // of an instance; -1: not known yet
  std::vector<int64_t> dimensions_;
};

// What a simdjson error means for the sender of the body.
Status NotJson(simdjson::error_code error);

}  // namespace hodei::serve
