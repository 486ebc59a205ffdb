// The folder of files that make a job's programs trust the private names: mounted read-only into
// every job, and meant for nobody else.
//   certs/                    the host's /etc/ssl/certs with the authority of jobs added to its
//                             bundle and under its hashed name
//   authority.pem             that authority alone
//   gcs/README                what is said at /gcs where buckets cannot be files
//   boto.cfg                  the bundle and the job's account, for gsutil
#pragma once

#include <string>

#include "base/status.h"

namespace hodei::server {

// Makes the folder below `dir`, under a name that its content decides: running jobs keep the one
// they have. Returns its path. `host_certs` is where the host keeps what it trusts.
Result<std::string> MakeJobTrust(const std::string& dir, const std::string& authority_pem,
                                 const std::string& host_certs = "/etc/ssl/certs");

}  // namespace hodei::server
