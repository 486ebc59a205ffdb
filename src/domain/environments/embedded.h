// Files of the source tree that travel inside the server: the table of runtimes and the Python
// programs that run in the sandbox.
#pragma once

#include <string_view>

namespace hodei::embedded {

extern const std::string_view runtimes_yaml;
extern const std::string_view hodei_launch_py;
extern const std::string_view hodei_start_py;
extern const std::string_view hodei_build_py;
extern const std::string_view hodei_inspect_py;

}  // namespace hodei::embedded
