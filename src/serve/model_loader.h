// From a folder to a LoadedModel: tells the kind of model, finds the libraries of the environment,
// and warms what was loaded.
#pragma once

#include <memory>
#include <string>

#include "serve/loaded_model.h"
#include "serve/serve_config.h"
#include "serve/xgboost_loader.h"

namespace hodei::serve {

// The folders in which `python` finds packages, best first.
Result<std::vector<std::string>> PackageDirs(const std::string& python);

// Errors are load errors: engine::LibraryText() is what the user reads.
Result<std::unique_ptr<LoadedModel>> LoadModel(const ServeConfig& config,
                                               const ProgramPaths& paths);

}  // namespace hodei::serve
