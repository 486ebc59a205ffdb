#include "domain/environments/job_variables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hodei::environments {

std::map<std::string, std::string> JobVariables(const std::vector<std::string>& prefixes,
                                                const std::vector<std::string>& left_out_modules) {
  std::string path;
  for (const std::string& prefix : prefixes) path += prefix + "/bin:";
  path += "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return {
      {"PATH", path},
      {"HOME", "/work"},
      {"LANG", "C.UTF-8"},
      // Lines are seen when they are printed, not when a buffer is full.
      {"PYTHONUNBUFFERED", "1"},
      {"CLOUDSDK_CORE_DISABLE_PROMPTS", "true"},
      // TensorFlow's own chatter on stderr would be ERROR entries of the job's log.
      {"TF_CPP_MIN_LOG_LEVEL", "1"},
      // gcsfs would ask for the kind of each bucket by gRPC, at Google's own host, and wait for it.
      {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false"},
      {"HODEI_OPTIONAL_MODULES", fmt::format("{}", fmt::join(left_out_modules, ","))},
  };
}

}  // namespace hodei::environments
