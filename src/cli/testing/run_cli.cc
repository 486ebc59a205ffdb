#include "cli/testing/run_cli.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "cli/program.h"

namespace hodei::cli {

CliRun RunCli(const std::vector<std::string>& words,
              std::map<std::string, std::string> environment) {
  CliRun run;
  ConsoleOptions options;
  options.out = [&run](std::string_view text) { run.out += text; };
  options.err = [&run](std::string_view text) { run.err += text; };
  Console console(std::move(options));
  ProgramInput input;
  input.words = words;
  const char* path = std::getenv("PATH");
  environment.emplace("PATH", path == nullptr ? "/usr/bin:/bin" : path);
  environment.emplace("HOME", "/nonexistent");
  input.environment = std::move(environment);
  input.program_folder = "/nonexistent";
  run.exit_code = RunProgram(input, &console, SystemClock());
  return run;
}

void ExpectGolden(const std::string& testdata, const std::string& name, const std::string& text) {
  std::string path = testdata + "/" + name;
  if (std::getenv("HODEI_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path << " is missing; run with HODEI_UPDATE_GOLDEN=1 to write it";
  std::ostringstream wanted;
  wanted << file.rdbuf();
  EXPECT_EQ(wanted.str(), text) << "differs from " << path
                                << "; HODEI_UPDATE_GOLDEN=1 refreshes it";
}

}  // namespace hodei::cli
