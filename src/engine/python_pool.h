// Python workers: forks of one interpreter that has loaded the model, each with one request at a
// time. python/hodei_predict.py is the other side and describes the frames.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/model.h"
#include "sys/unique_fd.h"

namespace hodei::engine {

struct PythonOptions {
  std::string python;
  std::string config;                    // JSON, the program's only argument
  std::vector<std::string> environment;  // "NAME=value" besides this process's own
  std::string_view program;              // source of the first process
  std::string_view export_program;       // readable there as /proc/self/fd/5
  int workers = 1;
  uint64_t answer_bytes_max = 1 << 30;
  // Called once, from any thread, when the first process has died: no worker can be replaced.
  std::function<void()> broken;
};

struct PythonFrame {
  uint32_t kind = 0;
  std::string head;
  std::vector<char> payload;
};

class PythonPool {
 public:
  // Kinds of frames, as in hodei_predict.py.
  static constexpr uint32_t kArray = 1, kBody = 2, kDescribe = 3;
  static constexpr uint32_t kAnswerArray = 16, kAnswerTexts = 17, kDescription = 19;
  static constexpr uint32_t kError = 31, kReady = 32;
  static constexpr uint32_t kHeadBytesMax = 1 << 20;

  // Loads the model and forks one worker; as long as that takes. Errors are ModelError()s in the
  // loader's words.
  static Result<std::unique_ptr<PythonPool>> Start(PythonOptions options);
  // Forks the other workers.
  Status ForkAll();
  // Ends every process.
  ~PythonPool();

  // One request to a free worker; waits for one until `deadline`. A worker that is late is killed
  // (DEADLINE_EXCEEDED) and one that dies (INTERNAL) is replaced; an error frame becomes its
  // ModelError().
  Result<PythonFrame> Call(uint32_t kind, std::string_view head, std::string_view payload,
                           Deadline deadline);
  int workers() const { return options_.workers; }
  uint64_t restarts() const { return restarts_; }

 private:
  struct Worker {
    UniqueFd socket;
    pid_t pid = -1;
  };
  explicit PythonPool(PythonOptions options) : options_(std::move(options)) {}
  Status StartFirstProcess();
  Result<Worker> Fork(Deadline deadline);
  Result<Worker> Borrow(Deadline deadline);
  void Return(Worker worker);
  // The worker is lost: ends it; the next that finds no other free forks one in its place.
  void Discard(Worker worker);
  Result<Worker> ForkMissing(Deadline deadline);

  PythonOptions options_;
  pid_t first_ = -1;
  UniqueFd control_;
  std::mutex fork_mutex_;  // one conversation on control_ at a time
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Worker> free_;  // guarded by mutex_
  int missing_ = 0;           // workers to be forked when needed; guarded by mutex_
  std::atomic<uint64_t> restarts_{0};
  std::atomic<bool> broken_{false};
};

}  // namespace hodei::engine
