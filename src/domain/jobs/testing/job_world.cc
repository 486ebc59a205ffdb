#include "domain/jobs/testing/job_world.h"

#include <unistd.h>

#include <cstdlib>

#include "base/random_id.h"

namespace hodei::jobs {
namespace {

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) std::abort();
  return std::move(result).value();
}

}  // namespace

TemporaryDirectory JobWorld::FastDirectory() {
  if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", /*overwrite=*/0);
  return TemporaryDirectory();
}

JobWorld::JobWorld() : objects(store::MakeMemoryObjectStore(&clock)), executor(clock) {
  store::Bucket bucket;
  bucket.set_name("bucket");
  bucket.set_project_id("p");
  Must(objects->CreateBucket(bucket));
  std::unique_ptr<store::ObjectWriter> writer = Must(objects->NewWriter());
  (void)writer->Append("a package");
  store::Object object;
  object.set_bucket("bucket");
  object.set_name("trainer-0.1.tar.gz");
  Must(writer->Commit(object, {}, {}));
  options.jobs_dir = directory.path() + "/jobs";
  store_seen = store.get();
  executor_seen = &executor;
}

JobRecord JobWorld::NewJob(const std::string& job_id) {
  JobRecord record;
  record.set_project("p");
  record.set_uid(RandomId(16));
  record.mutable_job()->set_job_id(job_id);
  record.mutable_job()->set_state(google::cloud::ml::v1::Job::QUEUED);
  record.mutable_job()->mutable_create_time()->set_seconds(clock.Now().unix_nanos / 1'000'000'000);
  auto* input = record.mutable_job()->mutable_training_input();
  input->add_package_uris("gs://bucket/trainer-0.1.tar.gz");
  input->set_python_module("trainer.task");
  input->set_region("us-central1");
  input->set_runtime_version("2.11");
  input->set_python_version("3.7");
  PackageSource* source = record.add_packages();
  source->set_uri("gs://bucket/trainer-0.1.tar.gz");
  source->set_bucket("bucket");
  source->set_object("trainer-0.1.tar.gz");
  source->set_bucket_project("p");
  source->set_generation(Must(objects->GetObject("bucket", "trainer-0.1.tar.gz")).generation());
  return record;
}

void JobWorld::Submit(const JobRecord& record) { Must(JobTable(store.get()).Create(record)); }

void JobWorld::Cancel(const std::string& job_id) {
  Must(JobTable(store.get()).Update(Name(job_id), [](JobRecord* record) -> Result<bool> {
    if (IsTerminal(record->job().state())) return false;
    record->set_cancel_requested(true);
    record->mutable_job()->set_state(google::cloud::ml::v1::Job::CANCELLING);
    return true;
  }));
}

google::cloud::ml::v1::Job JobWorld::Get(const std::string& job_id) {
  return JobOf(Must(JobTable(store.get()).Get(Name(job_id))));
}

JobRecord JobWorld::Record(const std::string& job_id) {
  return Must(JobTable(store.get()).Get(Name(job_id))).record;
}

JobReconciler& JobWorld::reconciler() {
  if (reconciler_ == nullptr) {
    reconciler_ = std::make_unique<JobReconciler>(
        options, ReconcilerDependencies{.store = store_seen,
                                        .objects = objects.get(),
                                        .executor = executor_seen,
                                        .environments = &environments,
                                        .log = &log,
                                        .sockets = &sockets,
                                        .clock = &clock,
                                        .machines = &Machines::Published()});
    executor.OnChange([this](const std::string& id) {
      if (reconciler_ != nullptr) reconciler_->ReplicaChanged(id);
    });
    environments.OnChange([this] {
      if (reconciler_ != nullptr) reconciler_->EnvironmentsChanged();
    });
  }
  return *reconciler_;
}

std::string JobWorld::Replica(const std::string& job_id, const std::string& role, int index) {
  const JobRecord record = Record(job_id);
  for (const jobs::Replica& replica : record.attempt().replicas()) {
    if (replica.role() == role && replica.index() == index) return replica.id();
  }
  return "";
}

}  // namespace hodei::jobs
