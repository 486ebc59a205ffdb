#include "service/job_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random_id.h"
#include "domain/access/policy.h"
#include "domain/jobs/job_filter.h"
#include "domain/jobs/job_name.h"
#include "domain/jobs/staging.h"
#include "domain/jobs/tf_config.h"
#include "domain/jobs/validation.h"

namespace hodei::service {
namespace {

constexpr size_t kGoodRuntimesMax = 256;

using google::cloud::ml::v1::Job;
using hodei::v1::JobExplanation;

constexpr size_t kUidCharacters = 16;

// "projects/P" → "P".
Result<std::string> ProjectOfParent(std::string_view parent) {
  constexpr std::string_view kPrefix = "projects/";
  if (!parent.starts_with(kPrefix) || parent.size() == kPrefix.size() ||
      parent.find('/', kPrefix.size()) != std::string_view::npos) {
    return InvalidField("parent", "must have the form projects/PROJECT");
  }
  return std::string(parent.substr(kPrefix.size()));
}

// What a client may say about a job; everything else in the message is output only.
Job InputOf(const Job& asked) {
  Job job;
  job.set_job_id(asked.job_id());
  if (asked.has_training_input()) *job.mutable_training_input() = asked.training_input();
  if (asked.has_prediction_input()) *job.mutable_prediction_input() = asked.prediction_input();
  *job.mutable_labels() = asked.labels();
  return job;
}

Status CheckMask(const google::protobuf::FieldMask& mask) {
  if (mask.paths().empty()) return InvalidField("update_mask", "An update mask must be given.");
  for (const std::string& path : mask.paths()) {
    if (path == "labels" || path == "etag") continue;
    return InvalidField(
        "update_mask",
        fmt::format("The field '{}' of a job cannot be updated; labels and etag can.",
                    path.substr(0, 80)));
  }
  return OkStatus();
}

void Fill(const jobs::Claim& claim, hodei::v1::ResourceAmounts* amounts) {
  amounts->set_cpu_millis(claim.cpu_millis);
  amounts->set_memory_bytes(claim.memory_bytes);
  amounts->set_gpus(static_cast<int32_t>(claim.gpus));
}

std::string StateWord(jobs::Replica::State state) {
  switch (state) {
    case jobs::Replica::LAUNCHING:
      return "launching";
    case jobs::Replica::RUNNING:
      return "running";
    case jobs::Replica::ENDED:
      return "ended";
    default:
      return "waiting";
  }
}

}  // namespace

Result<std::string> JobService::CanonicalName(std::string_view name) const {
  ASSIGN_OR_RETURN(const jobs::JobName parsed, jobs::ParseJobName(name));
  ASSIGN_OR_RETURN(const std::string project, deps_.authorizer->ResolveProject(parsed.project));
  return jobs::FormatJobName(project, parsed.job_id);
}

Job JobService::Show(const jobs::StoredJob& stored) const {
  Job job = jobs::JobOf(stored);
  if (job.state() == Job::QUEUED) {
    job.set_job_position(deps_.reconciler->Position(jobs::NameOf(stored.record)));
  }
  return job;
}

Status JobService::ResolvePackages(const CallContext& context, jobs::JobRecord* record) const {
  std::string unreadable;
  uint64_t total = 0;
  for (const std::string& uri : record->job().training_input().package_uris()) {
    ASSIGN_OR_RETURN(const jobs::GcsUri parsed, jobs::ParseGcsUri(uri));
    const auto skip = [&] { unreadable += (unreadable.empty() ? "" : ", ") + uri; };
    Result<store::Bucket> bucket = deps_.objects->GetBucket(parsed.bucket);
    if (bucket.status().code() == Code::kNotFound) {
      skip();
      continue;
    }
    if (!bucket.ok()) return bucket.status();
    const Status allowed = deps_.authorizer->CheckResource(context.principal, bucket->project_id(),
                                                           fmt::format("buckets/{}", parsed.bucket),
                                                           "storage.objects.get");
    Result<store::Object> object = deps_.objects->GetObject(parsed.bucket, parsed.object);
    if (!allowed.ok() || object.status().code() == Code::kNotFound) {
      skip();
      continue;
    }
    if (!object.ok()) return object.status();
    total += static_cast<uint64_t>(object->size());
    if (static_cast<uint64_t>(object->size()) > jobs::kPackageBytesMax ||
        total > kPackagesTotalBytesMax) {
      return InvalidField("package_uris", fmt::format("The package {} is too large: at most 2 GiB "
                                                      "each and 4 GiB together are allowed.",
                                                      uri));
    }
    jobs::PackageSource* source = record->add_packages();
    source->set_uri(uri);
    source->set_bucket(parsed.bucket);
    source->set_object(parsed.object);
    source->set_generation(object->generation());
    source->set_bucket_project(bucket->project_id());
  }
  if (unreadable.empty()) return OkStatus();
  return InvalidField(
      "package_uris",
      fmt::format("The provided GCS paths [{}] cannot be read: they do not exist or "
                  "the caller has no access to them.",
                  unreadable));
}

Status JobService::CheckRuntime(const std::string& runtime_version,
                                const std::string& python_version) {
  std::pair<std::string, std::string> pair(runtime_version, python_version);
  {
    const std::lock_guard lock(mutex_);
    if (good_runtimes_.contains(pair)) return OkStatus();
  }
  RETURN_IF_ERROR(deps_.environments->Resolve(runtime_version, python_version).status());
  const std::lock_guard lock(mutex_);
  // The policy "nearest" takes versions that no table lists.
  if (good_runtimes_.size() < kGoodRuntimesMax) good_runtimes_.insert(std::move(pair));
  return OkStatus();
}

Result<Job> JobService::CreateJob(const CallContext& context,
                                  const google::cloud::ml::v1::CreateJobRequest& request) {
  ASSIGN_OR_RETURN(const std::string parent, ProjectOfParent(request.parent()));
  ASSIGN_OR_RETURN(const std::string project, deps_.authorizer->ResolveProject(parent));
  RETURN_IF_ERROR(jobs::ValidateJob(*deps_.machines, request.job()));
  const bool batch = request.job().has_prediction_input();
  const auto& input = request.job().training_input();
  if (!batch) {
    RETURN_IF_ERROR(CheckRuntime(input.runtime_version(), input.python_version()));
  }
  jobs::JobRecord record;
  *record.mutable_job() = InputOf(request.job());
  record.set_project(project);
  record.set_uid(RandomId(kUidCharacters));
  record.set_creator(context.principal.email);
  RETURN_IF_ERROR(batch ? batches_.Fill(context, &record) : ResolvePackages(context, &record));
  record.mutable_job()->set_state(Job::QUEUED);
  const int64_t now = deps_.clock->Now().unix_nanos;
  record.mutable_job()->mutable_create_time()->set_seconds(now / 1'000'000'000);
  const std::string name = jobs::NameOf(record);
  const Result<jobs::StoredJob> stored = table_.Create(
      record, {access::GrantAtCreation(name, "roles/ml.jobOwner", context.principal)});
  if (!stored.ok() && batch) batches_.Release(record);
  if (!stored.ok()) return stored.status();
  return jobs::JobOf(*stored);
}

Result<Job> JobService::GetJob(const CallContext&,
                               const google::cloud::ml::v1::GetJobRequest& request) {
  ASSIGN_OR_RETURN(const std::string name, CanonicalName(request.name()));
  ASSIGN_OR_RETURN(const jobs::StoredJob stored, table_.Get(name));
  return Show(stored);
}

Result<google::cloud::ml::v1::ListJobsResponse> JobService::ListJobs(
    const CallContext&, const google::cloud::ml::v1::ListJobsRequest& request) {
  ASSIGN_OR_RETURN(const std::string parent, ProjectOfParent(request.parent()));
  ASSIGN_OR_RETURN(const std::string project, deps_.authorizer->ResolveProject(parent));
  ASSIGN_OR_RETURN(const jobs::JobFilter filter, jobs::JobFilter::Parse(request.filter()));
  ASSIGN_OR_RETURN(const int wanted, wire::PageSize(request.page_size()));
  const std::string query = fmt::format("jobs.list\n{}\n{}", project, request.filter());
  ASSIGN_OR_RETURN(std::string after, deps_.page_tokens->Open(query, request.page_token()));
  google::cloud::ml::v1::ListJobsResponse response;
  size_t scanned = 0;
  while (true) {
    const auto missing = static_cast<size_t>(wanted - response.jobs_size());
    ASSIGN_OR_RETURN(const jobs::JobTable::Page page, table_.List(project, missing, after));
    scanned += page.jobs.size();
    for (const jobs::StoredJob& stored : page.jobs) {
      if (filter.Matches(stored.record.job())) *response.add_jobs() = Show(stored);
    }
    after = page.next;
    if (after.empty() || response.jobs_size() >= wanted || scanned >= kJobsScannedMax) break;
  }
  if (!after.empty()) response.set_next_page_token(deps_.page_tokens->Seal(query, after));
  return response;
}

Result<Job> JobService::UpdateJob(const CallContext&,
                                  const google::cloud::ml::v1::UpdateJobRequest& request) {
  ASSIGN_OR_RETURN(const std::string name, CanonicalName(request.name()));
  RETURN_IF_ERROR(CheckMask(request.update_mask()));
  const auto& paths = request.update_mask().paths();
  const auto has = [&](std::string_view path) {
    return std::find(paths.begin(), paths.end(), path) != paths.end();
  };
  if (has("labels")) RETURN_IF_ERROR(jobs::ValidateLabels(request.job().labels()));
  for (int tries = 0; tries < jobs::kUpdateTriesMax; ++tries) {
    ASSIGN_OR_RETURN(jobs::StoredJob stored, table_.Get(name));
    if (has("etag") && jobs::JobOf(stored).etag() != request.job().etag()) {
      return Aborted("Field: etag Error: The job was changed in the meantime; read it again.");
    }
    if (!has("labels")) return Show(stored);
    *stored.record.mutable_job()->mutable_labels() = request.job().labels();
    Result<std::vector<int64_t>> revisions = table_.Replace({stored});
    if (revisions.ok()) {
      stored.revision = revisions->front();
      return Show(stored);
    }
    if (revisions.status().code() != Code::kAborted) return revisions.status();
  }
  return Aborted(fmt::format("job '{}' is being changed by others; try again", name));
}

Result<google::protobuf::Empty> JobService::CancelJob(
    const CallContext&, const google::cloud::ml::v1::CancelJobRequest& request) {
  ASSIGN_OR_RETURN(const std::string name, CanonicalName(request.name()));
  const auto cancel = [](jobs::JobRecord* record) -> Result<bool> {
    if (jobs::IsTerminal(record->job().state()) || record->cancel_requested()) return false;
    record->set_cancel_requested(true);
    record->mutable_job()->set_state(Job::CANCELLING);
    return true;
  };
  RETURN_IF_ERROR(table_.Update(name, cancel).status());
  return google::protobuf::Empty();
}

Result<JobExplanation> JobService::ExplainJob(const CallContext&,
                                              const hodei::v1::ExplainJobRequest& request) {
  ASSIGN_OR_RETURN(const std::string name, CanonicalName(request.name()));
  ASSIGN_OR_RETURN(const jobs::StoredJob stored, table_.Get(name));
  const jobs::JobRecord& record = stored.record;
  const jobs::Insight insight = deps_.reconciler->Explain(record);
  JobExplanation explanation;
  explanation.set_name(name);
  explanation.set_state(record.job().state());
  explanation.set_reason(insight.reason);
  explanation.set_position(insight.position);
  explanation.set_environment_progress(insight.environment_progress);
  Fill(insight.claim, explanation.mutable_claim());
  Fill(insight.capacity, explanation.mutable_capacity());
  Fill(insight.free, explanation.mutable_free());
  if (record.has_grant()) {
    Fill({record.grant().cpu_millis(), record.grant().memory_bytes(), record.grant().gpus_size()},
         explanation.mutable_grant());
  }
  explanation.set_attempt(record.attempt().number());
  for (const jobs::Replica& replica : record.attempt().replicas()) {
    hodei::v1::ReplicaExplanation* shown = explanation.add_replicas();
    shown->set_task_name(jobs::TaskName(replica));
    shown->set_state(StateWord(replica.state()));
    shown->set_restarts(replica.restarts());
  }
  return explanation;
}

}  // namespace hodei::service
