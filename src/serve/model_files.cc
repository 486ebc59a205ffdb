#include "serve/model_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "engine/model.h"
#include "sys/file.h"

namespace hodei::serve {
namespace {

struct KnownFile {
  const char* name;
  ModelKind kind;
};

constexpr KnownFile kKnownFiles[] = {
    {"saved_model.pb", ModelKind::kSavedModel}, {"saved_model.pbtxt", ModelKind::kSavedModel},
    {"model.bst", ModelKind::kXgboost},         {"model.json", ModelKind::kXgboost},
    {"model.ubj", ModelKind::kXgboost},         {"model.joblib", ModelKind::kPickle},
    {"model.pkl", ModelKind::kPickle},          {"model.pt", ModelKind::kTorchScript},
};

bool Suits(const std::string& framework, ModelKind kind) {
  if (framework.empty() || framework == "FRAMEWORK_UNSPECIFIED") return true;
  if (framework == "TENSORFLOW") return kind == ModelKind::kSavedModel;
  if (framework == "SCIKIT_LEARN") return kind == ModelKind::kPickle;
  return kind == ModelKind::kXgboost || kind == ModelKind::kPickle;
}

Status LoadError(std::string message) {
  return engine::ModelError(engine::Fault::kLoad, std::move(message));
}

}  // namespace

Result<ModelFiles> FindModelFiles(const std::string& folder, const std::string& framework,
                                  bool custom_code) {
  if (custom_code) return ModelFiles{};
  std::vector<ModelFiles> found;
  std::vector<std::string> unsuited;
  for (const KnownFile& known : kKnownFiles) {
    if (!FileExists(folder + "/" + known.name)) continue;
    if (Suits(framework, known.kind)) {
      found.push_back({known.kind, known.name});
    } else {
      unsuited.emplace_back(known.name);
    }
  }
  if (found.size() == 1) return found[0];
  if (found.size() > 1) {
    std::vector<std::string> names;
    for (const ModelFiles& files : found) names.push_back(files.file);
    return LoadError(fmt::format("Multiple model files are found: {}.", fmt::join(names, ", ")));
  }
  if (!unsuited.empty()) {
    return LoadError(
        fmt::format("{} is no model file of framework {}.", fmt::join(unsuited, ", "), framework));
  }
  return LoadError(
      "No model file was found: expected saved_model.pb, model.bst, model.joblib or model.pkl in "
      "the "
      "model's folder, or a prediction class.");
}

}  // namespace hodei::serve
