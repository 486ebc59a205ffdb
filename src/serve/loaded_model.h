// A model as the serving program holds it: what runs it and how its answers look.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/model.h"
#include "engine/native_engine.h"
#include "engine/python_pool.h"
#include "serve/request_body.h"
#include "serve/response_body.h"

namespace hodei::serve {

// Answers whole JSON bodies: custom code, and models whose instances are no numbers.
class BodyModel {
 public:
  virtual ~BodyModel() = default;
  virtual int concurrency() const = 0;
  // One prediction for each instance. `body` is the client's.
  virtual Result<Predictions> Predict(std::string_view body, engine::Deadline deadline) = 0;
  virtual uint64_t restarts() const = 0;
};

struct LoadedModel {
  std::string framework;      // as the API names it; empty for custom code
  std::string engine;         // tensorflow-c, xgboost-c, flat-trees, python
  std::string engine_reason;  // why a compiled form was or was not chosen
  // In this order: a model must go before the engine that loaded it.
  std::unique_ptr<engine::NativeEngine> native_engine;
  std::unique_ptr<engine::PythonPool> python_pool;
  std::unique_ptr<engine::Model> model;  // null for custom code
  // Serves custom code, and bodies with reason kNotNumbers; may be null.
  std::unique_ptr<BodyModel> body_model;
  BodyRules rules;
  bool named_outputs = false;  // predictions are objects keyed by output
  std::string compiled;        // what LoadCompiled() takes; empty: nothing that saves time
};

// {"framework": …, "engine": …, "engine_reason": …, "signature": …}, or all signatures' with
// `signatures` for a model that has several.
std::string MetadataBody(const LoadedModel& loaded);

}  // namespace hodei::serve
