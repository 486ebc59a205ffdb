// The serving program's ways to run: as a replica (--config) and for one's own machine (--local).
#pragma once

#include <string>
#include <vector>

namespace hodei::serve {

inline constexpr int kExitLoadFailed = 3;

int ServeProgram(const std::vector<std::string>& arguments);

}  // namespace hodei::serve
