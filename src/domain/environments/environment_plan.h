// What has to be built for a job: the stack of layers with their keys. Pure: definition, inspection
// result and settings in, plan out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "domain/environments/environments.h"
#include "domain/environments/runtime_table.h"

namespace hodei::environments {

// Bump when hodei_build.py makes layers that differ from before for the same input.
inline constexpr int kLayerFormat = 1;
// Bump when hodei_inspect.py judges differently.
inline constexpr int kInspectionFormat = 1;

struct PlannedLayer {
  std::string key;
  std::string name;    // "base", a LayerDefinition's name, or "packages"
  std::string prefix;  // inside
  std::vector<std::string> requirements;
  std::vector<size_t> parents;                  // indexes into the plan, most specific first
  const LayerDefinition* definition = nullptr;  // of optional layers; owned by the table
};

// Base first, the job's packages last.
using EnvironmentPlan = std::vector<PlannedLayer>;

// The result of inspecting a job's packages.
struct Inspection {
  std::string error;                // a sentence for the user when the packages are refused
  std::vector<std::string> needed;  // names of optional layers, without what those come after
};

// Parses what hodei_inspect.py reported: hostile bytes. Layers that `runtime` does not have are
// ignored; a report without its last line is an error.
Result<Inspection> ParseInspection(std::string_view report, const RuntimeDefinition& runtime);

// The key of the inspection of these packages for this runtime.
std::string InspectionKey(const RuntimeDefinition& runtime,
                          const std::vector<PackageFile>& packages);

EnvironmentPlan PlanEnvironment(const RuntimeDefinition& runtime, const Interpreter& interpreter,
                                const std::vector<std::string>& needed,
                                const std::vector<PackageFile>& packages);

// Content hash of interpreter and whole runtime definition, for RuntimeChoice::key.
std::string RuntimeKey(const RuntimeDefinition& runtime, const Interpreter& interpreter);

}  // namespace hodei::environments
