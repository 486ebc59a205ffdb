// The file view of a replica: what bwrap is told to show. Everything user-visible in the sandbox
// is decided here.
//
//   /usr (read-only, with /bin /lib /sbin links), a minimal /etc, /proc, /dev of its own
//   /work (scratch), /tmp (scratch), /dev/shm (memory, at most half of the replica's)
//   /gcs (buckets as files, where the machine can), and
//   /run/hodei (the API socket's folder), /.hodei/init, and the spec's mounts
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "exec/record/replica_records.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

inline constexpr char kInitInside[] = "/.hodei/init";
inline constexpr int kInsideUid = 1000;

struct SandboxView {
  std::vector<std::string> bwrap_args;  // without program and command
  std::string scratch;                  // host path of the file system that backs /work; for statfs
  UniqueFd bucket_device;  // /dev/fuse, mounted at kBucketFiles; empty: buckets are no files
  std::string bucket_mount;
  UniqueFd api_folder;    // the spec's api_socket_dir, for who serves that device
  UniqueFd scratch_root;  // keeps statfs possible whatever is mounted above
  // The folders of read-only mounts, each with a shared flock(): who wants to remove one takes an
  // exclusive one first, and so never takes it from under a replica.
  std::vector<UniqueFd> held;
};

// As root: moves this process into a mount namespace of its own, places `scratch_volume`
// (MakeScratchVolume()) there and gathers every host folder under one place that the job's uid can
// reach, whatever the modes of the folders above them. All of it disappears with the last process
// of the namespace, so nothing needs to be cleaned up after any crash. Only for single-threaded
// programs. `hosts` is the text of /etc/hosts, `resolv_conf` of /etc/resolv.conf (empty: none).
Result<SandboxView> BuildSandboxView(const LaunchPlan& plan, const UniqueFd& scratch_volume,
                                     const std::string& replica_dir, const std::string& hosts,
                                     const std::string& resolv_conf);

}  // namespace hodei::exec
