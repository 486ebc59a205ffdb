#include "serve/model_loader.h"

#include <fmt/format.h>

#include "engine/child_process.h"
#include "serve/model_files.h"
#include "serve/python_loader.h"
#include "sys/file.h"

namespace hodei::serve {
namespace {

constexpr size_t kPackageDirsBytesMax = 1 << 20;
constexpr size_t kCompiledBytesMax = 64 << 20;  // the server keeps no larger one

// One instance of zeros or empty strings where the shape says how large it is: the first call of a
// library allocates and compiles, which no client should wait for.
Status Warm(engine::Model* model, const BodyRules& rules) {
  const std::vector<engine::Signature>& signatures = model->signatures();
  const Result<size_t> chosen = ChooseSignature(signatures, rules.default_signature);
  if (!chosen.ok()) return OkStatus();
  std::vector<engine::Tensor> inputs;
  for (const engine::TensorSpec& spec : signatures[*chosen].inputs) {
    if (!spec.known_rank) return OkStatus();
    std::vector<int64_t> shape = spec.shape;
    for (int64_t& dimension : shape) dimension = dimension < 0 ? 1 : dimension;
    constexpr int64_t kElementsMax = 1 << 24;
    if (engine::ElementCount(shape) < 0 || engine::ElementCount(shape) > kElementsMax) {
      return OkStatus();
    }
    engine::Tensor input = engine::MakeTensor(spec.dtype, shape);
    if (spec.dtype == engine::DType::kString) {
      for (int64_t i = 0; i < engine::ElementCount(shape); ++i) input.AppendString("");
    }
    inputs.push_back(std::move(input));
  }
  return model->Run(*chosen, inputs, engine::Deadline::max()).status();
}

// A graph may refuse an empty string as the image or example that it expects, and a model of words
// the row of zeros: that says nothing about the model.
bool MadeUpInputMayBeAtFault(const LoadedModel& loaded, const Status& status) {
  if (status.code() == Code::kInvalidArgument || loaded.body_model != nullptr) return true;
  const std::vector<engine::Signature>& signatures = loaded.model->signatures();
  const Result<size_t> chosen = ChooseSignature(signatures, loaded.rules.default_signature);
  if (!chosen.ok()) return false;
  for (const engine::TensorSpec& input : signatures[*chosen].inputs) {
    if (input.dtype == engine::DType::kString) return true;
  }
  return false;
}

Result<std::unique_ptr<LoadedModel>> LoadSavedModel(const ServeConfig& config,
                                                    const ProgramPaths& paths) {
  auto loaded = std::make_unique<LoadedModel>();
  ASSIGN_OR_RETURN(loaded->native_engine,
                   engine::NativeEngine::Open(paths.engines_dir + "/tensorflow.so"));
  engine::LoadOptions options;
  options.model_dir = config.model_dir;
  options.tags = config.tags;
  options.threads = config.threads;
  ASSIGN_OR_RETURN(options.package_dirs, PackageDirs(config.python));
  ASSIGN_OR_RETURN(loaded->model, loaded->native_engine->Load(options));
  loaded->framework = "TENSORFLOW";
  loaded->engine = "tensorflow-c";
  loaded->engine_reason = "SavedModels run in TensorFlow's C interface";
  loaded->named_outputs = true;
  return loaded;
}

Result<std::unique_ptr<LoadedModel>> LoadCompiledFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kCompiledBytesMax));
  Result<std::unique_ptr<LoadedModel>> loaded = LoadCompiled(bytes);
  // The model's own files are there: another release's form costs time and nothing else.
  if (!loaded.ok()) {
    fmt::print(stderr, "hodei-serve: the compiled form is not used: {}\n",
               loaded.status().message());
  }
  return loaded;
}

}  // namespace

Result<std::vector<std::string>> PackageDirs(const std::string& python) {
  ASSIGN_OR_RETURN(engine::ProgramOutput output,
                   engine::RunToEnd({python, "-c", "import sys; print('\\n'.join(sys.path))"},
                                    kPackageDirsBytesMax));
  if (output.exit_code != 0) {
    return engine::ModelError(
        engine::Fault::kLoad,
        fmt::format("'{}' does not start: it ended with status {}", python, output.exit_code));
  }
  std::vector<std::string> dirs;
  std::string_view rest = output.text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (end != 0) dirs.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return dirs;
}

Result<std::unique_ptr<LoadedModel>> LoadModel(const ServeConfig& config,
                                               const ProgramPaths& paths) {
  if (!config.compiled.empty()) {
    if (auto compiled = LoadCompiledFile(config.compiled); compiled.ok()) return compiled;
  }
  ASSIGN_OR_RETURN(ModelFiles files, FindModelFiles(config.model_dir, config.framework,
                                                    !config.prediction_class.empty()));
  std::unique_ptr<LoadedModel> loaded;
  switch (files.kind) {
    case ModelKind::kXgboost: {
      XgboostSource source;
      source.model_dir = config.model_dir;
      source.threads = config.threads;
      ASSIGN_OR_RETURN(source.package_dirs, PackageDirs(config.python));
      ASSIGN_OR_RETURN(loaded, LoadXgboost(source, paths));
      break;
    }
    case ModelKind::kSavedModel: {
      ASSIGN_OR_RETURN(loaded, LoadSavedModel(config, paths));
      break;
    }
    case ModelKind::kPickle:
    case ModelKind::kTorchScript:
    case ModelKind::kCustomCode: {
      ASSIGN_OR_RETURN(loaded, LoadPython(config, files, paths));
      break;
    }
  }
  if (!config.signature_name.empty()) loaded->rules.default_signature = config.signature_name;
  if (loaded->model == nullptr) return loaded;
  const Status warm = Warm(loaded->model.get(), loaded->rules);
  if (!warm.ok() && !MadeUpInputMayBeAtFault(*loaded, warm)) return warm;
  return loaded;
}

}  // namespace hodei::serve
