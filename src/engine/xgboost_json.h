// XGBoost's JSON form of a model, as the library writes it, read into trees that this program
// evaluates. What it does not know (categorical splits, vector leaves, linear boosters, survival
// objectives) is UNIMPLEMENTED with the reason, and the library serves.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/model.h"

namespace hodei::engine {

struct XgboostTrees {
  // One float32 input "instances" [-1, columns], one float32 output "predictions".
  std::unique_ptr<Model> model;
  // Where the trees split each column; at most kThresholdsKept of each.
  std::vector<std::vector<float>> thresholds;
};
inline constexpr size_t kThresholdsKept = 256;

Result<XgboostTrees> ReadXgboostJson(std::string_view text);

}  // namespace hodei::engine
