// A whole world for the reconciler, all of it fake: store, objects, executor, environments, log,
// sockets and time. The test submits jobs, drives replicas and may drop the reconciler at any time.
#pragma once

#include <memory>
#include <string>

#include "base/testing/fake_clock.h"
#include "domain/environments/testing/fake_environments.h"
#include "domain/jobs/reconciler.h"
#include "domain/jobs/testing/fake_job_log.h"
#include "exec/testing/fake_executor.h"
#include "sys/file.h"

namespace hodei::jobs {

class JobWorld {
 public:
  JobWorld();

  // A valid BASIC job with one package, which is put into the object store.
  JobRecord NewJob(const std::string& job_id);
  // Stores it; the reconciler sees it at its next pass.
  void Submit(const JobRecord& record);
  void Cancel(const std::string& job_id);
  google::cloud::ml::v1::Job Get(const std::string& job_id);
  JobRecord Record(const std::string& job_id);

  // Made at the first use, with `options` as they are then.
  JobReconciler& reconciler();
  // A crash: what was in memory is gone.
  void Restart() { reconciler_.reset(); }
  void Run() { reconciler().RunUntilIdle(); }
  void Advance(Nanoseconds d) {
    clock.Advance(d);
    Run();
  }
  // The executor's name for a replica of the job's current attempt: Replica("j", "worker", 1).
  std::string Replica(const std::string& job_id, const std::string& role, int index = 0);
  static std::string Name(const std::string& job_id) { return "projects/p/jobs/" + job_id; }

  // In memory where there is such a place: what a test writes needs no disk sync.
  static TemporaryDirectory FastDirectory();
  TemporaryDirectory directory = FastDirectory();
  testing::FakeClock clock;
  std::unique_ptr<store::MetaStore> store = store::MakeMemoryMetaStore();
  std::unique_ptr<store::ObjectStore> objects;
  exec::FakeExecutor executor;
  environments::FakeEnvironments environments;
  FakeJobLog log;
  FakeJobSockets sockets;
  ReconcilerOptions options;
  // What the reconciler talks to; a test may put a wrapper in between.
  store::MetaStore* store_seen = nullptr;
  exec::Executor* executor_seen = nullptr;

 private:
  std::unique_ptr<JobReconciler> reconciler_;
};

}  // namespace hodei::jobs
