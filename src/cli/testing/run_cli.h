// Runs a command line in the test process and keeps what it printed.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace hodei::cli {

struct CliRun {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// `environment` is complete: nothing of the test's own environment is seen but PATH and HOME of a
// temporary folder, unless given.
CliRun RunCli(const std::vector<std::string>& words,
              std::map<std::string, std::string> environment);

// Compares `text` with the file testdata/NAME, or writes it there when HODEI_UPDATE_GOLDEN is set.
void ExpectGolden(const std::string& testdata, const std::string& name, const std::string& text);

}  // namespace hodei::cli
