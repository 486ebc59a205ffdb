// What our sandbox costs over the bare one: the same program, alternately through the executor and
// through bwrap alone with the same namespaces. Prints
//   bench sandbox_start_p50 <ms> ms target <= 5 over bwrap + program; bwrap + program: <ms>; …
#include <benchmark/benchmark.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "exec/local/local_executor.h"
#include "exec/sandbox/run_program.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

double Millis(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - since)
      .count();
}

double Bare() {
  const auto start = std::chrono::steady_clock::now();
  const auto done = RunProgram({"/usr/bin/setpriv",
                                "--reuid=1999999999",
                                "--regid=1999999999",
                                "--clear-groups",
                                "--no-new-privs",
                                "/usr/bin/bwrap",
                                "--unshare-user",
                                "--unshare-pid",
                                "--unshare-ipc",
                                "--unshare-uts",
                                "--unshare-cgroup-try",
                                "--unshare-net",
                                "--disable-userns",
                                "--cap-drop",
                                "ALL",
                                "--ro-bind",
                                "/usr",
                                "/usr",
                                "--symlink",
                                "usr/lib",
                                "/lib",
                                "--symlink",
                                "usr/lib64",
                                "/lib64",
                                "--proc",
                                "/proc",
                                "--dev",
                                "/dev",
                                "--tmpfs",
                                "/tmp",
                                "/usr/bin/true"});
  return done.ok() ? Millis(start) : -1;
}

// Tells when a replica's phase has changed, as the reconciler would be told.
class Changes {
 public:
  explicit Changes(Executor* executor) : executor_(executor) {
    executor->OnChange([this](const std::string&) {
      const std::lock_guard lock(mutex_);
      ++count_;
      changed_.notify_all();
    });
  }
  ~Changes() { executor_->OnChange(nullptr); }
  // False when the executor fails.
  bool Await(const std::string& id, const std::vector<ReplicaPhase>& phases) {
    for (;;) {
      std::unique_lock lock(mutex_);
      const uint64_t seen = count_;
      lock.unlock();
      const auto status = executor_->Observe(id);
      if (!status.ok()) return false;
      if (std::count(phases.begin(), phases.end(), status->phase) > 0) return true;
      lock.lock();
      changed_.wait(lock, [&] { return count_ != seen; });
    }
  }

 private:
  Executor* const executor_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t count_ = 0;
};

struct Times {
  double started = -1;  // from Start() to the news that the program runs, or has ended already
  double ended = -1;    // to the durable record of its end
};

Times Ours(Executor* executor, const std::string& root, int number) {
  Changes changes(executor);
  ReplicaSpec spec;
  spec.id = "bench-" + std::to_string(number);
  spec.argv = {"/usr/bin/true"};
  spec.resources.scratch_bytes = 1LL << 30;
  spec.log_dir = root + "/logs";
  Times times;
  const auto start = std::chrono::steady_clock::now();
  if (!executor->Start(spec).ok()) return times;
  if (!changes.Await(spec.id, {ReplicaPhase::kRunning, ReplicaPhase::kExited})) return times;
  times.started = Millis(start);
  if (!changes.Await(spec.id, {ReplicaPhase::kExited})) return times;
  times.ended = Millis(start);
  (void)executor->Remove(spec.id).ok();
  return times;
}

double Percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

void SandboxStart(benchmark::State& state) {
  TemporaryDirectory root;
  LocalExecutorOptions options;
  options.dir = root.path() + "/exec";
  if (const char* bin = std::getenv("HODEI_BIN_DIR")) options.bin_dir = bin;
  auto executor = OpenLocalExecutor(options);
  (void)MakeDirectories(root.path() + "/logs").ok();
  if (!executor.ok()) {
    state.SkipWithError(executor.status().message().c_str());
    return;
  }
  std::vector<double> ours;
  std::vector<double> whole;
  std::vector<double> bare;
  int number = 0;
  (void)Ours(executor->get(), root.path(), number++);  // formats the scratch once
  for (auto _ : state) {
    bare.push_back(Bare());
    const Times times = Ours(executor->get(), root.path(), number++);
    ours.push_back(times.started);
    whole.push_back(times.ended);
    state.SetIterationTime(times.started / 1000);
  }
  // On a busy machine the fastest tenth says more about the work than about the neighbours.
  for (const auto& [name, part, target] :
       {std::tuple{"p10", 0.1, "<= 5 over bwrap + program"},
        std::tuple{"p50", 0.5, "<= 5 over bwrap + program"}, std::tuple{"p95", 0.95, "<= 30"}}) {
    std::printf(
        "bench sandbox_start_%s %.1f ms target %s; bwrap + program: %.1f; to the durable "
        "end: %.1f\n",
        name, Percentile(ours, part), target, Percentile(bare, part), Percentile(whole, part));
  }
}
BENCHMARK(SandboxStart)->Iterations(100)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hodei::exec
