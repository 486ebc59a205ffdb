#include "domain/environments/environment_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/encoding.h"

namespace hodei::environments {
namespace {

constexpr size_t kKeyHexDigits = 32;

// Hash of a list of strings; each is preceded by its length, so that no two lists look alike.
class Fingerprint {
 public:
  Fingerprint& Add(std::string_view text) {
    digest_.Update(fmt::format("{}:", text.size()));
    digest_.Update(text);
    return *this;
  }
  Fingerprint& Add(const std::vector<std::string>& list) {
    Add(std::to_string(list.size()));
    for (const std::string& text : list) Add(text);
    return *this;
  }
  std::string Hex() { return HexEncode(digest_.Final()).substr(0, kKeyHexDigits); }

 private:
  DigestStream digest_{DigestStream::Kind::kSha256};
};

void AddPackages(const std::vector<PackageFile>& packages, Fingerprint* fingerprint) {
  for (const PackageFile& package : packages) {
    fingerprint->Add(package.file_name).Add(package.sha256);
  }
}

std::string LayerKey(const PlannedLayer& layer, const EnvironmentPlan& plan,
                     const RuntimeDefinition& runtime, const Interpreter& interpreter) {
  Fingerprint fingerprint;
  fingerprint.Add(std::to_string(kLayerFormat)).Add(layer.prefix).Add(layer.requirements);
  if (layer.parents.empty()) {
    fingerprint.Add(interpreter.path).Add(interpreter.identity);
    fingerprint.Add(runtime.bundled ? "bundled" : "index");
  }
  if (layer.name != "packages") fingerprint.Add(runtime.constraints);
  if (layer.definition) {
    for (const auto& [name, provider] : layer.definition->provides) {
      fingerprint.Add(name).Add(provider);
    }
    const std::vector<std::string>& constraints = layer.definition->constraints;
    // Layers without any keep the keys they have had.
    if (!constraints.empty()) fingerprint.Add(constraints);
  }
  for (size_t parent : layer.parents) fingerprint.Add(plan[parent].key);
  return fmt::format("{}-{}", layer.name, fingerprint.Hex());
}

bool Contains(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// The needed layers of the runtime and all that they come after, in the runtime's order.
std::vector<const LayerDefinition*> Closure(const RuntimeDefinition& runtime,
                                            std::vector<std::string> wanted) {
  std::vector<const LayerDefinition*> chosen;
  // Backwards: a layer comes after all that it is built on.
  for (auto layer = runtime.layers.rbegin(); layer != runtime.layers.rend(); ++layer) {
    if (!Contains(wanted, layer->name)) continue;
    chosen.push_back(&*layer);
    wanted.insert(wanted.end(), layer->after.begin(), layer->after.end());
  }
  std::reverse(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace

Result<Inspection> ParseInspection(std::string_view report, const RuntimeDefinition& runtime) {
  constexpr std::string_view kError = "error ";
  constexpr std::string_view kNeed = "need ";
  constexpr size_t kErrorBytesMax = 2000;
  Inspection inspection;
  while (!report.empty()) {
    size_t end = report.find('\n');
    if (end == std::string_view::npos) break;
    std::string_view line = report.substr(0, end);
    report.remove_prefix(end + 1);
    if (line == "ok") return inspection;
    if (line.starts_with(kError)) {
      inspection.error = line.substr(kError.size(), kErrorBytesMax);
      if (!IsValidUtf8(inspection.error)) {
        inspection.error = "A package cannot be used, and its file names are not text.";
      }
      return inspection;
    }
    if (!line.starts_with(kNeed)) continue;
    line.remove_prefix(kNeed.size());
    for (const LayerDefinition& layer : runtime.layers) {
      if (layer.name == line && !Contains(inspection.needed, line)) {
        inspection.needed.emplace_back(line);
      }
    }
  }
  return DataLoss("the inspection of the packages left no complete report");
}

std::string InspectionKey(const RuntimeDefinition& runtime,
                          const std::vector<PackageFile>& packages) {
  Fingerprint fingerprint;
  fingerprint.Add(std::to_string(kInspectionFormat));
  for (const LayerDefinition& layer : runtime.layers) {
    fingerprint.Add(layer.name).Add(layer.modules);
  }
  AddPackages(packages, &fingerprint);
  return "inspection-" + fingerprint.Hex();
}

EnvironmentPlan PlanEnvironment(const RuntimeDefinition& runtime, const Interpreter& interpreter,
                                const std::vector<std::string>& needed,
                                const std::vector<PackageFile>& packages) {
  EnvironmentPlan plan;
  plan.push_back({.name = "base", .prefix = "/opt/hodei/runtime", .requirements = runtime.base});
  plan[0].key = LayerKey(plan[0], plan, runtime, interpreter);
  for (const LayerDefinition* definition : Closure(runtime, needed)) {
    PlannedLayer layer{.name = definition->name,
                       .prefix = "/opt/hodei/layers/" + definition->name,
                       .requirements = definition->requirements,
                       .definition = definition};
    for (size_t below = plan.size() - 1; below > 0; --below) {
      if (Contains(definition->after, plan[below].name)) layer.parents.push_back(below);
    }
    layer.parents.push_back(0);
    layer.key = LayerKey(layer, plan, runtime, interpreter);
    plan.push_back(std::move(layer));
  }
  PlannedLayer top{.name = "packages", .prefix = "/opt/hodei/packages"};
  for (size_t below = plan.size(); below > 0; --below) top.parents.push_back(below - 1);
  Fingerprint contents;
  AddPackages(packages, &contents);
  contents.Add(LayerKey(top, plan, runtime, interpreter));
  top.key = "packages-" + contents.Hex();
  plan.push_back(std::move(top));
  return plan;
}

std::string RuntimeKey(const RuntimeDefinition& runtime, const Interpreter& interpreter) {
  std::vector<std::string> all;
  for (const LayerDefinition& layer : runtime.layers) all.push_back(layer.name);
  return PlanEnvironment(runtime, interpreter, all, {}).back().key;
}

}  // namespace hodei::environments
