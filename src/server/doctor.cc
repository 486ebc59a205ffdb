#include "server/doctor.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include "base/clock.h"
#include "exec/local/local_executor.h"
#include "store/log/log_store.h"
#include "sys/file.h"

namespace hodei::server {
namespace {

constexpr const char* kReplica = "doctor-escape";
constexpr std::chrono::seconds kEscapeDeadline{20};
constexpr size_t kLines = 200;
constexpr size_t kLineBytes = 64 * 1024;
constexpr double kGib = 1 << 30;

void Print(std::string_view level, std::string_view subject, std::string_view text) {
  fmt::print("{:<4} {}: {}\n", level, subject, text);
}

exec::ReplicaSpec EscapeSpec(const std::string& log_dir) {
  exec::ReplicaSpec spec;
  spec.id = kReplica;
  spec.argv = {"/.hodei/init", "--escape-program"};
  spec.env = {{"PATH", "/usr/bin"}};
  spec.resources = {.cpu_millis = 1000,
                    .memory_bytes = 256 << 20,
                    .scratch_bytes = 64 << 20,
                    .pids = 64,
                    .gpus = {}};
  spec.log_dir = log_dir;
  return spec;
}

// Waits until the replica has ended; its status at the deadline otherwise.
Result<exec::ReplicaStatus> WaitForEnd(exec::Executor* executor) {
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t changes = 0;
  executor->OnChange([&](const std::string&) {
    std::lock_guard lock(mutex);
    ++changes;
    changed.notify_one();
  });
  const Nanoseconds deadline = SystemClock().Monotonic() + kEscapeDeadline;
  Result<exec::ReplicaStatus> status = executor->Observe(kReplica);
  uint64_t seen = 0;
  while (status.ok() && status->phase < exec::ReplicaPhase::kExited &&
         SystemClock().Monotonic() < deadline) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(1), [&] { return changes != seen; });
    seen = changes;
    lock.unlock();
    status = executor->Observe(kReplica);
  }
  executor->OnChange([](const std::string&) {});
  return status;
}

// The escape program's verdict, as lines; true when nothing got out.
Result<bool> TryEscapes(exec::Executor* executor, const std::string& folder) {
  const std::string log_dir = folder + "/escape-log";
  RETURN_IF_ERROR(MakeDirectories(log_dir));
  RETURN_IF_ERROR(executor->Start(EscapeSpec(log_dir)));
  ASSIGN_OR_RETURN(const exec::ReplicaStatus status, WaitForEnd(executor));
  ASSIGN_OR_RETURN(const std::unique_ptr<store::LogStore> logs,
                   store::LogStore::Open(folder + "/logs", SystemClock()));
  RETURN_IF_ERROR(logs->AddSource({"doctor", "doctor", "escape", "", kReplica, log_dir}));
  ASSIGN_OR_RETURN(const std::vector<std::string> lines,
                   logs->TailOf(kReplica, kLines, kLineBytes));
  for (const std::string& line : lines) {
    if (line.starts_with("ESCAPE")) Print("fail", "escape", line);
  }
  const bool contained = status.phase == exec::ReplicaPhase::kExited && status.exit.signal == 0 &&
                         status.exit.exit_code == 0 && !lines.empty();
  Print(contained ? "ok" : "fail", "escape program",
        lines.empty() ? "it printed nothing: " + status.exit.detail : lines.back());
  (void)executor->Stop(kReplica, true).ok();
  (void)executor->Remove(kReplica).ok();
  return contained;
}

}  // namespace

int RunDoctor() {
  TemporaryDirectory folder;
  Result<std::unique_ptr<exec::Executor>> executor =
      exec::OpenLocalExecutor({.dir = folder.path() + "/exec"});
  if (!executor.ok()) {
    Print("fail", "sandbox", executor.status().message());
    return 1;
  }
  const exec::Capabilities& machine = (*executor)->capabilities();
  Print("ok", "sandbox", fmt::format("tier {}, {}", machine.tier, machine.tier_summary));
  for (const std::string& warning : machine.warnings) Print("warn", "sandbox", warning);
  Print("ok", "capacity",
        fmt::format("{:.1f} CPUs, {:.1f} GiB of memory, {:.0f} GiB of scratch, {} GPUs",
                    static_cast<double>(machine.cpu_millis) / 1000,
                    static_cast<double>(machine.memory_bytes) / kGib,
                    static_cast<double>(machine.scratch_bytes) / kGib, machine.gpus.size()));
  Print(machine.network_groups ? "ok" : "warn", "distributed jobs",
        machine.network_groups ? "replicas of a job reach each other"
                               : "replicas of a job cannot reach each other in this tier");
  Print(machine.internet ? "ok" : "warn", "internet",
        machine.internet ? "jobs can reach the outside world" : "jobs have no network outside");
  const Result<bool> contained = TryEscapes(executor->get(), folder.path());
  if (!contained.ok()) Print("fail", "escape program", contained.status().message());
  return contained.ok() && *contained ? 0 : 1;
}

}  // namespace hodei::server
