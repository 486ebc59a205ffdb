// What the token endpoint decides: a signed assertion of a service account becomes an access token
// or an identity token (RFC 7523, and the two requests that gcloud makes). Thread-safe.
//
// Errors that are the caller's carry the OAuth error in Status::reason(): "invalid_grant",
// "invalid_scope".
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "domain/access/jwt.h"
#include "hodei/access/records.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

// The audiences that Google's own clients write, whatever token_uri says.
inline constexpr std::string_view kGoogleTokenUris[] = {
    "https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token"};
inline constexpr std::chrono::seconds kMaxAssertionLifetime{3600};
inline constexpr std::chrono::seconds kClockSkew{60};
inline constexpr std::chrono::seconds kAccessTokenLifetime{3599};
// An assertion without an id ("jti") may come again until it is this old; later, and with an id
// always, the second is refused.
inline constexpr std::chrono::seconds kTwinAssertionAge{60};
// Assertions of one account taken in one hour; RESOURCE_EXHAUSTED beyond. Bounds what the replay
// check must remember.
inline constexpr int kMaxAssertionsPerHour = 10'000;

struct IssuedToken {
  // One of the two.
  Secret access_token;
  Secret id_token;
  int64_t expires_in_seconds = 0;
};

class TokenIssuer {
 public:
  // Both must outlive it.
  TokenIssuer(store::MetaStore* store, const Clock* clock) : store_(store), clock_(clock) {}

  // Audiences that are this server's, beside kGoogleTokenUris. Before the first assertion.
  void SetTokenUris(std::vector<std::string> token_uris) { token_uris_ = std::move(token_uris); }

  Result<IssuedToken> ExchangeAssertion(std::string_view assertion);

 private:
  // The account whose key signed it, and whose claims may be believed.
  Result<Account> Verify(const Jwt& jwt);
  Status VerifySignature(const Jwt& jwt, const Account& account);
  Status VerifyTimes(const Jwt& jwt) const;
  Status CountAssertion(const std::string& email);
  Result<SigningKey> IdTokenKey();
  Result<Secret> MakeIdToken(const Jwt& jwt, const Account& account);

  store::MetaStore* const store_;
  const Clock* const clock_;
  std::vector<std::string> token_uris_;
  struct Hour {
    Nanoseconds start{};
    int assertions = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Hour> hours_;  // by account; guarded by mutex_
};

}  // namespace hodei::access
