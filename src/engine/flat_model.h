// Models in the flat form: what the Python worker writes of a fitted scikit-learn model
// (python/hodei_export.py, docs/decisions/0046-flat-models.md), checked completely when read.
#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "engine/model.h"

namespace hodei::engine {

inline constexpr size_t kFlatColumnsMax = 1 << 16;
inline constexpr int kFlatDepthMax = 8;  // branches within branches

// A model with one float64 input "instances" [-1, columns] and one output "predictions".
// INVALID_ARGUMENT for anything malformed.
Result<std::unique_ptr<Model>> ReadFlatModel(std::string_view bytes);

}  // namespace hodei::engine
