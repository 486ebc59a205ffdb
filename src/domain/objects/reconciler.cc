#include "domain/objects/reconciler.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace hodei::objects {
namespace {

using store::Bucket;
using store::ListBucketsOptions;
using store::ListBucketsPage;
using store::ListMultipartsOptions;
using store::ListMultipartsPage;
using store::ListObjectsOptions;
using store::ListObjectsPage;
using store::Object;
using store::Preconditions;

// Generations of one name that are looked at together; older ones of a longer history wait until
// some of these are gone.
constexpr size_t kGenerationLimit = 100'000;

// Somebody else changed or holds it: not ours to insist.
bool Declined(const Status& status) {
  return status.code() == Code::kPermissionDenied || status.code() == Code::kFailedPrecondition ||
         status.code() == Code::kNotFound;
}

}  // namespace

ObjectReconciler::ObjectReconciler(store::ObjectStore* objects, const Clock* clock,
                                   ReconcilerOptions options)
    : objects_(*objects), clock_(*clock), options_(options) {}

ObjectReconciler::~ObjectReconciler() { Stop(); }

void ObjectReconciler::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    while (!stop.stop_requested()) {
      const Nanoseconds wait = RunOnce(stop);
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, wait, [] { return false; });
    }
  });
}

void ObjectReconciler::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

Nanoseconds ObjectReconciler::RunOnce(const std::stop_token& stop) {
  if (clock_.Monotonic() >= next_lifecycle_) {
    const Result<LifecycleReport> report = RunLifecycle(stop);
    if (!report.ok()) {
      spdlog::warn("lifecycle rules: {}", report.status().message());
    } else if (report->deleted + report->reclassed + report->aborted > 0) {
      spdlog::info(
          "lifecycle rules: {} objects deleted, {} given another storage class, {} "
          "uploads aborted",
          report->deleted, report->reclassed, report->aborted);
    }
    next_lifecycle_ = clock_.Monotonic() + options_.lifecycle_interval;
  }
  if (clock_.Monotonic() >= next_sweep_) {
    Result<bool> more = true;
    while (more.ok() && *more && !stop.stop_requested()) more = objects_.Sweep();
    if (!more.ok()) spdlog::warn("sweep the object store: {}", more.status().message());
    next_sweep_ = clock_.Monotonic() + options_.sweep_interval;
  }
  const Nanoseconds next = std::min(next_sweep_, next_lifecycle_);
  return std::max(next - clock_.Monotonic(), Nanoseconds(0));
}

Result<LifecycleReport> ObjectReconciler::RunLifecycle(const std::stop_token& stop) {
  LifecycleReport report;
  ListBucketsOptions options;
  do {
    ASSIGN_OR_RETURN(const ListBucketsPage page, objects_.ListBuckets(options));
    for (const Bucket& bucket : page.buckets) {
      if (stop.stop_requested()) return report;
      if (!bucket.settings().contains("lifecycle")) continue;
      const Status done = RunBucket(bucket, stop, &report);
      if (!done.ok() && !Declined(done)) {
        return Annotate(done, fmt::format("bucket '{}'", bucket.name()));
      }
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return report;
}

Status ObjectReconciler::RunBucket(const Bucket& bucket, const std::stop_token& stop,
                                   LifecycleReport* report) {
  const Result<std::vector<LifecycleRule>> rules =
      ParseLifecycle(bucket.settings().at("lifecycle"));
  if (!rules.ok()) {
    // What is wrong was to be refused when it was set; nothing is deleted by half a rule.
    spdlog::warn("bucket '{}': {}", bucket.name(), rules.status().message());
    return OkStatus();
  }
  if (rules->empty()) return OkStatus();
  RETURN_IF_ERROR(AbortUploads(bucket, *rules, report));
  ListObjectsOptions options;
  options.versions = true;
  std::vector<Object> generations;
  do {
    ASSIGN_OR_RETURN(ListObjectsPage page, objects_.ListObjects(bucket.name(), options));
    for (Object& object : page.items) {
      ++report->seen;
      if (!generations.empty() && generations.front().name() != object.name()) {
        RETURN_IF_ERROR(RunName(*rules, generations, report));
        generations.clear();
      }
      // The youngest count: the oldest leave.
      if (generations.size() == kGenerationLimit) generations.erase(generations.begin());
      generations.push_back(std::move(object));
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty() && !stop.stop_requested());
  return options.page_token.empty() ? RunName(*rules, generations, report) : OkStatus();
}

Status ObjectReconciler::RunName(const std::vector<LifecycleRule>& rules,
                                 const std::vector<Object>& generations, LifecycleReport* report) {
  const std::vector<LifecycleAction> actions = PlanLifecycle(rules, generations, clock_.Now());
  for (size_t i = 0; i < generations.size(); ++i) {
    const Status done = Act(generations[i], actions[i], report);
    if (!done.ok() && !Declined(done)) return done;
  }
  return OkStatus();
}

Status ObjectReconciler::Act(const Object& object, const LifecycleAction& action,
                             LifecycleReport* report) {
  // Only what was looked at: a client may have changed it since.
  Preconditions as_seen;
  as_seen.if_generation_match = object.generation();
  as_seen.if_metageneration_match = object.metageneration();
  switch (action.kind) {
    case LifecycleAction::Kind::kNone:
      return OkStatus();
    case LifecycleAction::Kind::kDelete: {
      // A live generation becomes noncurrent under versioning, as when a client deletes it.
      const auto generation =
          object.has_time_deleted() ? std::optional(object.generation()) : std::nullopt;
      RETURN_IF_ERROR(objects_.DeleteObject(object.bucket(), object.name(), generation, as_seen));
      ++report->deleted;
      return OkStatus();
    }
    case LifecycleAction::Kind::kSetStorageClass: {
      RETURN_IF_ERROR(objects_
                          .UpdateObject(object.bucket(), object.name(), object.generation(),
                                        as_seen,
                                        [&action](Object* edited) {
                                          edited->set_storage_class(action.storage_class);
                                          return OkStatus();
                                        })
                          .status());
      ++report->reclassed;
      return OkStatus();
    }
  }
  return OkStatus();
}

Status ObjectReconciler::AbortUploads(const Bucket& bucket, const std::vector<LifecycleRule>& rules,
                                      LifecycleReport* report) {
  ListMultipartsOptions options;
  while (true) {
    ASSIGN_OR_RETURN(const ListMultipartsPage page,
                     objects_.ListMultiparts(bucket.name(), options));
    for (const store::MultipartUpload& upload : page.uploads) {
      options.after_name = upload.object.name();
      options.after_id = upload.id;
      const WallTime started{upload.time_created.seconds() * 1'000'000'000};
      if (!ShouldAbortUpload(rules, upload.object.name(), started, clock_.Now())) continue;
      const Status aborted =
          objects_.AbortMultipart({bucket.name(), upload.object.name(), upload.id});
      if (!aborted.ok() && !Declined(aborted)) return aborted;
      if (aborted.ok()) ++report->aborted;
    }
    if (!page.more) return OkStatus();
  }
}

}  // namespace hodei::objects
