// Which model file a folder holds, by the names of the reference's section 8.5.
#pragma once

#include <string>

#include "base/status.h"

namespace hodei::serve {

enum class ModelKind {
  kSavedModel,   // saved_model.pb, saved_model.pbtxt
  kXgboost,      // model.bst (also model.json, model.ubj)
  kPickle,       // model.joblib, model.pkl: its object says whose it is
  kTorchScript,  // model.pt
  kCustomCode,   // whatever the prediction class reads
};

struct ModelFiles {
  ModelKind kind = ModelKind::kCustomCode;
  std::string file;  // name within the folder; empty for custom code
};

// `framework` as the API names it or empty. Load errors in the reference's words: no model file,
// several, or not the framework's.
Result<ModelFiles> FindModelFiles(const std::string& folder, const std::string& framework,
                                  bool custom_code);

}  // namespace hodei::serve
