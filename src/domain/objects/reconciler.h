// The housekeeping of the object store: lets it sweep, and does what buckets' lifecycle rules ask.
// Takes no input: every pass starts from what the store lists, so a pass that was cut short, or
// done twice, does no harm.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "domain/objects/lifecycle.h"
#include "store/object/object_store.h"

namespace hodei::objects {

struct ReconcilerOptions {
  std::chrono::seconds sweep_interval{30};
  // Rules count in days.
  std::chrono::seconds lifecycle_interval{3600};
};

// What a lifecycle pass did.
struct LifecycleReport {
  uint64_t seen = 0;
  uint64_t deleted = 0;
  uint64_t reclassed = 0;
  uint64_t aborted = 0;
};

class ObjectReconciler {
 public:
  // All must outlive the reconciler.
  ObjectReconciler(store::ObjectStore* objects, const Clock* clock, ReconcilerOptions options = {});
  ~ObjectReconciler();

  // In a thread of its own until Stop() or destruction.
  void Start();
  void Stop();

  // What the thread does, for tests: what is due now. Returns how long nothing will be.
  Nanoseconds RunOnce(const std::stop_token& stop = {});
  // One pass over all buckets that have rules. Objects that holds or retention keep are left.
  Result<LifecycleReport> RunLifecycle(const std::stop_token& stop = {});

 private:
  Status RunBucket(const store::Bucket& bucket, const std::stop_token& stop,
                   LifecycleReport* report);
  Status RunName(const std::vector<LifecycleRule>& rules,
                 const std::vector<store::Object>& generations, LifecycleReport* report);
  Status Act(const store::Object& object, const LifecycleAction& action, LifecycleReport* report);
  Status AbortUploads(const store::Bucket& bucket, const std::vector<LifecycleRule>& rules,
                      LifecycleReport* report);

  store::ObjectStore& objects_;
  const Clock& clock_;
  const ReconcilerOptions options_;
  Nanoseconds next_sweep_{};
  Nanoseconds next_lifecycle_{};
  std::jthread thread_;
};

}  // namespace hodei::objects
