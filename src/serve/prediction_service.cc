#include "serve/prediction_service.h"

#include <fmt/format.h>

#include "net/http_parser.h"
#include "serve/batch.h"
#include "serve/npy.h"

namespace hodei::serve {
namespace {

constexpr std::string_view kBytesType = "application/octet-stream";  // NPY in /predict

int HttpStatusOf(const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument:
    case Code::kAborted:  // the model failed on this input, or its code raised
      return 400;
    case Code::kResourceExhausted:
      return 429;
    case Code::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

std::string_view MediaType(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return type;
}

}  // namespace

HttpAnswer ErrorAnswer(const Status& status) {
  return {HttpStatusOf(status), "application/json", ErrorBody(engine::HostedText(status))};
}

void PredictionService::Ready(std::unique_ptr<LoadedModel> loaded) {
  loaded_ = std::move(loaded);
  concurrency_ = loaded_->model != nullptr ? loaded_->model->concurrency()
                                           : loaded_->body_model->concurrency();
  if (loaded_->body_model != nullptr) {
    concurrency_ = std::min(concurrency_, loaded_->body_model->concurrency());
  }
  PredictionQueue::Options options;
  options.concurrency = concurrency_;
  options.queue_max = static_cast<size_t>(config_.queue_max);
  options.merge = !config_.batch;
  queue_ = std::make_unique<PredictionQueue>(loaded_->model.get(), options);
  {
    const std::lock_guard lock(mutex_);
    compiled_ = std::move(loaded_->compiled);
  }
  ready_ = true;
}

void PredictionService::Failed(std::string error) {
  std::lock_guard lock(mutex_);
  error_ = std::move(error);
}

HttpAnswer PredictionService::Health() {
  {
    std::lock_guard lock(mutex_);
    if (!error_.empty()) return {503, "application/json", ErrorBody(error_)};
  }
  if (draining_) return {503, "application/json", R"({"state":"draining"})"};
  if (!ready_) return {503, "application/json", R"({"state":"loading"})"};
  return {200, "application/json", "{}"};
}

HttpAnswer PredictionService::Compiled() {
  std::string compiled;
  {
    const std::lock_guard lock(mutex_);
    compiled.swap(compiled_);
  }
  if (compiled.empty()) return {404, "application/json", ErrorBody("there is no compiled form")};
  return {200, std::string(kBytesType), std::move(compiled)};
}

std::string PredictionService::MetricsBody() const {
  return fmt::format(
      R"({{"in_flight": {}, "queued": {}, "requests": {}, "errors": {}, "worker_restarts": {}}})",
      in_flight_.load(), queue_->queued(), requests_.load(), errors_.load(),
      loaded_->body_model != nullptr ? loaded_->body_model->restarts() : 0);
}

void PredictionService::Handle(const HttpRequest& request, HttpLoop::Done done) {
  const std::string_view path = request.head->path();
  const bool get = request.head->method == "GET";
  if (get && path == "/healthz") return done(Health());
  if (!ready_) return done({503, "application/json", ErrorBody("the model is not loaded")});
  if (get && path == "/metadata") {
    return done({200, "application/json", MetadataBody(*loaded_)});
  }
  if (get && path == "/compiled") return done(Compiled());
  if (get && path == "/metrics") return done({200, "application/json", MetricsBody()});
  if (request.head->method == "POST" && path == "/predict") {
    return Predict(request.head->headers.Get("content-type"), request.body, std::move(done));
  }
  if (request.head->method == "POST" && path == "/batch") {
    return Batch(request, std::move(done));
  }
  done({404, "application/json", ErrorBody("no such path")});
}

engine::Deadline PredictionService::NewDeadline() const {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(config_.deadline_ms);
}

void PredictionService::Predict(std::string_view content_type, std::string_view body,
                                HttpLoop::Done done) {
  ++requests_;
  ++in_flight_;
  if (MediaType(content_type) == kBytesType) return PredictNpy(body, std::move(done));
  if (loaded_->model == nullptr) return PredictBody(body, std::move(done));
  PredictJson(body, std::move(done));
}

void PredictionService::PredictJson(std::string_view body, HttpLoop::Done done) {
  Result<ParsedRequest> request = ParseRequest(body, loaded_->model->signatures(), loaded_->rules);
  if (!request.ok()) {
    if (request.status().reason() == kNotNumbers && loaded_->body_model != nullptr) {
      return PredictBody(body, std::move(done));
    }
    return done(Error(request.status()));
  }
  PredictionQueue::Work work;
  const size_t signature = request->signature;
  const int64_t rows = request->rows;
  work.request = std::move(request).value();
  work.deadline = NewDeadline();
  work.done = [this, done = std::move(done), signature,
               rows](Result<std::vector<engine::Tensor>> outputs) {
    if (!outputs.ok()) return done(Error(outputs.status()));
    done(Finish(PrintPredictions(loaded_->model->signatures()[signature].outputs, *outputs, rows,
                                 loaded_->named_outputs)));
  };
  queue_->Submit(std::move(work));
}

void PredictionService::PredictNpy(std::string_view body, HttpLoop::Done done) {
  if (loaded_->model == nullptr) {
    return done(Error(
        engine::ModelError(engine::Fault::kInputs, "custom code takes application/json only")));
  }
  Result<ParsedRequest> request =
      NpyRequest(body, loaded_->model->signatures(), loaded_->rules.default_signature);
  if (!request.ok()) return done(Error(request.status()));
  PredictionQueue::Work work;
  work.request = std::move(request).value();
  work.deadline = NewDeadline();
  work.done = [this, done = std::move(done)](Result<std::vector<engine::Tensor>> outputs) {
    if (!outputs.ok()) return done(Error(outputs.status()));
    Result<std::string> printed = PrintNpy(*outputs);
    if (!printed.ok()) return done(Error(printed.status()));
    --in_flight_;
    done({200, std::string(kBytesType), std::move(printed).value()});
  };
  queue_->Submit(std::move(work));
}

void PredictionService::PredictBody(std::string_view body, HttpLoop::Done done) {
  PredictionQueue::Work work;
  work.deadline = NewDeadline();
  work.alone = [this, body, done = std::move(done),
                deadline = work.deadline](const Status& refused) {
    if (!refused.ok()) return done(Error(refused));
    done(Finish(loaded_->body_model->Predict(body, deadline)));
  };
  queue_->Submit(std::move(work));
}

void PredictionService::Batch(const HttpRequest& request, HttpLoop::Done done) {
  PredictionQueue::Work work;
  work.deadline = NewDeadline();
  work.alone = [this, request, done = std::move(done),
                deadline = work.deadline](const Status& refused) {
    if (!refused.ok()) return done(ErrorAnswer(refused));
    done(ScoreBatch(request.head->query(), request.head->headers.Get("content-type"), request.body,
                    loaded_.get(), deadline));
  };
  queue_->Submit(std::move(work));
}

HttpAnswer PredictionService::Finish(Result<Predictions> predictions) {
  if (!predictions.ok()) return Error(predictions.status());
  if (predictions->text.size() > config_.response_bytes_max) {
    return Error(engine::ModelError(
        engine::Fault::kOutputs,
        fmt::format("the answer is larger than {} bytes", config_.response_bytes_max)));
  }
  --in_flight_;
  return {200, "application/json", PredictionsBody(*predictions)};
}

HttpAnswer PredictionService::Error(const Status& status) {
  ++errors_;
  --in_flight_;
  return ErrorAnswer(status);
}

}  // namespace hodei::serve
