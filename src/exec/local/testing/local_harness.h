// The local executor over real sandboxes, in a temporary folder: what its tests share.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/log_frame.h"
#include "base/testing/status_matchers.h"
#include "exec/local/local_executor.h"
#include "exec/record/replica_records.h"
#include "exec/testing/executor_harness.h"
#include "sys/file.h"

namespace hodei::exec {

inline std::string BinDir() {
  const char* dir = std::getenv("HODEI_BIN_DIR");
  return dir == nullptr ? "" : dir;
}

class LocalHarness : public ExecutorHarness {
 public:
  LocalHarness() { (void)Open(); }
  Executor& executor() override { return *executor_; }
  std::string SkipReason() override { return skip_; }
  bool Reopen() override {
    executor_.reset();
    return Open();
  }
  ReplicaSpec Exiting(const std::string& id, int code) override {
    return Shell(id, fmt::format("exit {}", code));
  }
  ReplicaSpec Lasting(const std::string& id, bool ignore_term) override {
    return Shell(id, ignore_term ? "trap '' TERM; while :; do sleep 1; done" : "exec sleep 1000");
  }
  ReplicaSpec Shell(const std::string& id, const std::string& script) {
    ReplicaSpec spec;
    spec.id = id;
    spec.argv = {"/bin/sh", "-c", script};
    spec.env = {{"PATH", "/usr/bin:/bin"}, {"HOME", "/work"}};
    spec.resources.scratch_bytes = 64 << 20;
    spec.resources.memory_bytes = 256 << 20;
    spec.resources.pids = 256;
    spec.log_dir = root_.path() + "/logs/" + id;
    EXPECT_THAT(MakeDirectories(spec.log_dir), hodei::testing::IsOk());
    return spec;
  }
  std::string dir() const { return root_.path() + "/exec"; }
  const std::string& root() const { return root_.path(); }
  LocalExecutorOptions options() const {
    LocalExecutorOptions options;
    options.dir = dir();
    options.bin_dir = BinDir();
    return options;
  }

 private:
  bool Open() {
    auto opened = OpenLocalExecutor(options());
    if (!opened.ok()) {
      skip_ = opened.status().message();
      return false;
    }
    executor_ = *std::move(opened);
    return true;
  }
  TemporaryDirectory root_;
  std::unique_ptr<Executor> executor_;
  std::string skip_;
};

inline std::unique_ptr<ExecutorHarness> MakeLocalHarness() {
  return std::make_unique<LocalHarness>();
}

class LocalExecutorTest : public ExecutorTest {
 protected:
  LocalHarness& local() { return static_cast<LocalHarness&>(*harness_); }
  void NeedsTierA() {
    const std::string& tier = executor().capabilities().tier;
    if (tier != "A" && tier != "B") skip_ = "needs root and control groups; this is tier " + tier;
  }
  ReplicaStatus RunToEnd(const ReplicaSpec& spec) {
    EXPECT_THAT(executor().Start(spec), hodei::testing::IsOk());
    return Await(spec.id, ReplicaPhase::kExited);
  }
  ReplicaStatus RunShell(const std::string& id, const std::string& script) {
    return RunToEnd(local().Shell(id, script));
  }
  LaunchPlan Plan(const std::string& id) {
    return *ParseLaunchPlan(*ReadFile(local().dir() + "/replicas/" + id + "/spec"));
  }
  ReplicaState State(const std::string& id) {
    return *ParseState(*ReadFile(local().dir() + "/replicas/" + id + "/state"));
  }
  struct Output {
    std::string text;  // both streams, lines ended by a line feed
    int64_t dropped = 0;
    uint64_t frames = 0;
    int64_t bytes_on_disk = 0;
  };
  Output Logs(const std::string& id) {
    Output out;
    const std::string dir = local().root() + "/logs/" + id;
    const auto names = *ListDirectory(dir);
    for (const std::string& name : names) {
      const std::string bytes = *ReadFile(dir + "/" + name, 2LL << 30);
      out.bytes_on_disk += static_cast<int64_t>(bytes.size());
      std::string_view rest = bytes;
      EXPECT_TRUE(rest.starts_with(kLogMagic));
      rest.remove_prefix(kLogMagic.size());
      while (!rest.empty()) {
        const ParsedLogFrame parsed = ParseLogFrame(rest);
        if (parsed.kind != ParsedLogFrame::Kind::kFrame) break;
        EXPECT_EQ(parsed.frame.seq, ++out.frames);
        if ((parsed.frame.flags & LogFrame::kFlagDropped) != 0) {
          out.dropped += std::stoll(std::string(parsed.frame.text));
        } else if (out.text.size() < (4 << 20)) {
          out.text += parsed.frame.text;
          if ((parsed.frame.flags & LogFrame::kFlagContinues) == 0) out.text += "\n";
        }
        rest.remove_prefix(parsed.size_bytes);
      }
    }
    return out;
  }
  // Polls for a condition made by other processes; at most 20 s.
  template <typename F>
  bool Eventually(F condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  std::string skip_;
};

#define NEEDS_TIER_A() \
  NeedsTierA();        \
  if (!skip_.empty()) GTEST_SKIP() << skip_

}  // namespace hodei::exec
