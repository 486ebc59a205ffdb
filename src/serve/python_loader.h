// Models that the environment's interpreter loads: pickles (scikit-learn, XGBoost objects),
// TorchScript and custom code. A scikit-learn model that has a flat form and an XGBoost model that
// its library can write leave the interpreter behind; the others stay in its workers.
#pragma once

#include <memory>

#include "serve/loaded_model.h"
#include "serve/model_files.h"
#include "serve/serve_config.h"
#include "serve/xgboost_loader.h"

namespace hodei::serve {

Result<std::unique_ptr<LoadedModel>> LoadPython(const ServeConfig& config, const ModelFiles& files,
                                                const ProgramPaths& paths);

// What an earlier load left as LoadedModel::compiled, hostile bytes: the flat form with the probe
// and the model's own answers, which are compared again. No interpreter is started.
Result<std::unique_ptr<LoadedModel>> LoadCompiled(std::string_view file);

}  // namespace hodei::serve
