// The Executor on this machine: one supervisor process per replica (exec/supervisor), sandboxed by
// bwrap, control groups and network namespaces. The records in `dir` decide everything; this object
// keeps nothing that a restart would miss.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "exec/executor.h"

namespace hodei::exec {

struct LocalExecutorOptions {
  // Made if absent, 0700: replicas/ (records), scratch/, templates/. One server at a time.
  std::string dir;
  // Holds hodei-supervisor and hodei-replica-init. Empty: the folder of the running program.
  std::string bin_dir;
  std::string bwrap_path = "/usr/bin/bwrap";
  // Destinations that replicas with Egress::kInternet may reach although their range is closed,
  // "ADDRESS[/BITS][:PORT]": a package index in the private network, for example.
  std::vector<std::string> egress_allow;
  // Where the host's name servers are written; a stub on loopback is replaced by what it asks.
  std::vector<std::string> resolv_confs = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};
};

// FAILED_PRECONDITION when sandboxes do not work here (tier E): there is no unsandboxed mode.
// Adopts running replicas, records as lost those whose supervisor died, and removes what dead ones
// left in the kernel.
Result<std::unique_ptr<Executor>> OpenLocalExecutor(const LocalExecutorOptions& options,
                                                    const Clock& clock = SystemClock());

}  // namespace hodei::exec
