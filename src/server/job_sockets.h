// The API socket of each running job: listening as long as the job runs, labelled with its name, so
// that what comes through it is known to be that job (docs/decisions/0003).
#pragma once

#include <string>

#include "base/status.h"
#include "domain/jobs/job_sockets.h"
#include "net/http_server.h"

namespace hodei::server {

// "job:projects/P/jobs/J".
std::string SocketLabel(const std::string& job_name);

// Thread-safe.
class JobSocketListener : public jobs::JobSockets {
 public:
  // `server` may be set once it exists; Open() before that is FAILED_PRECONDITION.
  void Attach(net::HttpServer* server) { server_ = server; }
  // Listens at `dir`/api.sock. Idempotent: a second Open() listens anew.
  Status Open(const std::string& job_name, const std::string& dir) override;
  Status Close(const std::string& job_name) override;

 private:
  net::HttpServer* server_ = nullptr;
};

}  // namespace hodei::server
