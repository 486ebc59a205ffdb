// The shell variables and files that point Google's tools and libraries at this server, and nothing
// else on the machine.
//
// Which client goes where:
//   gcloud      CLOUDSDK_* overrides, the token file, and a configuration folder of our own
//               (CLOUDSDK_CONFIG), so that the user's Google configuration is neither read nor
//               written. CLOUDSDK_AI_PLATFORM_REGION=global keeps it from turning the address into
//               us-central1-127.0.0.1.
//   gsutil      speaks only https: BOTO_CONFIG names our TLS port and our certificate authority,
//   and
//               the owner's key as its credential.
//   libraries   GOOGLE_APPLICATION_CREDENTIALS is the owner's key, whose token endpoint is this
//   server.
//               They send that credential only while STORAGE_EMULATOR_HOST is not set: with it they
//               drop credentials and the server would answer 401. So a server that asks for a
//               credential is named by API_ENDPOINT_OVERRIDE, and STORAGE_EMULATOR_HOST is exported
//               for a server started with --auth none.
//   rclone      a remote "hodei:" from RCLONE_CONFIG_HODEI_*.
//   gcsfs       FSSPEC_GCS_* and FSSPEC_GS_*: settings of the file systems gcs:// and gs://.
//   Node        reads its credential from GOOGLE_APPLICATION_CREDENTIALS; the address has to be
//   given
//               in code (apiEndpoint: process.env.API_ENDPOINT_OVERRIDE).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "cli/settings.h"

namespace hodei::cli {

struct ClientEnvironmentInput {
  std::string url;      // "http://127.0.0.1:8080"
  std::string tls_url;  // "https://127.0.0.1:8443"; empty: gsutil cannot be pointed here
  bool asks_credential = true;
  std::string
      token_uri;  // where the owner's key is exchanged; gsutil does not take it from the key
  std::string project;
  std::string data_folder;       // the installation's: credentials/, tls/
  std::string work_folder;       // ours to write: gcloud configuration, boto file
  EnvironmentVariables present;  // the shell's own, for proxies and their exceptions
};

struct ClientEnvironment {
  std::vector<std::pair<std::string, std::string>> exports;  // in the order printed
  std::vector<std::string> unset;                            // variables that must not be there
  std::vector<std::string> notes;                            // printed as comments
};

// Pure: names and values only.
ClientEnvironment MakeClientEnvironment(const ClientEnvironmentInput& input);
// The boto configuration for gsutil.
std::string BotoConfiguration(const ClientEnvironmentInput& input);
// `text` as one word of a POSIX shell.
std::string ShellQuoted(std::string_view text);

}  // namespace hodei::cli
