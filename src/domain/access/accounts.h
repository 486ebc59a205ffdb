// Service accounts and users, and the keys of service accounts. Thread-safe; every change is
// durable when it returns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/status.h"
#include "domain/access/rsa_key.h"
#include "hodei/access/records.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

inline constexpr size_t kMaxKeysPerAccount = 10;
inline constexpr size_t kMaxAccountsPerProject = 100;
inline constexpr size_t kMaxDisplayNameBytes = 100;
inline constexpr size_t kMaxDescriptionBytes = 256;

// "ID@PROJECT.iam.gserviceaccount.com".
std::string ServiceAccountEmail(std::string_view account_id, std::string_view project_id);

// A new account and the writes that make it.
struct NewAccount {
  Account account;
  std::vector<store::Write> writes;
};
NewAccount MakeServiceAccount(std::string_view account_id, std::string_view project_id,
                              std::string_view display_name, WallTime now);

// A new key and the write that makes it; the private half exists nowhere else.
struct NewKey {
  AccountKey key;
  std::string name;  // of the record
  Secret private_key_pem;
  store::Write write;
};
Result<NewKey> MakeKey(const Account& account, WallTime now);
// The same around a pair that was made before.
NewKey MakeKey(const Account& account, WallTime now, RsaKeyPair pair);

class Accounts {
 public:
  Accounts(store::MetaStore* store, const Clock* clock) : store_(store), clock_(clock) {}

  // INVALID_ARGUMENT for an id that is not [a-z]([-a-z0-9]{4,28}[a-z0-9]); ALREADY_EXISTS;
  // RESOURCE_EXHAUSTED beyond kMaxAccountsPerProject.
  Result<Account> Create(std::string_view account_id, std::string_view project_id,
                         std::string_view display_name, std::string_view description);
  Result<Account> Get(std::string_view email);
  // All of a project, by e-mail.
  Result<std::vector<Account>> List(std::string_view project_id);
  // Tokens of a disabled account are refused from the moment this returns.
  Status SetDisabled(std::string_view email, bool disabled);
  // With its keys. Its tokens are worthless from then on.
  Status Delete(std::string_view email);

  // RESOURCE_EXHAUSTED beyond kMaxKeysPerAccount.
  Result<NewKey> CreateKey(std::string_view email);
  Result<std::vector<AccountKey>> ListKeys(std::string_view email);
  Status DeleteKey(std::string_view email, std::string_view key_id);

 private:
  store::MetaStore* const store_;
  const Clock* const clock_;
};

}  // namespace hodei::access
