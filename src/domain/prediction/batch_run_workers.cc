// The workers of a run: each takes the next shard until there is none.
#include <fmt/format.h>

#include "base/random_id.h"
#include "domain/models/registry_entry.h"
#include "domain/prediction/batch_answer.h"
#include "domain/prediction/piece_reader.h"
#include "domain/prediction/shard_output.h"
#include "domain/serving/load_error.h"
#include "sys/file.h"

namespace hodei::prediction {
namespace {

using google::cloud::ml::v1::Job;
using jobs::LogSeverity;

constexpr size_t kReplicaIdCharacters = 6;
constexpr int kProgressLogEvery = 5;  // of the renewals of the counts
constexpr char kManyErrors[] = "Further errors of other kinds.";

store::GenerationName NameOf(const models::SourceFile& file) {
  return {file.bucket(), file.object(), file.generation()};
}

}  // namespace

Result<std::string> BatchRun::StartReplica(int index) {
  const std::string id = fmt::format("{}{}-{}-{}", kBatchReplicaPrefix, record_.uid(), index,
                                     RandomId(kReplicaIdCharacters));
  const std::string log_dir = fmt::format("{}/logs/{}", dir_, id);
  RETURN_IF_ERROR(MakeDirectories(log_dir));
  RETURN_IF_ERROR(deps_.log->AddSource({.project = record_.project(),
                                        .job_id = record_.job().job_id(),
                                        .task_name = fmt::format("worker-replica-{}", index),
                                        .source_id = id,
                                        .dir = log_dir}));
  RETURN_IF_ERROR(deps_.executor->Start(serving::NodeSpec(
      model_, id, environment_, dir_ + "/files", dir_ + "/config", log_dir, options_.node)));
  return id;
}

std::string BatchRun::Explain(const std::string& id) {
  const std::string words = serving::FindLoadError(fmt::format("{}/logs/{}", dir_, id));
  if (!words.empty()) return words;
  const auto status = deps_.executor->Observe(id);
  if (!status.ok() || status->phase == exec::ReplicaPhase::kRunning) return "";
  return "the serving program " + serving::EndText(*status);
}

Status BatchRun::RunWorkers(std::stop_token stop) {
  std::stop_source ended;  // one fails, all end
  std::stop_callback both(stop, [&ended] { ended.request_stop(); });
  {
    const std::lock_guard lock(mutex_);
    next_shard_ = 0;
    failure_ = OkStatus();
    working_ = workers_;
  }
  std::vector<std::jthread> threads;
  for (int i = 0; i < workers_; ++i) {
    threads.emplace_back([this, i, &ended] {
      Work(ended.get_token(), i);
      const std::lock_guard lock(mutex_);
      --working_;
      if (!failure_.ok()) ended.request_stop();
      news_ = true;
      woken_.notify_all();
    });
  }
  int renewals = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      woken_.wait_for(lock, options_.progress_interval, [this] { return working_ == 0; });
      if (working_ == 0) break;
    }
    if (NoteProgress(++renewals % kProgressLogEvery == 0).ok() && cancelled_) {
      ended.request_stop();
    }
  }
  threads.clear();
  if (stop.stop_requested() || cancelled_) return Cancelled("");
  const std::lock_guard lock(mutex_);
  return failure_;
}

void BatchRun::Work(std::stop_token stop, int index) {
  BatchWorker worker({.executor = deps_.executor,
                      .clock = deps_.clock,
                      .start = [this, index] { return StartReplica(index); },
                      .explain = [this](const std::string& id) { return Explain(id); }});
  Status status = worker.Load(stop);
  if (status.ok() && replicas_.fetch_add(1) == 0) {
    status = Change([this](jobs::JobRecord* record) {
      if (record->job().state() != Job::PREPARING) return false;
      record->mutable_job()->set_state(Job::RUNNING);
      models::SetTime(deps_.clock->Now(), record->mutable_job()->mutable_start_time());
      return true;
    });
    Log(LogSeverity::kInfo, "Job is running.");
  }
  while (status.ok() && !stop.stop_requested()) {
    size_t shard = 0;
    {
      const std::lock_guard lock(mutex_);
      if (next_shard_ >= shards_.size()) break;
      shard = next_shard_++;
    }
    status = RunShard(stop, shard, &worker);
  }
  node_nanos_ += worker.ran().count();
  if (status.ok() || status.code() == Code::kCancelled) return;
  const std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = status;
}

Status BatchRun::RunShard(std::stop_token stop, size_t shard, BatchWorker* worker) {
  ShardOutput* output = outputs_[shard].get();
  ASSIGN_OR_RETURN_CTX(output->results, deps_.objects->NewWriter(), "write the results");
  const auto& input = record_.job().prediction_input();
  RecordCutter cutter(FormatOf(input.data_format()), [&](std::string_view chunk) -> Status {
    ASSIGN_OR_RETURN(const std::string body, worker->Score(stop, target_, content_type_, chunk));
    return TakeAnswer(body, output);
  });
  for (const Piece& piece : shards_[shard]) {
    const models::SourceFile& file = record_.batch().inputs(piece.input);
    const std::string uri = fmt::format("gs://{}/{}", file.bucket(), file.object());
    ASSIGN_OR_RETURN_CTX(const store::OpenedObject opened,
                         deps_.objects->OpenHeld(HolderOfBatch(record_.uid()), NameOf(file)), uri);
    RETURN_IF_ERROR_CTX(ReadPiece(opened, piece, input.data_format(), &cutter), uri);
  }
  return OkStatus();
}

Status BatchRun::TakeAnswer(std::string_view body, ShardOutput* output) {
  ASSIGN_OR_RETURN(const BatchAnswer answer, ParseBatchAnswer(body));
  for (const std::string_view lines : answer.results) {
    RETURN_IF_ERROR_CTX(output->results->Append(lines), "write the results");
  }
  if (answer.header && output->header.empty()) output->header = *answer.header;
  for (const BatchAnswer::Error& error : answer.errors) {
    auto it = output->errors.find(error.text);
    if (it == output->errors.end()) {
      const bool room = output->errors.size() < kErrorTextsMax;
      it = output->errors.emplace(room ? std::string(error.text) : kManyErrors, 0).first;
    }
    it->second += error.count;
  }
  predictions_ += answer.predictions;
  errors_ += answer.errors_total;
  return OkStatus();
}

}  // namespace hodei::prediction
