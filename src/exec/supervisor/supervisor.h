// One process per replica that outlives the server (launch protocol, steps 3 and 4).
// Single-threaded, outside the replica's control groups. It needs nothing but its folder and the
// plan in it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "exec/record/replica_records.h"
#include "exec/sandbox/sandbox.h"
#include "exec/supervisor/log_writer.h"
#include "exec/supervisor/output_pipes.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

class Supervisor {
 public:
  // `report` gets one line: "ok", "busy" (another supervisor has or had this replica) or
  // "error <text>" (user code did not and will not start). `scratch` is the replica's volume
  // (MakeScratchVolume()), none where the plan names a plain folder.
  Supervisor(std::string replica_dir, UniqueFd report, UniqueFd scratch, const Clock& clock);
  ~Supervisor();
  // The replica's whole life. The exit code of the process.
  int Run();

 private:
  // -- start (supervisor_start.cc)
  Status Prepare();
  Status TakeLock();
  Status WriteFirstState();
  Status StartSandbox();
  struct SandboxEnds;
  Status OpenEnds(SandboxEnds* ends);
  [[noreturn]] void BecomeSandbox(const SandboxEnds& ends, bool joined);
  Status AwaitReady();
  Status SyncState();
  void UndoStart();
  void Report(const std::string& line);
  // -- life
  Status SetUpLoop();
  void Loop();
  void HandleSignals();
  void HandleInitMessage();
  void HandleOutOfMemory();
  void HandleTick();
  void ReadStopFile();
  void BeginStop(bool now, bool asked);
  void KillEverything();
  void Reap();
  void Watch(int fd);
  void ArmTimer();
  // -- end
  void Finish();
  ExitRecord MakeExit();
  Status WriteRecord(const char* name, const std::string& bytes, bool durable);

  const Clock& clock_;
  std::string dir_;
  UniqueFd report_;
  UniqueFd scratch_;
  UniqueFd dir_fd_;
  UniqueFd lock_;
  LaunchPlan plan_;
  ReplicaState state_;
  std::optional<LogWriter> log_;
  SandboxView view_;
  UniqueFd network_;
  UniqueFd epoll_;
  UniqueFd signals_;
  UniqueFd timer_;
  UniqueFd oom_;
  OutputPipes output_;
  UniqueFd init_socket_;
  pid_t sandbox_pid_ = 0;
  bool sandbox_ended_ = false;
  int sandbox_status_ = 0;
  std::string early_stderr_;                        // what bwrap says before the sandbox stands
  std::string failure_;                             // the sandbox's own, for ReplicaExit::detail
  std::optional<std::pair<int, int>> program_end_;  // code, signal
  bool stop_asked_ = false;                         // by Stop()
  bool stopping_ = false;
  bool killed_ = false;
  bool out_of_memory_ = false;
  Nanoseconds kill_at_{0};  // monotonic; 0: no deadline
  Nanoseconds ends_at_{0};  // ReplicaSpec::run_limit, likewise
};

}  // namespace hodei::exec
