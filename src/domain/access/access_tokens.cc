#include "domain/access/access_tokens.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/random_id.h"
#include "domain/access/record_kinds.h"

namespace hodei::access {
namespace {

constexpr size_t kTokenRandomBytes = 32;
// So that a token in the wrong place is recognised for what it is.
constexpr std::string_view kTokenPrefix = "hodei_at_";

}  // namespace

std::string TokenName(std::string_view token) { return Sha256Hex(token); }

store::Write ExpiryWrite(WallTime expire, const std::string& kind, const std::string& name) {
  Expiry expiry;
  expiry.set_kind(kind);
  expiry.set_name(name);
  const int64_t seconds = expire.unix_nanos / 1'000'000'000;
  return {store::Write::Op::kPut, kExpiryKind, fmt::format("{:012}/{}/{}", seconds, kind, name),
          expiry.SerializeAsString(), std::nullopt};
}

Status PurgeExpired(store::MetaStore* store, WallTime now, size_t limit) {
  ASSIGN_OR_RETURN(const store::ListPage page, store->List(kExpiryKind, {.limit = limit}));
  // One second more: a record is never deleted while it may still count.
  const std::string end = fmt::format("{:012}", now.unix_nanos / 1'000'000'000 - 1);
  std::vector<store::Write> writes;
  for (const store::Record& record : page.records) {
    if (record.name >= end) break;
    Expiry expiry;
    if (expiry.ParseFromString(record.value)) {
      writes.push_back({store::Write::Op::kDelete, expiry.kind(), expiry.name(), "", std::nullopt});
    }
    writes.push_back({store::Write::Op::kDelete, kExpiryKind, record.name, "", std::nullopt});
  }
  if (writes.empty()) return OkStatus();
  return store->Commit(writes).status();
}

NewToken MakeToken(const Account& account, WallTime now, Nanoseconds lifetime,
                   std::string_view scope) {
  NewToken made;
  made.token = Secret(std::string(kTokenPrefix) + Base64UrlEncode(RandomBytes(kTokenRandomBytes)));
  made.name = TokenName(made.token.Reveal());
  AccessToken token;
  token.set_email(account.email());
  token.set_account_unique_id(account.unique_id());
  token.set_create_unix_nanos(now.unix_nanos);
  token.set_expire_unix_nanos((now + lifetime).unix_nanos);
  token.set_scope(std::string(scope));
  made.writes.push_back(
      {store::Write::Op::kPut, kAccessTokenKind, made.name, token.SerializeAsString(), 0});
  made.writes.push_back(ExpiryWrite(now + lifetime, kAccessTokenKind, made.name));
  return made;
}

Result<Secret> AccessTokens::Mint(const Account& account, Nanoseconds lifetime,
                                  std::string_view scope) {
  NewToken made = MakeToken(account, clock_->Now(), lifetime, scope);
  RETURN_IF_ERROR(store_->Commit(made.writes).status());
  return std::move(made.token);
}

Result<AccessTokens::Found> AccessTokens::Find(std::string_view token) const {
  const Status unknown = NotFound("no such access token");
  if (token.empty() || token.size() > kMaxTokenBytes) return unknown;
  // Looked up by hash, so that the time it takes says nothing about the token itself (T4).
  Found found;
  ASSIGN_OR_RETURN(found.token, tokens_.Get(TokenName(token)));
  if (clock_->Now().unix_nanos >= found.token->expire_unix_nanos()) return unknown;
  ASSIGN_OR_RETURN(found.account, accounts_.Get(found.token->email()));
  if (found.account->disabled() || found.account->unique_id() != found.token->account_unique_id()) {
    return unknown;
  }
  return found;
}

Status AccessTokens::Revoke(std::string_view token) {
  return store_
      ->Commit({{store::Write::Op::kDelete, kAccessTokenKind, TokenName(token), "", std::nullopt}})
      .status();
}

}  // namespace hodei::access
