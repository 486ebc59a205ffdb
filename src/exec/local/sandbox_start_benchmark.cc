// What our sandbox costs over the bare one: the same program, alternately through the executor and
// through bwrap alone with the same namespaces. Prints
//   bench sandbox_start <ms> ms target <= 5 over bwrap + program: <ms>
#include <benchmark/benchmark.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
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

// From Start() to the state that says that the program runs (or has ended already).
double Ours(Executor* executor, const std::string& root, int number) {
  ReplicaSpec spec;
  spec.id = "bench-" + std::to_string(number);
  spec.argv = {"/usr/bin/true"};
  spec.resources.scratch_bytes = 1LL << 30;
  spec.log_dir = root + "/logs";
  const auto start = std::chrono::steady_clock::now();
  if (!executor->Start(spec).ok()) return -1;
  for (;;) {
    const auto status = executor->Observe(spec.id);
    if (!status.ok()) return -1;
    if (status->phase == ReplicaPhase::kExited) break;
    usleep(200);
  }
  const double took = Millis(start);
  (void)executor->Remove(spec.id).ok();
  return took;
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
  std::vector<double> bare;
  int number = 0;
  (void)Ours(executor->get(), root.path(), number++);  // formats the scratch once
  for (auto _ : state) {
    bare.push_back(Bare());
    ours.push_back(Ours(executor->get(), root.path(), number++));
    state.SetIterationTime(ours.back() / 1000);
  }
  std::printf("bench sandbox_start_p50 %.1f ms target <= 5 over bwrap + program: %.1f\n",
              Percentile(ours, 0.5), Percentile(bare, 0.5));
  std::printf("bench sandbox_start_p95 %.1f ms target <= 30; bwrap + program: %.1f\n",
              Percentile(ours, 0.95), Percentile(bare, 0.95));
}
BENCHMARK(SandboxStart)->Iterations(100)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hodei::exec
