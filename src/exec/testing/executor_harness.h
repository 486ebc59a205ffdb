// An executor under test, of any implementation: the harness it gives and the fixture for tests
// that run on it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/testing/status_matchers.h"
#include "exec/executor.h"

namespace hodei::exec {

// Owns the executor under test and says how to make replicas of known behaviour on it.
class ExecutorHarness {
 public:
  virtual ~ExecutorHarness() = default;
  virtual Executor& executor() = 0;
  // Empty when the suite can run here, else why not.
  virtual std::string SkipReason() { return ""; }
  // Destroys the executor object, as a server crash does, and opens a new one on the same records.
  // false: the implementation keeps nothing (a fake).
  virtual bool Reopen() { return false; }
  // A spec (log_dir and all that is needed filled in) whose program exits with `code`.
  virtual ReplicaSpec Exiting(const std::string& id, int code) = 0;
  // A program that runs until it is stopped; ends on SIGTERM unless `ignore_term`.
  virtual ReplicaSpec Lasting(const std::string& id, bool ignore_term) = 0;
};

using ExecutorHarnessFactory = std::unique_ptr<ExecutorHarness> (*)();

class ExecutorTest : public ::testing::TestWithParam<ExecutorHarnessFactory> {
 protected:
  void SetUp() override {
    harness_ = GetParam()();
    if (const std::string reason = harness_->SkipReason(); !reason.empty()) GTEST_SKIP() << reason;
    Listen();
  }
  void TearDown() override {
    if (harness_ == nullptr || !harness_->SkipReason().empty()) return;
    RemoveAll();
    // Its threads call back into this object: they end while it is whole.
    harness_.reset();
  }
  // Nothing is left behind, whatever the test did.
  void RemoveAll() {
    const auto all = harness_->executor().List();
    if (!all.ok()) return;
    for (const ReplicaStatus& replica : *all) {
      (void)harness_->executor().Stop(replica.id, true);
      Await(replica.id, ReplicaPhase::kExited);
      EXPECT_THAT(harness_->executor().Remove(replica.id), testing::IsOk());
    }
  }
  Executor& executor() { return harness_->executor(); }
  void Listen() {
    executor().OnChange([this](const std::string&) {
      std::lock_guard lock(mutex_);
      ++changes_;
      changed_.notify_all();
    });
  }
  // Waits for OnChange until `id` is in `phase` or has ended; at most 30 s.
  ReplicaStatus Await(const std::string& id, ReplicaPhase phase) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
      uint64_t seen = 0;
      {
        std::lock_guard lock(mutex_);
        seen = changes_;
      }
      const auto status = executor().Observe(id);
      EXPECT_THAT(status, testing::IsOk());
      if (!status.ok()) return {};
      if (status->phase == phase || status->phase == ReplicaPhase::kUnknown ||
          status->phase == ReplicaPhase::kExited || status->phase == ReplicaPhase::kLost) {
        return *status;
      }
      std::unique_lock lock(mutex_);
      if (!changed_.wait_until(lock, deadline, [&] { return changes_ != seen; })) {
        ADD_FAILURE() << "'" << id << "' did not reach the phase within 30 s";
        return *status;
      }
    }
  }

  std::unique_ptr<ExecutorHarness> harness_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t changes_ = 0;
};

}  // namespace hodei::exec
