// Waits until a node's program has loaded its model, on a thread of its own: what it talks to is
// hostile and may say nothing for long.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "base/status.h"
#include "exec/executor.h"
#include "sys/unique_fd.h"

namespace hodei::serving {

struct ProbeResult {
  std::string id;
  UniqueFd socket;  // O_PATH
  // As the node says: hostile words, cut to kMetadataMaxBytes.
  std::string framework;
  std::string engine;
  std::string engine_reason;
};
inline constexpr size_t kMetadataMaxBytes = 64 << 10;

class NodeProbe {
 public:
  // `ready` is called at most once, from the probe's thread, when the node is ready. Nothing is
  // called after the end of this object. A node that ends is the executor's to tell.
  NodeProbe(exec::Executor* executor, std::string id, std::function<void(ProbeResult)> ready);

 private:
  std::jthread thread_;
};

}  // namespace hodei::serving
