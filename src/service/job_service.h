// Jobs: create, get, list, patch, cancel, explain. The transcoder has checked the caller's
// permission in the project that the path names. Thread-safe.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/authorizer.h"
#include "domain/environments/environments.h"
#include "domain/jobs/job_table.h"
#include "domain/jobs/machines.h"
#include "domain/jobs/reconciler.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "google/protobuf/empty.pb.h"
#include "hodei/v1/job_insight.pb.h"
#include "service/batch_creation.h"
#include "service/call_context.h"
#include "store/object/object_store.h"
#include "wire/paging/page_token.h"

namespace hodei::service {

// Of all packages of one job together.
inline constexpr uint64_t kPackagesTotalBytesMax = 4ULL << 30;
// Records that one list call reads at most; a filter that matches few gives short pages.
inline constexpr size_t kJobsScannedMax = 10'000;

// Not owned; all outlive the service.
struct JobServiceDependencies {
  store::MetaStore* store = nullptr;
  store::ObjectStore* objects = nullptr;
  const access::Authorizer* authorizer = nullptr;
  const environments::Environments* environments = nullptr;
  const jobs::JobReconciler* reconciler = nullptr;
  const jobs::Machines* machines = nullptr;
  const wire::PageTokens* page_tokens = nullptr;
  const Clock* clock = nullptr;
};

class JobService {
 public:
  explicit JobService(const JobServiceDependencies& dependencies)
      : deps_(dependencies),
        table_(dependencies.store),
        batches_(dependencies.store, dependencies.objects, dependencies.authorizer,
                 dependencies.environments, dependencies.clock) {}

  // Durable when it returns. ALREADY_EXISTS for an id that was ever used.
  Result<google::cloud::ml::v1::Job> CreateJob(
      const CallContext& context, const google::cloud::ml::v1::CreateJobRequest& request);
  Result<google::cloud::ml::v1::Job> GetJob(const CallContext& context,
                                            const google::cloud::ml::v1::GetJobRequest& request);
  // Newest first.
  Result<google::cloud::ml::v1::ListJobsResponse> ListJobs(
      const CallContext& context, const google::cloud::ml::v1::ListJobsRequest& request);
  // Labels; with "etag" in the mask ABORTED unless it is the current one.
  Result<google::cloud::ml::v1::Job> UpdateJob(
      const CallContext& context, const google::cloud::ml::v1::UpdateJobRequest& request);
  // OK without effect for a job that has ended.
  Result<google::protobuf::Empty> CancelJob(const CallContext& context,
                                            const google::cloud::ml::v1::CancelJobRequest& request);
  Result<hodei::v1::JobExplanation> ExplainJob(const CallContext& context,
                                               const hodei::v1::ExplainJobRequest& request);

 private:
  // The job's name with the project's id, whichever of id and number the caller used.
  Result<std::string> CanonicalName(std::string_view name) const;
  // Fills record->packages; INVALID_ARGUMENT when one does not exist or may not be read by the
  // caller, which must not be told apart.
  Status ResolvePackages(const CallContext& context, jobs::JobRecord* record) const;
  Status CheckRuntime(const std::string& runtime_version, const std::string& python_version);
  google::cloud::ml::v1::Job Show(const jobs::StoredJob& stored) const;

  const JobServiceDependencies deps_;
  jobs::JobTable table_;
  const BatchCreation batches_;
  std::mutex mutex_;
  // Pairs that Resolve() took: planning an environment hashes what it is made of, and which pairs
  // there are does not change while the server runs. Guarded by mutex_.
  std::set<std::pair<std::string, std::string>> good_runtimes_;
};

}  // namespace hodei::service
