// V4 signed URLs (GOOG4-RSA-SHA256).
#pragma once

#include <map>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "cli/storage/gs_url.h"

namespace hodei::cli {

struct SignedUrlRequest {
  std::string server_url;  // scheme and host that the URL will name
  std::string verb = "GET";
  GsUrl url;           // a bucket or an object
  std::string region;  // lower case
  int64_t seconds = 0;
  WallTime now;
  std::map<std::string, std::string> headers;     // signed besides host
  std::map<std::string, std::string> parameters;  // signed query parameters
};
Result<std::string> SignedUrl(const SignedUrlRequest& request, const std::string& client_email,
                              const std::string& private_key);
// "90", "30s", "1h30m", "P7D" as seconds.
Result<int64_t> ParseDurationSeconds(const std::string& text);

}  // namespace hodei::cli
