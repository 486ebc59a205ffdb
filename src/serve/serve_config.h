// /serve/config.json: what the server tells the serving program; docs/decisions/0040 is the
// contract.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::serve {

struct ServeConfig {
  std::string project;
  std::string model;
  std::string version;
  std::string framework;  // TENSORFLOW, SCIKIT_LEARN, XGBOOST; empty: told from the files
  std::string signature_name;
  std::vector<std::string> tags{"serve"};
  std::string prediction_class;
  std::string create_version_request;  // JSON text for custom code
  std::string python = "/opt/hodei/runtime/bin/python3";
  std::string socket = "/work/serve.sock";
  std::string model_dir = "/model";
  std::string compiled;  // file that an earlier node's /compiled gave; empty: there is none
  int workers = 1;
  int threads = 1;
  uint64_t request_bytes_max = 1572864;
  uint64_t response_bytes_max = 67108864;
  int queue_max = 256;
  int64_t deadline_ms = 60000;
  bool batch = false;
};

inline constexpr int kWorkersMax = 64;
inline constexpr int kThreadsMax = 64;

// INVALID_ARGUMENT names the key. Unknown keys are ignored.
Result<ServeConfig> ParseServeConfig(std::string_view json);

}  // namespace hodei::serve
