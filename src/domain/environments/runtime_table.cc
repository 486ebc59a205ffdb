#include "domain/environments/runtime_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>

namespace hodei::environments {
namespace {

bool Contains(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::vector<std::string> Strings(const YAML::Node& node) {
  return node ? node.as<std::vector<std::string>>() : std::vector<std::string>();
}

LayerDefinition ReadLayer(const YAML::Node& node) {
  LayerDefinition layer{.name = node["name"].as<std::string>(),
                        .modules = Strings(node["modules"]),
                        .after = Strings(node["after"]),
                        .requirements = Strings(node["requirements"]),
                        .constraints = Strings(node["constraints"])};
  if (node["provides"]) layer.provides = node["provides"].as<std::map<std::string, std::string>>();
  return layer;
}

RuntimeDefinition ReadRuntime(const std::string& name, const YAML::Node& node) {
  RuntimeDefinition runtime{.name = name,
                            .pythons = Strings(node["pythons"]),
                            .bundled = node["bundled"] && node["bundled"].as<bool>(),
                            .base = Strings(node["base"])};
  for (const YAML::Node& layer : node["layers"]) runtime.layers.push_back(ReadLayer(layer));
  runtime.constraints = Strings(node["constraints"]);
  return runtime;
}

// A layer's name becomes part of paths inside the sandbox and of lines the inspector writes.
bool IsLayerName(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

Status CheckRuntime(const RuntimeDefinition& runtime) {
  if (runtime.pythons.empty()) {
    return InvalidArgument(fmt::format("runtime '{}' names no pythons", runtime.name));
  }
  std::vector<std::string> seen;
  for (const LayerDefinition& layer : runtime.layers) {
    if (!IsLayerName(layer.name) || Contains(seen, layer.name)) {
      return InvalidArgument(
          fmt::format("runtime '{}': bad or repeated layer name '{}'", runtime.name, layer.name));
    }
    for (const std::string& below : layer.after) {
      if (!Contains(seen, below)) {
        return InvalidArgument(
            fmt::format("runtime '{}': layer '{}' comes after '{}', which is not above it",
                        runtime.name, layer.name, below));
      }
    }
    seen.push_back(layer.name);
  }
  return OkStatus();
}

const Interpreter* FindInterpreter(const std::vector<Interpreter>& interpreters,
                                   std::string_view version) {
  for (const Interpreter& interpreter : interpreters) {
    if (interpreter.version == version) return &interpreter;
  }
  return nullptr;
}

const Interpreter* BestInterpreter(const RuntimeDefinition& runtime,
                                   const std::vector<Interpreter>& interpreters) {
  for (const std::string& version : runtime.pythons) {
    if (const Interpreter* found = FindInterpreter(interpreters, version)) return found;
  }
  return nullptr;
}

// The asked version as one of `supported`: itself, or for "3" and "2" the last of that major.
std::optional<std::string> MatchPython(std::string_view asked,
                                       const std::vector<std::string>& supported) {
  for (const std::string& version : supported) {
    if (version == asked) return version;
  }
  if (asked == "2" || asked == "3") {
    for (const std::string& version : supported) {
      if (version.starts_with(asked)) return version;
    }
  }
  return std::nullopt;
}

Status NoInterpreter(const RuntimeDefinition& runtime) {
  return FailedPrecondition(
      fmt::format("this machine has no Python for runtime {} (one of {} in /usr/bin is needed; the "
                  "Debian packages are python3 and python3-venv)",
                  runtime.name, fmt::join(runtime.pythons, ", ")));
}

}  // namespace

Result<RuntimeTable> RuntimeTable::Parse(std::string_view yaml) {
  RuntimeTable table;
  try {
    YAML::Node root = YAML::Load(std::string(yaml));
    table.default_runtime_ = root["default"].as<std::string>();
    for (const auto& entry : root["runtimes"]) {
      std::string name = entry.first.as<std::string>();
      RuntimeDefinition runtime = ReadRuntime(name, entry.second);
      RETURN_IF_ERROR_CTX(CheckRuntime(runtime), "parse the table of runtimes");
      table.runtimes_[name] = std::move(runtime);
    }
    for (const YAML::Node& node : root["historical"]) {
      Historical historical{.pythons = Strings(node["pythons"]),
                            .default_python = node["python"].as<std::string>(),
                            .served_by = node["served_by"].as<std::string>()};
      for (const std::string& version : Strings(node["versions"])) {
        table.historical_[version] = historical;
      }
    }
  } catch (const YAML::Exception& error) {
    return InvalidArgument(fmt::format("parse the table of runtimes: {}", error.what()));
  }
  if (!table.Find(table.default_runtime_)) {
    return InvalidArgument(fmt::format("parse the table of runtimes: default '{}' is not defined",
                                       table.default_runtime_));
  }
  for (const auto& [version, historical] : table.historical_) {
    if (!table.Find(historical.served_by)) {
      return InvalidArgument(
          fmt::format("parse the table of runtimes: {} is served by '{}', which "
                      "is not defined",
                      version, historical.served_by));
    }
  }
  return table;
}

const RuntimeDefinition* RuntimeTable::Find(std::string_view name) const {
  auto it = runtimes_.find(name);
  return it == runtimes_.end() ? nullptr : &it->second;
}

Result<ResolvedRuntime> RuntimeTable::Resolve(std::string_view runtime_version,
                                              std::string_view python_version,
                                              const std::vector<Interpreter>& interpreters,
                                              RuntimePolicy policy) const {
  ResolvedRuntime resolved;
  resolved.runtime_version = runtime_version.empty() ? default_runtime_ : runtime_version;
  auto historical = historical_.find(resolved.runtime_version);
  const bool is_historical = historical != historical_.end();
  resolved.definition =
      Find(is_historical ? historical->second.served_by : resolved.runtime_version);
  if (!resolved.definition) {
    return InvalidField("runtime_version",
                        fmt::format("The specified runtime version '{}' is not supported. Please "
                                    "specify a different runtime version; this server's own is {}.",
                                    resolved.runtime_version, default_runtime_));
  }
  const Interpreter* served = BestInterpreter(*resolved.definition, interpreters);
  const std::vector<std::string>& supported =
      is_historical ? historical->second.pythons : resolved.definition->pythons;
  if (python_version.empty()) {
    resolved.python_version = is_historical ? historical->second.default_python
                              : served      ? served->version
                                            : supported.front();
  } else if (auto match = MatchPython(python_version, supported)) {
    resolved.python_version = *match;
    // "3" of a runtime of our own is whichever 3.x is here.
    if (!is_historical && *match != python_version && served) {
      resolved.python_version = served->version;
    }
  } else {
    return InvalidField(
        "python_version",
        fmt::format("Runtime version '{}' does not support Python version '{}'; it supports {}.",
                    resolved.runtime_version, python_version, fmt::join(supported, ", ")));
  }
  if (!served) return NoInterpreter(*resolved.definition);
  if (const Interpreter* exact = FindInterpreter(interpreters, resolved.python_version);
      exact && Contains(resolved.definition->pythons, exact->version)) {
    served = exact;
  }
  resolved.interpreter = *served;
  if (!is_historical && served->version == resolved.python_version) return resolved;

  std::string difference = fmt::format(
      "Runtime version {} with Python {} is not installed here; the nearest is runtime {} with "
      "Python {}",
      resolved.runtime_version, resolved.python_version, resolved.definition->name,
      served->version);
  if (policy == RuntimePolicy::kExact) {
    return FailedPrecondition(fmt::format(
        "Field: runtime_version Error: {}, which runtimes.policy 'exact' does not accept.",
        difference));
  }
  resolved.warnings.push_back(fmt::format("{}, and that is what this job runs with.", difference));
  return resolved;
}

}  // namespace hodei::environments
