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
  std::string compiled;  // hostile bytes for this version's own nodes; empty: none, or too long
};
inline constexpr size_t kMetadataMaxBytes = 64 << 10;
inline constexpr size_t kCompiledMaxBytes = 64 << 20;

class NodeProbe {
 public:
  // `ready` is called at most once, from the probe's thread, when the node is ready. Nothing is
  // called after the end of this object. A node that ends is the executor's to tell. With
  // `want_compiled` the node is asked for the compiled form of its model too.
  NodeProbe(exec::Executor* executor, std::string id, bool want_compiled,
            std::function<void(ProbeResult)> ready);

 private:
  std::jthread thread_;
};

}  // namespace hodei::serving
