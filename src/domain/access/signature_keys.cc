#include "domain/access/signature_keys.h"

#include <fmt/format.h>

#include "domain/access/accounts.h"
#include "domain/access/record_kinds.h"
#include "domain/access/rsa_key.h"

namespace hodei::access {
namespace {

Status Unknown() { return NotFound("no such signer"); }

}  // namespace

Result<std::shared_ptr<const Account>> SignatureKeys::EnabledAccount(std::string_view email) const {
  // An e-mail is also the prefix of key names: nothing that could reach past the '/'.
  if (email.empty() || email.find('/') != std::string_view::npos) return Unknown();
  const auto account = accounts_.Get(email);
  if (account.status().code() == Code::kNotFound) return Unknown();
  RETURN_IF_ERROR(account.status());
  if ((*account)->disabled()) return Unknown();
  return *account;
}

Result<Principal> SignatureKeys::VerifyRsa(std::string_view email, std::string_view bytes,
                                           std::string_view signature) const {
  ASSIGN_OR_RETURN(const std::shared_ptr<const Account> account, EnabledAccount(email));
  ASSIGN_OR_RETURN(const store::ListPage page,
                   store_->List(kAccountKeyKind, {.prefix = fmt::format("{}/", email),
                                                  .limit = 2 * kMaxKeysPerAccount}));
  bool has_key = false;
  for (const store::Record& record : page.records) {
    AccountKey key;
    if (!key.ParseFromString(record.value)) return DataLoss("a stored key cannot be read");
    if (key.disabled() || key.account_unique_id() != account->unique_id()) continue;
    has_key = true;
    if (VerifyRs256(key.public_key_pem(), bytes, signature).ok()) {
      return Principal{.email = account->email()};
    }
  }
  if (!has_key) return Unknown();
  return Unauthenticated("the signature does not match");
}

Result<SignatureKeys::Shared> SignatureKeys::FindHmac(std::string_view access_id) const {
  const auto key = hmac_keys_.Get(access_id);
  if (key.status().code() == Code::kNotFound) return Unknown();
  RETURN_IF_ERROR(key.status());
  ASSIGN_OR_RETURN(const std::shared_ptr<const Account> account, EnabledAccount((*key)->email()));
  // An account made again under an old e-mail is another one.
  if ((*key)->state() != HmacKey::ACTIVE || (*key)->account_unique_id() != account->unique_id()) {
    return Unknown();
  }
  return Shared{Principal{.email = account->email()}, *key};
}

}  // namespace hodei::access
