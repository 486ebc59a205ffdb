// The API socket of each running job: through it a job is somebody without a credential.
#pragma once

#include <string>

#include "base/status.h"

namespace hodei::jobs {

// Thread-safe.
class JobSockets {
 public:
  virtual ~JobSockets() = default;
  // Listens on DIR/api.sock, and requests from there are job `job_name`'s ("projects/P/jobs/J").
  // DIR exists and is ours. Again for the same job: nothing happens, or the socket is made anew.
  virtual Status Open(const std::string& job_name, const std::string& dir) = 0;
  // From now on that identity is gone; fine when it was not open.
  virtual Status Close(const std::string& job_name) = 0;
};

}  // namespace hodei::jobs
