// Finds the Python interpreters of this machine without running them.
#pragma once

#include <string>
#include <vector>

#include "domain/environments/runtime_table.h"

namespace hodei::environments {

// Every `python3.N` in `folder` whose file is below /usr after following links (what a sandbox
// sees), newest first. `folder` is /usr/bin except in tests; `visible_root` likewise /usr.
std::vector<Interpreter> FindInterpreters(const std::string& folder = "/usr/bin",
                                          const std::string& visible_root = "/usr");

}  // namespace hodei::environments
