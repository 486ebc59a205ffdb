// The keys that may stand behind a signed request: RSA keys of service accounts, of which the
// public half is here, and HMAC keys. Whoever holds one acts as its account. Thread-safe; cached
// point reads, so it may run on an I/O thread.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/principal.h"
#include "domain/access/record_cache.h"
#include "hodei/access/records.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

class SignatureKeys {
 public:
  // `store` must outlive it.
  explicit SignatureKeys(store::MetaStore* store)
      : store_(store), accounts_(store, "account"), hmac_keys_(store, "hmac_key") {}

  // The account whose e-mail is `email`, when one of its keys made `signature` (RSASSA-PKCS1-v1_5
  // with SHA-256) over `bytes`. NOT_FOUND when the account is unknown or disabled or has no key,
  // UNAUTHENTICATED when no key of it made the signature.
  Result<Principal> VerifyRsa(std::string_view email, std::string_view bytes,
                              std::string_view signature) const;

  struct Shared {
    Principal principal;
    std::shared_ptr<const HmacKey> key;
  };
  // NOT_FOUND unless the key is ACTIVE and its account is there and enabled.
  Result<Shared> FindHmac(std::string_view access_id) const;

 private:
  Result<std::shared_ptr<const Account>> EnabledAccount(std::string_view email) const;

  store::MetaStore* const store_;
  const RecordCache<Account> accounts_;
  const RecordCache<HmacKey> hmac_keys_;
};

}  // namespace hodei::access
