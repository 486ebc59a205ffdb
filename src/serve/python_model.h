// A model in Python workers, as arrays (scikit-learn) and as whole bodies (everything else).
#pragma once

#include <string_view>

#include "engine/python_pool.h"
#include "serve/loaded_model.h"

namespace hodei::serve {

// Arrays to predict() and back. The pool must outlive the model.
class PythonArrayModel : public engine::Model {
 public:
  PythonArrayModel(engine::PythonPool* pool, engine::Signature signature)
      : pool_(pool), signatures_{std::move(signature)} {}
  const std::vector<engine::Signature>& signatures() const override { return signatures_; }
  int concurrency() const override { return pool_->workers(); }
  Result<std::vector<engine::Tensor>> Run(size_t signature,
                                          const std::vector<engine::Tensor>& inputs,
                                          engine::Deadline deadline) override;

 private:
  engine::PythonPool* pool_;
  std::vector<engine::Signature> signatures_;
};

class PythonBodyModel : public BodyModel {
 public:
  explicit PythonBodyModel(engine::PythonPool* pool) : pool_(pool) {}
  int concurrency() const override { return pool_->workers(); }
  Result<Predictions> Predict(std::string_view body, engine::Deadline deadline) override;
  uint64_t restarts() const override { return pool_->restarts(); }

 private:
  engine::PythonPool* pool_;
};

// An array as a worker sends it: {"dtype": "f8", "shape": [3]} and its numbers, or "str" and texts.
Result<engine::Tensor> DecodeArray(std::string_view head, std::string_view data);

}  // namespace hodei::serve
