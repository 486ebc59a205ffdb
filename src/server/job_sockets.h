// The sockets of each running job: listening as long as the job runs, labelled with its name
// (domain/access/job_peer.h), so that what comes through them is known to be that job
// (docs/decisions/0003, 0035).
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "domain/jobs/job_sockets.h"
#include "net/http_server.h"
#include "net/name_certificates.h"

namespace hodei::server {

// Thread-safe.
class JobSocketListener : public jobs::JobSockets {
 public:
  // `server` may be set once it exists; Open() before that is FAILED_PRECONDITION.
  // Null `certificates`: jobs have the API's address only, no private names.
  void Attach(net::HttpServer* server, std::shared_ptr<const net::NameCertificates> certificates) {
    server_ = server;
    certificates_ = std::move(certificates);
  }
  // Listens at `dir`/{api,web,tls}.sock. Idempotent: a second Open() listens anew.
  Status Open(const std::string& job_name, const std::string& dir) override;
  Status Close(const std::string& job_name) override;

 private:
  Status Listen(const std::string& job_name, const std::string& dir);

  net::HttpServer* server_ = nullptr;
  std::shared_ptr<const net::NameCertificates> certificates_;
};

}  // namespace hodei::server
