// Golden files: what has a wire form is compared with a file in test/golden/, which is reviewed as
// a diff. HODEI_UPDATE_GOLDEN=1 in the environment writes the file instead.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace hodei::testing {

// `source_dir` is the HODEI_SOURCE_DIR of the test; `name` a file of test/golden/.
inline void ExpectGolden(const std::string& source_dir, const std::string& name,
                         const std::string& actual) {
  const std::string path = source_dir + "/test/golden/" + name;
  if (std::getenv("HODEI_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream expected;
  expected << file.rdbuf();
  // Not EXPECT_EQ on megabytes: the first difference is what one wants to see.
  size_t at = 0;
  const std::string want = expected.str();
  while (at < want.size() && at < actual.size() && want[at] == actual[at]) ++at;
  if (at == want.size() && at == actual.size()) return;
  const size_t start = at < 200 ? 0 : at - 200;
  ADD_FAILURE() << path << " differs at byte " << at << "\n--- wanted\n"
                << want.substr(start, 400) << "\n--- got\n"
                << actual.substr(start, 400)
                << "\nWhen the change is meant: HODEI_UPDATE_GOLDEN=1, then review the diff.";
}

}  // namespace hodei::testing
