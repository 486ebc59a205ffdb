// Where replicas run. A replica is one process tree with limits, an isolated file view and network,
// and its output captured as log frames. The interface is idempotent and crash-proof: every call
// may be repeated after a restart, and List() after a restart tells the truth.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

struct Mount {
  std::string host_path;    // ours, absolute
  std::string inside_path;  // absolute
  // The folder is given to the replica's own host user (its owner changes): one replica at a time.
  // What a read-only mount shows must be readable by others (0755/0644); the folders above it need
  // not be.
  bool writable = false;
};

struct Resources {
  int64_t cpu_millis = 1000;  // 1000 = one core; a quota, not a share
  int64_t memory_bytes = 1LL << 30;
  int64_t scratch_bytes = 10LL << 30;  // /work, /tmp and /dev/shm together with what backs them
  int64_t pids = 4096;
  std::vector<std::string> gpus;  // device ids from Capabilities
};

// Where a replica finds this server's API, inside its own network namespace.
inline constexpr char kJobApiAddress[] = "127.0.0.1:8380";
// Where buckets appear as files.
inline constexpr char kBucketFiles[] = "/gcs";
// What ReplicaSpec::private_names resolve to, and the replica's name server.
inline constexpr char kPrivateAddress[] = "169.254.169.254";

enum class Egress { kNone, kInternet };

// Replicas with the same network group reach each other by host name on any port, and nobody else
// does. The executor creates the group with its first replica and removes it with the last. A
// replica that is alone in its group finds its own host name on its loopback.
struct Network {
  std::string group;      // unique per job attempt, [a-z0-9-]
  std::string host_name;  // of this replica, as TF_CONFIG names it
  // Every replica of the group, this one included, known before the first starts.
  std::vector<std::string> group_host_names;
  Egress egress = Egress::kNone;
};

struct ReplicaSpec {
  std::string id;                 // unique for ever, [a-z0-9-]{1,100}: attempt and replica in one
  std::vector<std::string> argv;  // argv[0] absolute, as seen inside
  std::map<std::string, std::string> env;  // the complete environment
  std::string work_dir = "/work";          // inside; /work is the private writable scratch
  std::vector<Mount> mounts;
  Resources resources;
  Network network;
  // Folder for log segments, made by the caller; the executor writes `segment-*.log`
  // (base/log_frame) there and nothing else.
  std::string log_dir;
  // Host folder that holds `api.sock`, bound read-only at /run/hodei (the folder, so that a socket
  // made anew after a server restart is seen). A forwarder inside the sandbox listens on
  // kJobApiAddress and passes bytes to that socket. The replica is another host user: the socket
  // must be 0666 and the folder 0755 (folders above it may be closed). Empty: no API.
  std::string api_socket_dir;
  // Names that are this server's inside the replica, each with everything below it
  // ("example.com" is a.example.com too). They resolve to kPrivateAddress, which exists in the
  // replica's own network namespace only; its ports 80 and 443 are forwarded to `web.sock` and
  // `tls.sock` beside `api.sock`. Needs api_socket_dir. Other names are asked of the host's name
  // servers with Egress::kInternet, and do not exist otherwise.
  std::vector<std::string> private_names;
  // The buckets of this project appear as files at kBucketFiles, with the rights that api.sock
  // gives. Needs api_socket_dir and Capabilities::bucket_files. Empty: no.
  std::string bucket_files_project;
  std::chrono::milliseconds stop_grace{10'000};  // between SIGTERM and SIGKILL
  // How long the program may run before it is killed, whether a server is there or not; 0: for
  // ever.
  std::chrono::seconds run_limit{0};
  // The job's log quota: output beyond it is counted and dropped, the program is never blocked.
  int64_t log_bytes_limit = 1LL << 30;
  int64_t log_bytes_per_second = 16LL << 20;
};

enum class ReplicaPhase {
  kUnknown,   // never started here, or removed
  kStarting,  // accepted; user code has not started
  kRunning,
  kExited,  // final: `exit` tells how
  kLost,    // final: the machine restarted or the supervisor died; user code no longer runs
};

struct ReplicaExit {
  int exit_code = 0;  // 0..255; meaningless when signal != 0
  int signal = 0;     // the signal that ended it
  bool out_of_memory = false;
  bool stopped = false;    // because Stop() was called
  bool disk_full = false;  // the scratch was full at exit
  std::string detail;      // a sentence when the sandbox itself failed
  WallTime end_time;
  int64_t cpu_nanos = 0;
  int64_t peak_memory_bytes = 0;
};

struct ReplicaStatus {
  std::string id;
  ReplicaPhase phase = ReplicaPhase::kUnknown;
  int64_t pid = 0;      // of the user's program on the host, while running
  WallTime start_time;  // user code started
  ReplicaExit exit;     // for kExited and kLost
};

struct Capabilities {
  std::string tier;          // "A".."E" of the sandbox recipe
  std::string tier_summary;  // one sentence for people: "root + cgroup hybrid: full isolation"
  std::vector<std::string> warnings;
  int64_t cpu_millis = 0;  // what the machine has for replicas
  int64_t memory_bytes = 0;
  int64_t scratch_bytes = 0;
  std::vector<std::string> gpus;
  bool network_groups = false;  // replicas of a job can reach each other
  bool internet = false;        // Egress::kInternet works
  bool bucket_files = false;    // ReplicaSpec::bucket_files_project works
};

// Thread-safe. Calls block for milliseconds, never for the life of a replica.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual const Capabilities& capabilities() const = 0;
  // Starts the replica, or does nothing when `spec.id` was started before (even if it has ended).
  // When it returns OK the start survives our crash: either user code runs exactly once or
  // Observe() says kLost. An error means user code did not and will not start.
  virtual Status Start(const ReplicaSpec& spec) = 0;
  virtual Result<ReplicaStatus> Observe(const std::string& id) = 0;
  // Every replica that was started and not removed.
  virtual Result<std::vector<ReplicaStatus>> List() = 0;
  // SIGTERM now, SIGKILL to the whole cgroup after the spec's grace (`now` skips the grace).
  // Returns at once; the end is seen by Observe(). OK for unknown and ended replicas.
  virtual Status Stop(const std::string& id, bool now = false) = 0;
  // Frees scratch, cgroup, network and records of an ended replica. Log segments stay.
  // FAILED_PRECONDITION while it runs.
  virtual Status Remove(const std::string& id) = 0;
  // The stream socket `name` that the running replica has bound in its /work, as an O_PATH
  // descriptor: connect(2) to /proc/self/fd/N reaches that very socket, whatever the replica puts
  // there later. NOT_FOUND while there is none, FAILED_PRECONDITION when it is no socket or
  // reached through a link, UNAVAILABLE when the replica does not run. `name` has no '/'.
  virtual Result<UniqueFd> OpenSocket(const std::string& id, const std::string& name) = 0;
  // `changed(id)` is called from an executor thread whenever a replica's phase may have changed.
  virtual void OnChange(std::function<void(const std::string& id)> changed) = 0;
};

}  // namespace hodei::exec
