// What lies in DIR/replicas/<id>/, written and read by server and supervisor:
//   spec    the launch plan, by the server before it starts the supervisor
//   lock    held (F_OFD_SETLK) by the supervisor for its whole life
//   state   by the supervisor: durable before user code starts, rewritten when it runs
//   stop    by the server: "grace" or "now"; read by the supervisor on SIGUSR1 and before the start
//   exit    durable, by the supervisor when everything has ended, or by the server when the
//           supervisor died without one
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "exec/executor.h"

namespace hodei::exec {

inline constexpr char kSpecFile[] = "spec";
inline constexpr char kLockFile[] = "lock";
inline constexpr char kStateFile[] = "state";
inline constexpr char kStopFile[] = "stop";
inline constexpr char kExitFile[] = "exit";

// One control group of a replica: a v1 controller's, or "unified" for v2.
struct CgroupDirectory {
  std::string controller;
  std::string path;
  bool operator==(const CgroupDirectory&) const = default;
};

// How the executor decided to run a spec. Everything the supervisor needs is in here: it asks
// nobody and outlives the server.
struct LaunchPlan {
  ReplicaSpec spec;
  std::string tier;
  // Host user of the job; 0: stay the user we are (tiers C and D).
  uint32_t host_uid = 0;
  std::vector<CgroupDirectory> cgroups;  // empty: none (tier D)
  std::string bwrap_path;                // empty: tier E, no sandbox at all
  std::string init_path;
  std::string bucketfs_path;              // hodei-bucketfs; empty: buckets are no files here
  std::string seccomp_path;               // a BPF program for bwrap --seccomp
  std::string scratch_path;               // a plain folder; empty as root: a volume is handed over
  std::string group_netns;                // name under /run/netns; empty: no group
  std::string network_lock;               // file that serialises network changes of this machine
  std::vector<std::string> resolvers;     // addresses that Egress::kInternet may ask for names
  std::vector<std::string> egress_allow;  // "ADDRESS[/BITS][:PORT]" allowed in spite of the ranges
};

enum class StatePhase { kStarting, kRunning };

// Who supervises and what runs. A process is this one only when pid, start time and boot agree.
struct ReplicaState {
  int64_t pid = 0;           // the supervisor's
  uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat
  std::string boot_id;
  StatePhase phase = StatePhase::kStarting;
  int64_t program_pid = 0;
  WallTime started;  // user code
  bool operator==(const ReplicaState&) const = default;
};

struct ExitRecord {
  bool lost = false;
  ReplicaExit exit;
  int64_t program_pid = 0;
  WallTime started;  // 0: user code never ran
};

std::string SerializeLaunchPlan(const LaunchPlan& plan);
Result<LaunchPlan> ParseLaunchPlan(std::string_view bytes);
std::string SerializeState(const ReplicaState& state);
Result<ReplicaState> ParseState(std::string_view bytes);
std::string SerializeExit(const ExitRecord& exit);
Result<ExitRecord> ParseExit(std::string_view bytes);

// [a-z0-9-]{1,100}: the only names that may become a folder or a control group.
bool IsReplicaId(std::string_view id);

}  // namespace hodei::exec
