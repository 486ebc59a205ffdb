#include "domain/environments/job_variables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "exec/executor.h"

namespace hodei::environments {

std::map<std::string, std::string> JobVariables(const std::vector<std::string>& prefixes,
                                                const std::vector<std::string>& left_out_modules) {
  std::string path;
  for (const std::string& prefix : prefixes) path += prefix + "/bin:";
  path += "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const std::string api = fmt::format("http://{}", exec::kJobApiAddress);
  return {
      {"PATH", path},
      {"HOME", "/work"},
      {"LANG", "C.UTF-8"},
      // Lines are seen when they are printed, not when a buffer is full.
      {"PYTHONUNBUFFERED", "1"},
      // google-cloud-storage, gcsfs and gcloud talk to the job's own API address. Its socket says
      // who calls, so they must not look for credentials: without these three they would ask a
      // metadata server that is not there, for seconds.
      {"STORAGE_EMULATOR_HOST", api},
      {"FSSPEC_GCS_TOKEN", "anon"},
      {"NO_GCE_CHECK", "true"},
      {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", api + "/storage/v1/"},
      {"CLOUDSDK_API_ENDPOINT_OVERRIDES_ML", api + "/"},
      {"CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true"},
      {"CLOUDSDK_CORE_DISABLE_PROMPTS", "true"},
      // TensorFlow's own chatter on stderr would be ERROR entries of the job's log.
      {"TF_CPP_MIN_LOG_LEVEL", "1"},
      {"HODEI_OPTIONAL_MODULES", fmt::format("{}", fmt::join(left_out_modules, ","))},
  };
}

}  // namespace hodei::environments
