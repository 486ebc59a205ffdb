// Opaque access tokens: 256 random bits, kept as their SHA-256 only, each with an expiry.
// Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "domain/access/record_cache.h"
#include "hodei/access/records.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

inline constexpr size_t kMaxTokenBytes = 512;

// A token that exists once its writes are committed.
struct NewToken {
  Secret token;
  std::string name;  // of the record
  std::vector<store::Write> writes;
};
NewToken MakeToken(const Account& account, WallTime now, Nanoseconds lifetime,
                   std::string_view scope);

// The record name of a token.
std::string TokenName(std::string_view token);

// The write that lets PurgeExpired() delete (kind, name) some time after `expire`.
store::Write ExpiryWrite(WallTime expire, const std::string& kind, const std::string& name);
// Deletes at most `limit` records whose time has come.
Status PurgeExpired(store::MetaStore* store, WallTime now, size_t limit);

class AccessTokens {
 public:
  // Both must outlive it.
  AccessTokens(store::MetaStore* store, const Clock* clock)
      : store_(store), clock_(clock), tokens_(store, "access_token"), accounts_(store, "account") {}

  // Makes a token for an account, durable when it returns.
  Result<Secret> Mint(const Account& account, Nanoseconds lifetime, std::string_view scope);
  // The live token and its enabled account. NOT_FOUND for every reason why it is not valid.
  struct Found {
    std::shared_ptr<const AccessToken> token;
    std::shared_ptr<const Account> account;
  };
  Result<Found> Find(std::string_view token) const;
  // Fine when there is no such token.
  Status Revoke(std::string_view token);

 private:
  store::MetaStore* const store_;
  const Clock* const clock_;
  const RecordCache<AccessToken> tokens_;
  const RecordCache<Account> accounts_;
};

}  // namespace hodei::access
