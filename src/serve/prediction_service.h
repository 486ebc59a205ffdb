// What the serving program answers, without a socket: /healthz, /predict, /metadata, /compiled,
// /metrics and /batch of docs/decisions/0040.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "serve/http_loop.h"
#include "serve/loaded_model.h"
#include "serve/prediction_queue.h"
#include "serve/serve_config.h"

namespace hodei::serve {

class PredictionService {
 public:
  explicit PredictionService(const ServeConfig& config) : config_(config) {}

  // Any thread. Before Ready() only /healthz says something else than 503.
  void Handle(const HttpRequest& request, HttpLoop::Done done);

  // The model that answers from now on. Once.
  void Ready(std::unique_ptr<LoadedModel> loaded);
  // From now on /healthz is 503 with this error.
  void Failed(std::string error);
  void StartDraining() { draining_ = true; }
  // How many predictions may run at once; after Ready().
  int concurrency() const { return concurrency_; }

  // One prediction request; `done` gets the client's answer.
  void Predict(std::string_view content_type, std::string_view body, HttpLoop::Done done);

 private:
  HttpAnswer Health();
  HttpAnswer Compiled();
  std::string MetricsBody() const;
  void PredictJson(std::string_view body, HttpLoop::Done done);
  void PredictNpy(std::string_view body, HttpLoop::Done done);
  void PredictBody(std::string_view body, HttpLoop::Done done);
  void Batch(const HttpRequest& request, HttpLoop::Done done);
  HttpAnswer Finish(Result<Predictions> predictions);
  HttpAnswer Error(const Status& status);
  engine::Deadline NewDeadline() const;

  const ServeConfig config_;
  std::unique_ptr<LoadedModel> loaded_;
  std::unique_ptr<PredictionQueue> queue_;
  std::atomic<bool> ready_{false};  // loaded_ and queue_ do not change once it is set
  std::atomic<bool> draining_{false};
  int concurrency_ = 1;
  std::mutex mutex_;
  std::string error_;     // guarded by mutex_
  std::string compiled_;  // until it was asked for; guarded by mutex_
  std::atomic<uint64_t> requests_{0};
  std::atomic<uint64_t> errors_{0};
  std::atomic<int64_t> in_flight_{0};
};

// The HTTP status and body of a failed prediction.
HttpAnswer ErrorAnswer(const Status& status);

}  // namespace hodei::serve
