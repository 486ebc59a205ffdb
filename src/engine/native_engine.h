// Engines of the C ABI seen from C++: opening the shared object, loading models, running them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/engine_abi.h"
#include "engine/model.h"
#include "engine/shared_library.h"

namespace hodei::engine {

struct LoadOptions {
  std::string model_dir;
  std::string model;  // the model's bytes instead of a file in model_dir; empty: none
  std::vector<std::string> package_dirs;
  std::vector<std::string> tags;
  int threads = 1;
};

class NativeModel;

class NativeEngine {
 public:
  // Opens `path` and checks its version. FAILED_PRECONDITION when it is of another major version.
  static Result<std::unique_ptr<NativeEngine>> Open(const std::string& path);

  std::string name() const { return api_->name; }
  // This engine must outlive the model. Errors are ModelError()s with the library's own words.
  Result<std::unique_ptr<NativeModel>> Load(const LoadOptions& options);

 private:
  friend class NativeModel;
  NativeEngine(SharedLibrary library, const hodei_engine_api* api)
      : library_(std::move(library)), api_(api) {}
  Status Take(hodei_error* error) const;

  SharedLibrary library_;
  const hodei_engine_api* api_;
};

class NativeModel : public Model {
 public:
  ~NativeModel() override;
  const std::vector<Signature>& signatures() const override { return signatures_; }
  int concurrency() const override;
  Result<std::vector<Tensor>> Run(size_t signature, const std::vector<Tensor>& inputs,
                                  Deadline deadline) override;
  // The model in its library's text form; UNIMPLEMENTED when the engine has none.
  Result<std::string> Export();

 private:
  friend class NativeEngine;
  NativeModel(NativeEngine* engine, hodei_model* model, int threads)
      : engine_(engine), model_(model), threads_(threads) {}
  Status ReadSignatures();

  NativeEngine* engine_;
  hodei_model* model_;
  int threads_;
  std::vector<Signature> signatures_;
};

}  // namespace hodei::engine
