// XGBoost models: the library in a short-lived child writes the model in its JSON form and answers
// probe rows; where our own trees give the same answers they serve, and this program never maps the
// library. Otherwise the library serves.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serve/loaded_model.h"

namespace hodei::serve {

// Where the parts of the serving program are.
struct ProgramPaths {
  std::string self;         // this program's file
  std::string engines_dir;  // xgboost.so, tensorflow.so
};

struct XgboostSource {
  std::string model_dir;
  std::string model_file;  // a file with the model's bytes instead of one in model_dir; or empty
  std::vector<std::string> package_dirs;
  int threads = 1;
};

Result<std::unique_ptr<LoadedModel>> LoadXgboost(const XgboostSource& source,
                                                 const ProgramPaths& paths);

// The child: `arguments` as LoadXgboost() gives them. Prints the verdict; returns the exit code.
int CompileXgboostMain(const std::vector<std::string>& arguments);

}  // namespace hodei::serve
