// Requests to an S3 server, signed with version 4: path-style, the payload always under the
// signature, so that what arrives is what was sent also without TLS.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "net/http_client.h"

namespace hodei::store {

struct S3Credentials {
  std::string access_key_id;
  Secret secret_key;
  std::string region;
};

// "/BUCKET/KEY", or "/BUCKET" without a key, percent-encoded.
std::string S3Path(std::string_view bucket, std::string_view key);
// "name=value&name=value", percent-encoded.
std::string S3Query(const std::vector<std::pair<std::string, std::string>>& parameters);

// Adds the headers of the signature to `request`, whose method, target and other headers are final;
// `host` is what its Host header will be. Headers named x-amz-* and Range are signed.
Status SignS3Request(const S3Credentials& credentials, std::string_view host,
                     std::string_view payload_sha256_hex, WallTime now,
                     net::ClientRequest* request);

}  // namespace hodei::store
