// hodei-serve --local: one request body from stdin, its answer on stdout, no socket. What
// `hodei ml-engine local predict` runs; errors read as the reference's library prints them.
#pragma once

#include "serve/serve_config.h"
#include "serve/xgboost_loader.h"

namespace hodei::serve {

// 0; 1 when the prediction failed; kExitLoadFailed when the model cannot be loaded.
int PredictLocally(const ServeConfig& config, const ProgramPaths& paths);

}  // namespace hodei::serve
