#include "domain/prediction/batch_run.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

#include "base/encoding.h"
#include "base/failpoint.h"
#include "domain/models/registry_entry.h"
#include "domain/prediction/batch_answer.h"
#include "domain/prediction/piece_reader.h"
#include "domain/prediction/shard_output.h"
#include "domain/serving/model_files.h"
#include "sys/file.h"

namespace hodei::prediction {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::PredictionInput;
using jobs::LogSeverity;

constexpr int64_t kDefaultBatchSize = 64;
constexpr std::chrono::seconds kRoomCheckInterval{2};
constexpr std::chrono::seconds kRetryInterval{1};

}  // namespace

std::string HolderOfBatch(const std::string& uid) { return kBatchHolderPrefix + uid; }

BatchRun::BatchRun(const BatchOptions& options, const BatchDependencies& dependencies,
                   std::string name, std::function<void()> ended)
    : options_(options),
      deps_(dependencies),
      name_(std::move(name)),
      ended_(std::move(ended)),
      table_(dependencies.store),
      thread_([this](std::stop_token stop) { Run(stop); }) {}

BatchRun::~BatchRun() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void BatchRun::Cancel() {
  cancelled_ = true;
  thread_.request_stop();
}

void BatchRun::EnvironmentsChanged() {
  const std::lock_guard lock(mutex_);
  news_ = true;
  woken_.notify_all();
}

bool BatchRun::Wait(std::stop_token stop, Nanoseconds at_most) {
  std::unique_lock lock(mutex_);
  woken_.wait_for(lock, stop, at_most, [this] { return news_; });
  news_ = false;
  return !stop.stop_requested();
}

void BatchRun::Log(LogSeverity severity, const std::string& text) {
  (void)deps_.log->AppendService(record_.project(), record_.job().job_id(), severity, text);
}

Status BatchRun::Change(const std::function<bool(jobs::JobRecord*)>& edit) {
  const auto changed =
      table_.Update(name_, [&](jobs::JobRecord* record) -> Result<bool> { return edit(record); });
  RETURN_IF_ERROR(changed.status());
  record_ = *changed;
  if (record_.cancel_requested()) cancelled_ = true;
  return OkStatus();
}

void BatchRun::Run(std::stop_token stop) {
  while (true) {
    const Status status = RunToTheEnd(stop);
    if (stop.stop_requested() && !cancelled_) break;  // the server stops; the next one goes on
    const Status ended = End(status);
    if (ended.ok()) break;
    spdlog::warn("batch prediction '{}': {}", name_, ended.ToString());
    if (!Wait({}, kRetryInterval)) break;
  }
  memory_bytes_ = 0;
  ended_flag_ = true;
  ended_();
}

Status BatchRun::RunToTheEnd(std::stop_token stop) {
  ASSIGN_OR_RETURN(const jobs::StoredJob stored, table_.Get(name_));
  record_ = stored.record;
  dir_ = fmt::format("{}/{}", options_.jobs_dir, record_.uid());
  if (jobs::IsTerminal(record_.job().state())) return OkStatus();
  if (record_.cancel_requested()) cancelled_ = true;
  if (cancelled_) return Cancelled("");
  RETURN_IF_ERROR(Announce());
  RETURN_IF_ERROR(WaitForRoom(stop));
  RETURN_IF_ERROR(Prepare(stop));
  RETURN_IF_ERROR(PlanWork());
  RETURN_IF_ERROR(RunWorkers(stop));
  HODEI_FAILPOINT("batch.commit");
  return CommitOutput();
}

Status BatchRun::Announce() {
  if (record_.announced()) return OkStatus();
  Log(LogSeverity::kInfo, "Validating job requirements...");
  Log(LogSeverity::kInfo, "Job creation request has been successfully validated.");
  Log(LogSeverity::kInfo, fmt::format("Job {} is queued.", record_.job().job_id()));
  return Change([](jobs::JobRecord* record) {
    record->set_announced(true);
    return true;
  });
}

Status BatchRun::WaitForRoom(std::stop_token stop) {
  const auto& input = record_.job().prediction_input();
  const jobs::Batch& batch = record_.batch();
  model_.project = record_.project();
  model_.model = batch.model();
  model_.version = batch.version();
  model_.spec = batch.spec();
  model_.source = batch.source();
  model_.signature_name = input.signature_name();
  model_.batch = true;
  const int64_t each = serving::NodeResources(model_.spec, options_.node).memory_bytes;
  while (!stop.stop_requested()) {
    const int room =
        serving::RoomFor(each, deps_.host->held_memory_bytes(), deps_.host->jobs_memory_bytes(),
                         deps_.host->total_memory_bytes());
    if (room > 0) {
      const int64_t asked =
          input.max_worker_count() > 0 ? input.max_worker_count() : kDefaultMaxWorkers;
      const int64_t cpus = std::max<int64_t>(deps_.executor->capabilities().cpu_millis / 1000, 1);
      workers_ = static_cast<int>(std::min({asked, cpus, static_cast<int64_t>(room)}));
      memory_bytes_ = each * workers_;
      deps_.host->Hold("batch-" + record_.uid(), memory_bytes_);
      return OkStatus();
    }
    (void)Wait(stop, kRoomCheckInterval);
  }
  return Cancelled("");
}

Status BatchRun::Prepare(std::stop_token stop) {
  RETURN_IF_ERROR(Change([](jobs::JobRecord* record) {
    if (record->job().state() != Job::QUEUED) return false;
    record->mutable_job()->set_state(Job::PREPARING);
    record->mutable_job()->mutable_prediction_output();
    return true;
  }));
  Log(LogSeverity::kInfo, "Job is preparing.");
  const std::string files = dir_ + "/files";
  RETURN_IF_ERROR(MakeDirectories(dir_));
  RETURN_IF_ERROR(
      serving::StageSource(deps_.objects, HolderOfBatch(record_.uid()), model_.source, files));
  environments::Request request;
  ASSIGN_OR_RETURN(request.runtime, deps_.environments->Resolve(model_.spec.runtime_version(),
                                                                model_.spec.python_version()));
  for (const std::string& warning : request.runtime.warnings) {
    Log(LogSeverity::kWarning, warning);
  }
  request.layers.assign(model_.source.layers().begin(), model_.source.layers().end());
  request.build_id = fmt::format("bat-{}", record_.uid());
  for (int i = 0; i < model_.source.packages_size(); ++i) {
    const std::string path = fmt::format("{}/packages/{}", files, i);
    ASSIGN_OR_RETURN(std::string digest, serving::Sha256OfFile(path));
    request.packages.push_back({.host_path = path,
                                .file_name = model_.source.packages(i).path(),
                                .sha256 = std::move(digest)});
  }
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(environment_, deps_.environments->Ensure(request));
    if (environment_.phase == environments::State::kReady) break;
    if (environment_.phase == environments::State::kFailed) {
      return FailedPrecondition(environment_.error);
    }
    (void)Wait(stop, std::chrono::minutes(1));
  }
  if (cancelled_) deps_.environments->Release(request.build_id);
  return WriteConfig();
}

// Workers read the form that the version's nodes read; where there is none, each makes its own.
Status BatchRun::WriteConfig() {
  const std::string config_dir = dir_ + "/config";
  RETURN_IF_ERROR(MakeDirectories(config_dir, 0755));
  model_.compiled =
      serving::StageCompiled(options_.serving_dir, record_.batch().version_uid(), config_dir);
  return WriteFileDurably(
      config_dir + "/config.json",
      serving::ServeConfig(model_, serving::NodeResources(model_.spec, options_.node)), 0644);
}

Status BatchRun::PlanWork() {
  const auto& input = record_.job().prediction_input();
  std::vector<int64_t> sizes;
  for (const models::SourceFile& file : record_.batch().inputs()) {
    sizes.push_back(file.size_bytes());
  }
  shards_ = PlanShards(sizes, IsSplittable(input.data_format()), workers_);
  workers_ = std::min(workers_, static_cast<int>(shards_.size()));
  outputs_.clear();
  for (size_t i = 0; i < shards_.size(); ++i) outputs_.push_back(std::make_unique<ShardOutput>());
  const int64_t batch_size = input.batch_size() > 0 ? input.batch_size() : kDefaultBatchSize;
  target_ = fmt::format("/batch?signature_name={}&batch_size={}&output={}",
                        PercentEncode(input.signature_name()), batch_size,
                        input.output_data_format() == PredictionInput::CSV ? "csv" : "json");
  content_type_ = FormatOf(input.data_format()) == RecordFormat::kLines ? "text/plain"
                                                                        : "application/x-tfrecord";
  return OkStatus();
}

Status BatchRun::NoteProgress(bool log) {
  if (log) {
    Log(LogSeverity::kInfo, fmt::format("{} predictions so far, {} instances in error.",
                                        predictions_.load(), errors_.load()));
  }
  const auto changed = table_.Update(name_, [&](jobs::JobRecord* record) -> Result<bool> {
    if (record->cancel_requested()) cancelled_ = true;
    if (record->job().state() != Job::RUNNING) return false;
    auto* output = record->mutable_job()->mutable_prediction_output();
    output->set_prediction_count(predictions_);
    output->set_error_count(errors_);
    return true;
  });
  return changed.status();
}

Status BatchRun::CommitFile(std::unique_ptr<store::ObjectWriter> writer, const std::string& name) {
  store::Object object;
  object.set_bucket(record_.batch().output_bucket());
  object.set_name(record_.batch().output_prefix() + name);
  object.set_content_type("text/plain");
  RETURN_IF_ERROR_CTX(writer->Commit(object, {}, {}).status(),
                      fmt::format("write gs://{}/{}", object.bucket(), object.name()));
  committed_.push_back(object.name());
  return OkStatus();
}

Status BatchRun::CommitOutput() {
  const size_t count = outputs_.size();
  committed_.clear();
  Status status;
  for (size_t i = 0; i < count && status.ok(); ++i) {
    const std::string place = fmt::format("-{:05}-of-{:05}", i, count);
    std::string stats;
    for (const auto& [text, errors] : outputs_[i]->errors) stats += ErrorLine(text, errors) + "\n";
    Result<std::unique_ptr<store::ObjectWriter>> writer = deps_.objects->NewWriter();
    status = writer.status();
    if (status.ok()) status = (*writer)->Append(stats);
    if (status.ok()) {
      status = CommitFile(std::move(*writer), "prediction.errors_stats" + place);
    }
    if (status.ok()) {
      status = CommitFile(std::move(outputs_[i]->results), "prediction.results" + place);
    }
  }
  if (status.ok() && !outputs_.empty() && !outputs_[0]->header.empty()) {
    ASSIGN_OR_RETURN(auto writer, deps_.objects->NewWriter());
    status = writer->Append(outputs_[0]->header + "\n");
    if (status.ok()) status = CommitFile(std::move(writer), "prediction.keys-00000-of-00001");
  }
  if (!status.ok()) RemoveCommitted();
  return status;
}

// Half an output is none.
void BatchRun::RemoveCommitted() {
  for (const std::string& name : committed_) {
    (void)deps_.objects->DeleteObject(record_.batch().output_bucket(), name, std::nullopt, {});
  }
  committed_.clear();
}

Status BatchRun::End(const Status& status) {
  outputs_.clear();  // writers without a commit leave nothing
  const Job::State state = cancelled_ ? Job::CANCELLED : status.ok() ? Job::SUCCEEDED : Job::FAILED;
  // First the log, then the end: who reads the log stops when the job has ended.
  if (!end_logged_ && !jobs::IsTerminal(record_.job().state())) LogEnd(state, status.message());
  end_logged_ = true;
  const Status changed = Change([&](jobs::JobRecord* record) {
    Job* job = record->mutable_job();
    if (jobs::IsTerminal(job->state())) return false;
    job->set_state(state);
    if (state != Job::CANCELLED) job->set_error_message(status.message());
    models::SetTime(deps_.clock->Now(), job->mutable_end_time());
    auto* output = job->mutable_prediction_output();
    output->set_output_path(job->prediction_input().output_path());
    output->set_prediction_count(predictions_);
    output->set_error_count(errors_);
    output->set_node_hours(std::ceil(static_cast<double>(node_nanos_) / 3.6e12 * 1e4) / 1e4);
    return true;
  });
  if (changed.code() == Code::kNotFound) return OkStatus();
  RETURN_IF_ERROR(changed);
  deps_.host->Hold("batch-" + record_.uid(), 0);
  (void)deps_.objects->ReleaseGenerations(HolderOfBatch(record_.uid()));
  (void)RemoveTree(dir_ + "/files");
  (void)RemoveTree(dir_ + "/config");
  return OkStatus();
}

void BatchRun::LogEnd(Job::State state, const std::string& error) {
  switch (state) {
    case Job::SUCCEEDED:
      Log(LogSeverity::kInfo, fmt::format("{} predictions, {} instances in error.",
                                          predictions_.load(), errors_.load()));
      Log(LogSeverity::kInfo, "Job completed successfully.");
      break;
    case Job::CANCELLED:
      Log(LogSeverity::kInfo, "Job was cancelled.");
      break;
    default:
      Log(LogSeverity::kError, error);
      Log(LogSeverity::kError, "Job failed.");
  }
}

}  // namespace hodei::prediction
