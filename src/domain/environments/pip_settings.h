// The machine's own pip configuration, made usable inside a build sandbox: files that it names are
// mounted or copied, variables are passed on with their paths rewritten.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "exec/executor.h"

namespace hodei::environments {

struct PipSettings {
  // Variables for the build: PIP_*, proxies, certificates, with paths as they are inside.
  std::map<std::string, std::string> env;
  // Read-only folders and files that the variables and the files below name.
  std::vector<exec::Mount> mounts;
  // pip.conf files on the host, least specific first; they are copied into each build.
  std::vector<std::string> config_files;
  // What each mounted path is called inside.
  std::map<std::string, std::string> inside_paths;
};

// Where to look; a plain value so that tests decide. `environment` is the server's own.
struct PipSources {
  std::map<std::string, std::string> environment;
  std::string home;  // of the server's user
  std::string etc = "/etc";
};

// Reads the sources anew: a changed pip.conf counts for the next build. Unreadable files and paths
// that do not exist are left out, as pip itself does.
PipSettings GatherPipSettings(const PipSources& sources);

inline constexpr size_t kPipConfigBytesMax = 256 << 10;
inline constexpr size_t kPipPathsMax = 32;  // files and folders named by the configuration

}  // namespace hodei::environments
