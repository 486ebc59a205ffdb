// Version 4's credential scope and the two vocabularies it comes in.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace hodei::wire::gcs {

// The words of one family of signers.
struct SignatureWords {
  std::string_view parameter_prefix;  // of the query's parameters
  std::string_view header_prefix;     // of the headers that must be signed
  std::string_view rsa_algorithm;     // empty: there is none
  std::string_view hmac_algorithm;
  std::string_view secret_prefix;
  std::string_view service;
  std::string_view terminator;
};
inline constexpr SignatureWords kGoogleWords = {"X-Goog-",           "x-goog-", "GOOG4-RSA-SHA256",
                                                "GOOG4-HMAC-SHA256", "GOOG4",   "storage",
                                                "goog4_request"};
inline constexpr SignatureWords kAmazonWords = {
    "X-Amz-", "x-amz-", "", "AWS4-HMAC-SHA256", "AWS4", "s3", "aws4_request"};
inline constexpr std::array<const SignatureWords*, 2> kAllWords = {&kGoogleWords, &kAmazonWords};

// "ID/20240501/auto/storage/goog4_request".
struct CredentialScope {
  std::string id;  // e-mail or access id
  std::string date;
  std::string location;
  std::string Text(const SignatureWords& words) const;  // without the id
};
// INVALID_ARGUMENT unless all five parts are there and are those of `words`.
Result<CredentialScope> ParseCredential(std::string_view text, const SignatureWords& words);

// "20240501T100000Z", all of it and nothing else.
std::optional<WallTime> ParseBasicTime(std::string_view text);

// Raw HMAC-SHA256 of `text` with the key derived from `secret` for the scope.
std::string ScopedMac(std::string_view secret, const CredentialScope& scope,
                      const SignatureWords& words, std::string_view text);

// Lower-case hex of even length and nothing else: one signature, one spelling.
std::optional<std::string> StrictHex(std::string_view text);

}  // namespace hodei::wire::gcs
