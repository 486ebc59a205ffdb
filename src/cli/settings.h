// Answers "which server, which project, which credential?" from flags, environment, properties and
// the data folder of the installation, in this order.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "cli/command_line.h"
#include "cli/properties.h"

namespace hodei::cli {

using EnvironmentVariables = std::map<std::string, std::string>;

struct ServerAddress {
  std::string url;      // "http://127.0.0.1:8080", no trailing slash
  std::string ca_file;  // for https: PEM that replaces the system's trust store; may be empty
  std::string origin;   // where the url comes from, for messages: "the --server flag"
};

// What hodeid writes to DATA/server.json when it starts.
struct ServerRecord {
  std::string url;
  std::string tls_url;
  std::string version;
  std::string auth;  // "required" or "none"
  long pid = 0;
};

class Settings {
 public:
  // `line` must outlive this.
  Settings(const CommandLine* line, EnvironmentVariables environment);

  const EnvironmentVariables& environment() const { return environment_; }
  std::optional<std::string> Variable(const std::string& name) const;

  std::string ConfigFolder() const;  // $HODEI_CONFIG, $XDG_CONFIG_HOME/hodei or ~/.config/hodei
  std::string PropertyPath() const { return ConfigFolder() + "/properties"; }
  // "core/project": $CLOUDSDK_CORE_PROJECT, then the property file. A file that cannot be read
  // counts as empty here; `hodei config` reports it.
  std::optional<std::string> Property(const std::string& name) const;
  // The value in the property file alone.
  std::optional<std::string> StoredProperty(const std::string& name) const;
  // Reads the property file again.
  void Reload();
  // The variable that overrides the property: "CLOUDSDK_CORE_PROJECT".
  static std::string PropertyVariable(const std::string& name);

  std::string DataFolder() const;
  // NOT_FOUND when no server has written it.
  Result<ServerRecord> ReadServerRecord() const;
  ServerAddress Server() const;
  // gcloud's "required property [project]" error when there is none; numbers are refused.
  Result<std::string> Project() const;
  // Empty when there is no credential at all: the request then goes without one.
  Result<Secret> AccessToken() const;
  // The account in use, by default that of the owner key in the data folder, or "".
  std::string Account() const;
  // A member of the owner key in the data folder, or "".
  std::string OwnerKeyMember(const std::string& member) const;
  std::optional<std::string> Region() const;

 private:
  std::string Home() const;

  const CommandLine* line_;
  EnvironmentVariables environment_;
  PropertyFile properties_;
};

}  // namespace hodei::cli
