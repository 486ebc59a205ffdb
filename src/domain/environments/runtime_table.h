// The table of runtimes (data/runtimes.yaml) and the rule that maps an asked (runtimeVersion,
// pythonVersion) pair to what this machine can serve. Pure: no disk, no clock.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::environments {

// An optional part of a runtime.
struct LayerDefinition {
  std::string name;                  // [a-z][a-z0-9]*
  std::vector<std::string> modules;  // import and distribution names that call for it
  std::vector<std::string> after;    // layers it is built on, besides the base
  std::vector<std::string> requirements;
  std::vector<std::string> constraints;         // of what only its requirements pull in
  std::map<std::string, std::string> provides;  // stand-in distributions: name → who provides it
};

struct RuntimeDefinition {
  std::string name;
  std::vector<std::string> pythons;  // "3.11", best first
  bool bundled = false;              // installs only what comes with the interpreter
  std::vector<std::string> base;
  std::vector<LayerDefinition> layers;  // a layer comes after all that it is built on
  std::vector<std::string> constraints;
};

// A Python on this machine that the sandbox sees under the same path.
struct Interpreter {
  std::string version;   // "3.11"
  std::string path;      // "/usr/bin/python3.11"
  std::string identity;  // changes when the interpreter's files do
};

enum class RuntimePolicy { kNearest, kExact };

struct ResolvedRuntime {
  std::string runtime_version;
  std::string python_version;
  const RuntimeDefinition* definition = nullptr;  // owned by the table
  Interpreter interpreter;
  std::vector<std::string> warnings;
};

class RuntimeTable {
 public:
  // INVALID_ARGUMENT with the place when `yaml` is not of the documented form.
  static Result<RuntimeTable> Parse(std::string_view yaml);

  // The rule. Empty strings ask for defaults. "3" as Python version means any 3.x of the pair.
  Result<ResolvedRuntime> Resolve(std::string_view runtime_version, std::string_view python_version,
                                  const std::vector<Interpreter>& interpreters,
                                  RuntimePolicy policy) const;

  const RuntimeDefinition* Find(std::string_view name) const;

 private:
  struct Historical {
    std::vector<std::string> pythons;
    std::string default_python;
    std::string served_by;
  };

  std::string default_runtime_;
  std::map<std::string, RuntimeDefinition, std::less<>> runtimes_;
  std::map<std::string, Historical, std::less<>> historical_;
};

}  // namespace hodei::environments
