// Lets at most `concurrency` predictions run at once, on the threads that bring them. A thread that
// finds the model busy leaves its request here and goes on; the thread that runs takes waiting
// requests along, several as one batch where their rows fit together. So requests are batched only
// when they queue, and one that finds the model free pays nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "base/status.h"
#include "engine/model.h"
#include "serve/request_body.h"

namespace hodei::serve {

class PredictionQueue {
 public:
  struct Options {
    int concurrency = 1;
    size_t queue_max = 256;  // more waiting: RESOURCE_EXHAUSTED
    bool merge = true;
  };
  static constexpr int64_t kMergedRowsMax = 1024;
  static constexpr size_t kMergedRequestsMax = 64;

  struct Work {
    // Either rows for `model` …
    ParsedRequest request;
    std::function<void(Result<std::vector<engine::Tensor>>)> done;
    // … or something that runs alone, or is told why it does not.
    std::function<void(const Status& refused)> alone;
    engine::Deadline deadline;
  };

  // `model` may be null when all work runs alone; it must outlive this object.
  PredictionQueue(engine::Model* model, const Options& options)
      : model_(model), options_(options) {}

  // Calls `done` (or `alone`) exactly once, on this thread or on the one that runs now.
  void Submit(Work work);
  size_t queued() const;
  int running() const;

 private:
  void Run(std::vector<Work> batch);
  void RunMerged(std::vector<Work> batch);
  void RunOne(Work* work);
  // The next work to run, with what can run along; empty when nothing waits.
  std::vector<Work> Take();

  engine::Model* model_;
  Options options_;
  mutable std::mutex mutex_;
  std::deque<Work> waiting_;  // guarded by mutex_
  int running_ = 0;           // guarded by mutex_
};

}  // namespace hodei::serve
