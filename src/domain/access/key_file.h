// The JSON file with a service account's key that Google's clients read.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace hodei::access {

struct KeyFile {
  std::string project_id;
  std::string private_key_id;
  Secret private_key_pem;
  std::string client_email;
  std::string client_id;
  std::string server_url;  // "http://127.0.0.1:8080": token_uri and the like are below it
};

// The path below the server's URL where clients get tokens.
inline constexpr char kTokenPath[] = "/token";

std::string PrintKeyFile(const KeyFile& file);
// INVALID_ARGUMENT when it is not a complete key file of ours.
Result<KeyFile> ParseKeyFile(std::string_view json);

}  // namespace hodei::access
