#include "serve/prediction_queue.h"

#include <utility>

namespace hodei::serve {
namespace {

using engine::Tensor;

void Refuse(PredictionQueue::Work* work, const Status& status) {
  if (work->alone) {
    work->alone(status);
  } else {
    work->done(status);
  }
}

bool FitTogether(const ParsedRequest& a, const ParsedRequest& b) {
  if (a.signature != b.signature || a.inputs.size() != b.inputs.size()) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    const std::vector<int64_t>& x = a.inputs[i].shape;
    const std::vector<int64_t>& y = b.inputs[i].shape;
    if (x.empty() || x.size() != y.size() || x[0] != a.rows || y[0] != b.rows ||
        !std::equal(x.begin() + 1, x.end(), y.begin() + 1)) {
      return false;
    }
  }
  return true;
}

}  // namespace

void PredictionQueue::Submit(Work work) {
  {
    std::unique_lock lock(mutex_);
    if (running_ >= options_.concurrency) {
      if (waiting_.size() >= options_.queue_max) {
        lock.unlock();
        return Refuse(&work, ResourceExhausted("the model is busy and its queue is full"));
      }
      waiting_.push_back(std::move(work));
      return;
    }
    ++running_;
  }
  RunOne(&work);
  for (std::vector<Work> next = Take(); !next.empty(); next = Take()) Run(std::move(next));
}

std::vector<PredictionQueue::Work> PredictionQueue::Take() {
  std::vector<Work> batch;
  std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    --running_;
    return batch;
  }
  batch.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  if (!options_.merge || batch[0].alone) return batch;
  int64_t rows = batch[0].request.rows;
  for (auto next = waiting_.begin(); next != waiting_.end() && batch.size() < kMergedRequestsMax;) {
    if (next->alone || rows + next->request.rows > kMergedRowsMax ||
        !FitTogether(batch[0].request, next->request)) {
      ++next;
      continue;
    }
    rows += next->request.rows;
    batch.push_back(std::move(*next));
    next = waiting_.erase(next);
  }
  return batch;
}

void PredictionQueue::RunOne(Work* work) {
  if (std::chrono::steady_clock::now() >= work->deadline) {
    return Refuse(work, DeadlineExceeded("the request waited longer than its deadline"));
  }
  if (work->alone) return work->alone(OkStatus());
  work->done(model_->Run(work->request.signature, work->request.inputs, work->deadline));
}

void PredictionQueue::Run(std::vector<Work> batch) {
  if (batch.size() == 1) return RunOne(&batch[0]);
  RunMerged(std::move(batch));
}

void PredictionQueue::RunMerged(std::vector<Work> batch) {
  std::vector<Tensor> inputs = batch[0].request.inputs;
  engine::Deadline deadline = batch[0].deadline;
  int64_t rows = batch[0].request.rows;
  for (size_t i = 1; i < batch.size(); ++i) {
    for (size_t k = 0; k < inputs.size(); ++k) AppendRows(&inputs[k], batch[i].request.inputs[k]);
    rows += batch[i].request.rows;
    deadline = std::min(deadline, batch[i].deadline);
  }
  Result<std::vector<Tensor>> outputs = model_->Run(batch[0].request.signature, inputs, deadline);
  bool split = outputs.ok();
  for (size_t k = 0; split && k < outputs->size(); ++k) {
    split = !(*outputs)[k].shape.empty() && (*outputs)[k].shape[0] == rows;
  }
  if (!split) {
    // One request's fault must not become another's: each alone.
    for (Work& work : batch) RunOne(&work);
    return;
  }
  int64_t begin = 0;
  for (Work& work : batch) {
    std::vector<Tensor> own;
    for (const Tensor& output : *outputs) {
      own.push_back(SliceRows(output, begin, begin + work.request.rows));
    }
    begin += work.request.rows;
    work.done(std::move(own));
  }
}

size_t PredictionQueue::queued() const {
  std::lock_guard lock(mutex_);
  return waiting_.size();
}

int PredictionQueue::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

}  // namespace hodei::serve
