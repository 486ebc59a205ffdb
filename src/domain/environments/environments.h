// Python environments: which interpreter and which installed packages a job runs with. An
// environment is a stack of layers, each keyed by what went into it, built once inside the sandbox,
// cached on disk and shared read-only by every replica and job that needs the same bytes.
//
// Layout inside a replica:
//   /opt/hodei/runtime      the runtime's base layer (a venv)
//   /opt/hodei/layers/NAME  optional parts of the runtime (tensorflow, …), present when needed
//   /opt/hodei/packages     the job's own packages (a venv on top of the others)
//   /opt/hodei/lib          the launcher
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "exec/executor.h"

namespace hodei::environments {

// Replicas with this id prefix are builds of environments and belong to this module: a reconciler
// of jobs must leave them alone when it looks through Executor::List().
inline constexpr char kBuildReplicaPrefix[] = "env-";

// How long an environment build may take, and so how long a job may wait for it.
inline constexpr std::chrono::minutes kPackageBuildDeadline{15};
inline constexpr std::chrono::minutes kRuntimeBuildDeadline{60};

// What an asked (runtimeVersion, pythonVersion) pair means on this machine. A value.
struct RuntimeChoice {
  std::string runtime_version;  // as asked; the served default when the request named none
  std::string python_version;   // as asked; the runtime's default when the request named none
  std::string served_by;        // name of the runtime definition that serves it
  std::string key;              // content hash of interpreter and requirements
  std::string interpreter;      // absolute path, the same on the host and inside
  // Sentences for the job's log, with severity WARNING.
  std::vector<std::string> warnings;
};

struct PackageFile {
  std::string host_path;  // ours: a complete local copy of the package object
  std::string file_name;  // the user's name for it, such as "trainer-0.1.tar.gz"; never a path
  std::string sha256;     // lower-case hex of the file's bytes
};

struct Request {
  RuntimeChoice runtime;
  std::vector<PackageFile> packages;  // in the order of packageUris; at most kPackagesMax
  // Optional layers wanted whatever the packages name; those that the runtime lacks are left out.
  std::vector<std::string> layers;
  // Unique per attempt of a job, [a-z0-9-]{1,80}. A failed build stays failed for the same build_id
  // and is tried again for a new one.
  std::string build_id;
  // Folder of the job (made by the caller) into which the build of the job's own packages writes
  // its log segments: pip's output belongs to the job's log. Empty: kept with the build.
  std::string log_dir;
  std::string api_socket_dir;  // unused: a build has no identity, so that setup.py can reach no API
};
inline constexpr size_t kPackagesMax = 100;  // the API's limit of packageUris

struct State {
  enum Phase { kBuilding, kReady, kFailed } phase = kBuilding;
  // kBuilding: a clause for "what does this job wait for", such as
  // "building layer 'tensorflow' of runtime 2.21 (first use, 40 s so far)".
  std::string waiting_for;
  // kFailed: sentences for the user, ending with the last lines of pip or setup.py.
  std::string error;
  // kReady: lines about what was chosen, for the job's log at INFO.
  std::vector<std::string> notes;
  // kReady: mounts and variables every replica of the job needs. `env` holds no PATH-like variable
  // of the server; it does hold PATH, PYTHONUNBUFFERED, HOME and what makes unmodified Google
  // clients talk to the job's own API address.
  std::vector<exec::Mount> mounts;
  std::map<std::string, std::string> env;
};

// Thread-safe.
class Environments {
 public:
  virtual ~Environments() = default;

  // Empty strings ask for the defaults. InvalidField("runtime_version" | "python_version") for
  // pairs that never existed; FAILED_PRECONDITION when the policy is `exact` and this machine has
  // only something near. Touches no disk.
  virtual Result<RuntimeChoice> Resolve(std::string_view runtime_version,
                                        std::string_view python_version) const = 0;

  // Where the environment stands; starts what is missing and never waits for it. Idempotent; after
  // a restart the disk and the executor decide. Errors are our own (disk full …): retry later.
  // A problem of the user's package is State::kFailed.
  virtual Result<State> Ensure(const Request& request) = 0;

  // The caller of Ensure() with this build_id waits no longer. What was being built for nobody else
  // is stopped, and built anew when somebody asks. Cheap; an unknown id is none.
  virtual void Release(const std::string& build_id) = 0;

  // The command line of a replica: what `python -m MODULE ARGS --job-dir JOB_DIR` means here.
  // No --job-dir when `job_dir` is empty. `module` and `args` are the user's, passed as argv only.
  virtual std::vector<std::string> LaunchArgv(const RuntimeChoice& runtime, std::string_view module,
                                              const std::vector<std::string>& args,
                                              std::string_view job_dir) const = 0;

  // `changed()` is called from a thread of this module whenever an Ensure() may answer otherwise
  // than before. It must not call back into this object from inside.
  virtual void OnChange(std::function<void()> changed) = 0;

  // Says that the executor reported a change of one of our replicas (kBuildReplicaPrefix). The
  // program's wiring calls it, because an Executor has one listener. Cheap.
  virtual void ReplicaChanged(const std::string& replica_id) = 0;
};

}  // namespace hodei::environments
