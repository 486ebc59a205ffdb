// Service-account keys in Google's format: signing assertions (RFC 7523) and exchanging them for
// access tokens at the key's token_uri.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "cli/context.h"

namespace hodei::cli {

struct ServiceAccountKey {
  std::string client_email;
  std::string private_key_id;
  Secret private_key;  // PEM
  std::string token_uri;
  std::string project_id;
};

// INVALID_ARGUMENT naming the field that is missing.
Result<ServiceAccountKey> ParseServiceAccountKey(std::string_view json);
// The raw RSA-SHA256 signature of `text`; `pem` is the private key.
Result<std::string> SignRs256(const std::string& pem, std::string_view text);
// A signed assertion (RS256) valid for an hour from `now`.
Result<std::string> SignAssertion(const ServiceAccountKey& key, WallTime now);

// Exchanges the key in `key_file`, keeps key and token in the configuration folder and makes them
// the ones in use. Returns the account's e-mail.
Result<std::string> ActivateServiceAccount(Context& context, const std::string& key_file);
// Gets a new token for the activated key when the kept one has less than five minutes left. OK
// without an activated key.
Status RefreshServiceAccountToken(Context& context);
Status ForgetServiceAccount(Context& context);

}  // namespace hodei::cli
