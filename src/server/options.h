// What `hodeid` was told on its command line.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace hodei::server {

struct HostPort {
  std::string host;
  uint16_t port = 0;
};

struct Options {
  std::string data_dir;
  std::string config_file;
  HostPort listen{"127.0.0.1", 8080};
  HostPort listen_tls{"127.0.0.1", 8443};
  bool no_tls = false;
  bool auth_none = false;
  bool ephemeral = false;
  bool insecure_public_http = false;
  bool doctor = false;
  bool check = false;
  std::string backup_to;
  std::string restore_from;
  bool version = false;
  bool help = false;
};

// INVALID_ARGUMENT says which argument and what to write instead.
Result<Options> ParseOptions(int argc, char** argv);
std::string UsageText();

// "127.0.0.1:8080", "[::1]:8080", "localhost:0".
Result<HostPort> ParseHostPort(const std::string& text);
bool IsLoopback(const std::string& host);

// Refuses combinations that would open the server to strangers (T38): a public address without TLS,
// or without authentication.
Status CheckExposure(const Options& options);

}  // namespace hodei::server
