// The object graph of one server process, built top to bottom in dependency order; destruction runs
// the other way.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "hodei/config.pb.h"
#include "server/options.h"

namespace hodei::server {

class Server {
 public:
  // Opens the data folder, takes up what runs already, listens, and answers. The error says what a
  // person should do.
  static Result<std::unique_ptr<Server>> Start(const Options& options, const Config& config);
  virtual ~Server() = default;

  virtual std::string url() const = 0;      // "http://127.0.0.1:8080"
  virtual std::string tls_url() const = 0;  // empty with --no-tls
  // Sentences about this machine and this start, for the terminal: the sandbox's tier, warnings.
  virtual std::vector<std::string> notices() const = 0;
  // New handshakes get the certificate that `config` asks for, made or read anew; open connections
  // stay. On an error the old one stays.
  virtual Status ReloadCertificates(const Config& config) = 0;
  // Finishes running requests; jobs go on without us.
  virtual void Stop() = 0;
};

}  // namespace hodei::server
