// What version 4 signatures of requests are made of, whoever signs and whoever verifies: the query
// in its one spelling, and the keyed digest under a key of one day, region and service. Source:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html; Cloud Storage's
// are the same with other words.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::net {

struct SigningScope {
  std::string_view secret_prefix;  // "AWS4"
  std::string_view date;           // "20240501"
  std::string_view region;
  std::string_view service;
  std::string_view terminator;  // "aws4_request"
};

// Raw HMAC-SHA256 of `text` with the key derived from `secret` for the scope.
std::string ScopedMac(std::string_view secret, const SigningScope& scope, std::string_view text);

// The raw query's parameters, each percent-encoded anew by RFC 3986's rules and sorted by the
// encoded text, without the parameter `signature_name`. INVALID_ARGUMENT for a bad escape.
Result<std::string> CanonicalQuery(std::string_view raw_query, std::string_view signature_name);

}  // namespace hodei::net
