// One node of a batch job: started, fed with chunks, started again when it breaks.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "exec/executor.h"
#include "net/http_client.h"
#include "sys/unique_fd.h"

namespace hodei::prediction {

// Ids of batch jobs' replicas start with this.
inline constexpr char kBatchReplicaPrefix[] = "bat-";
// A chunk is sent so often before the job fails: a node that dies of it dies again.
inline constexpr int kChunkTriesMax = 3;
inline constexpr std::chrono::minutes kChunkDeadline{30};

class BatchWorker {
 public:
  // `start` starts a replica anew and returns its id; `explain` says why a replica ended. Both are
  // called from the worker's thread.
  struct Parts {
    exec::Executor* executor = nullptr;
    const Clock* clock = nullptr;
    std::function<Result<std::string>()> start;
    std::function<std::string(const std::string& id)> explain;
  };
  explicit BatchWorker(Parts parts) : parts_(std::move(parts)) {}
  // Stops and removes its replica.
  ~BatchWorker();

  // Starts it and waits until its model is loaded. FAILED_PRECONDITION with the loader's words when
  // it cannot be, CANCELLED when `stop` was requested.
  Status Load(std::stop_token stop);
  // The body of the answer to one chunk. INVALID_ARGUMENT with the program's words when it refuses
  // the request as a whole.
  Result<std::string> Score(std::stop_token stop, const std::string& target,
                            const std::string& content_type, std::string_view chunk);
  // For which its replicas ran, together.
  Nanoseconds ran() const;

 private:
  Status TryLoad(std::stop_token stop);
  void End();

  const Parts parts_;
  std::string id_;
  UniqueFd socket_;
  std::unique_ptr<net::HttpClient> client_;
  Nanoseconds started_{};
  Nanoseconds ran_{};
};

}  // namespace hodei::prediction
