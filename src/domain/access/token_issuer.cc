#include "domain/access/token_issuer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/random_id.h"
#include "domain/access/access_tokens.h"
#include "domain/access/json_text.h"
#include "domain/access/record_kinds.h"
#include "domain/access/rsa_key.h"

namespace hodei::access {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr size_t kPurgeLimit = 64;
constexpr char kIdTokenKeyName[] = "id_token";

Status InvalidGrant(std::string description) {
  return InvalidArgument(std::move(description)).WithReason("invalid_grant");
}

// One sentence for an unknown account, an unknown key and a wrong signature: who guesses learns
// nothing about which accounts exist.
Status BadSignature() { return InvalidGrant("Invalid JWT Signature."); }

// What must not come twice: the token's own id where it has one.
std::string ReplayName(const Jwt& jwt) {
  return jwt.token_id.empty()
             ? Sha256Hex(jwt.signing_input)
             : Sha256Hex(fmt::format("{}\n{}", jwt.issuer, Sha256Hex(jwt.token_id)));
}

// Two clients that start in one second sign the same bytes: RS256 is deterministic, and Google's
// libraries write no id. Such a twin is no replay while it is fresh.
bool MayRepeat(const Jwt& jwt, WallTime now) {
  const int64_t age = now.unix_nanos / kNanosPerSecond - *jwt.issued_at;
  return jwt.token_id.empty() && age <= kTwinAssertionAge.count();
}

}  // namespace

Result<IssuedToken> TokenIssuer::ExchangeAssertion(std::string_view assertion) {
  Result<Jwt> jwt = ParseJwt(assertion);
  if (!jwt.ok()) return InvalidGrant(jwt.status().message());
  ASSIGN_OR_RETURN(const Account account, Verify(*jwt));
  if (jwt->scope.empty() && jwt->target_audience.empty()) {
    return InvalidArgument("Invalid JWT: neither scope nor target_audience.")
        .WithReason("invalid_scope");
  }
  RETURN_IF_ERROR(CountAssertion(account.email()));
  const WallTime now = clock_->Now();
  RETURN_IF_ERROR(PurgeExpired(store_, now, kPurgeLimit));

  // The mark that the assertion was used and what it gives are one commit: a replay is refused
  // also after a crash.
  const std::string replay_name = ReplayName(*jwt);
  UsedAssertion used;
  used.set_email(account.email());
  std::vector<store::Write> writes = {
      {store::Write::Op::kPut, kUsedAssertionKind, replay_name, used.SerializeAsString(), 0},
      ExpiryWrite({(*jwt->expires_at + 2 * kClockSkew.count()) * kNanosPerSecond},
                  kUsedAssertionKind, replay_name)};
  IssuedToken issued;
  if (!jwt->target_audience.empty()) {
    issued.expires_in_seconds = kMaxAssertionLifetime.count();
    ASSIGN_OR_RETURN(issued.id_token, MakeIdToken(*jwt, account));
  } else {
    NewToken made = MakeToken(account, now, kAccessTokenLifetime, jwt->scope);
    issued.expires_in_seconds = kAccessTokenLifetime.count();
    issued.access_token = std::move(made.token);
    writes.insert(writes.end(), made.writes.begin(), made.writes.end());
  }
  Status committed = store_->Commit(writes).status();
  if (committed.code() == Code::kAlreadyExists) {
    if (!MayRepeat(*jwt, now)) return InvalidGrant("Invalid JWT: it was used before.");
    writes.erase(writes.begin(), writes.begin() + 2);  // the mark stands already
    committed = writes.empty() ? OkStatus() : store_->Commit(writes).status();
  }
  RETURN_IF_ERROR(committed);
  return issued;
}

Result<Account> TokenIssuer::Verify(const Jwt& jwt) {
  if (jwt.algorithm != "RS256") return InvalidGrant("Invalid JWT: the algorithm must be RS256.");
  const Result<store::Record> record = store_->Get(kAccountKind, jwt.issuer);
  if (record.status().code() == Code::kNotFound) return BadSignature();
  RETURN_IF_ERROR(record.status());
  Account account;
  if (!account.ParseFromString(record->value)) return DataLoss("a stored account cannot be read");
  if (account.kind() != Account::SERVICE_ACCOUNT || account.disabled()) return BadSignature();
  RETURN_IF_ERROR(VerifySignature(jwt, account));
  // From here on the claims are the account's own words.
  if (!jwt.subject.empty() && jwt.subject != jwt.issuer) {
    return InvalidGrant("Invalid JWT: a service account can only act as itself.");
  }
  const auto is_audience = [&](const auto& uris) {
    return std::find(std::begin(uris), std::end(uris), jwt.audience) != std::end(uris);
  };
  const bool ours = is_audience(kGoogleTokenUris) || is_audience(token_uris_);
  if (!ours) return InvalidGrant("Invalid JWT: the audience is not this server.");
  RETURN_IF_ERROR(VerifyTimes(jwt));
  return account;
}

Status TokenIssuer::VerifySignature(const Jwt& jwt, const Account& account) {
  // Without a key id every key of the account may be the one.
  const std::string prefix = fmt::format("{}/", account.email());
  const bool hex_id =
      jwt.key_id.size() == 40 && std::all_of(jwt.key_id.begin(), jwt.key_id.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      });
  if (!jwt.key_id.empty() && !hex_id) return BadSignature();
  ASSIGN_OR_RETURN(const store::ListPage page,
                   store_->List(kAccountKeyKind, {.prefix = prefix + jwt.key_id, .limit = 100}));
  for (const store::Record& record : page.records) {
    AccountKey key;
    if (!key.ParseFromString(record.value)) return DataLoss("a stored key cannot be read");
    if (key.disabled() || key.account_unique_id() != account.unique_id()) continue;
    if (VerifyRs256(key.public_key_pem(), jwt.signing_input, jwt.signature).ok()) {
      return OkStatus();
    }
  }
  return BadSignature();
}

Status TokenIssuer::VerifyTimes(const Jwt& jwt) const {
  if (!jwt.issued_at || !jwt.expires_at)
    return InvalidGrant("Invalid JWT: iat and exp are needed.");
  const int64_t now = clock_->Now().unix_nanos / kNanosPerSecond;
  const int64_t skew = kClockSkew.count();
  if (*jwt.expires_at <= *jwt.issued_at ||
      *jwt.expires_at - *jwt.issued_at > kMaxAssertionLifetime.count()) {
    return InvalidGrant(
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
        "timeframe. "
        "Check your iat and exp values in the JWT claim.");
  }
  if (*jwt.issued_at > now + skew || *jwt.expires_at <= now - skew ||
      (jwt.not_before && *jwt.not_before > now + skew)) {
    return InvalidGrant(
        "Invalid JWT: it is not valid at this time. Check this machine's clock, and the iat and "
        "exp "
        "values in the JWT claim.");
  }
  return OkStatus();
}

Status TokenIssuer::CountAssertion(const std::string& email) {
  std::lock_guard lock(mutex_);
  const Nanoseconds now = clock_->Monotonic();
  Hour& hour = hours_[email];
  if (hour.assertions == 0 || now - hour.start >= std::chrono::hours(1)) hour = {now, 0};
  if (++hour.assertions <= kMaxAssertionsPerHour) return OkStatus();
  return ResourceExhausted(
      fmt::format("An account gets at most {} tokens in an hour.", kMaxAssertionsPerHour));
}

Result<SigningKey> TokenIssuer::IdTokenKey() {
  SigningKey key;
  Result<store::Record> record = store_->Get(kSigningKeyKind, kIdTokenKeyName);
  if (record.status().code() == Code::kNotFound) {
    ASSIGN_OR_RETURN(RsaKeyPair pair, GenerateRsaKey());
    key.set_key_id(HexEncode(RandomBytes(20)));
    key.set_private_key_pem(pair.private_key_pem.Reveal());
    const Status made = store_
                            ->Commit({{store::Write::Op::kPut, kSigningKeyKind, kIdTokenKeyName,
                                       key.SerializeAsString(), 0}})
                            .status();
    if (made.ok()) return key;
    if (made.code() != Code::kAlreadyExists) return made;
    record = store_->Get(kSigningKeyKind, kIdTokenKeyName);  // somebody else was quicker
  }
  RETURN_IF_ERROR(record.status());
  if (!key.ParseFromString(record->value)) return DataLoss("the stored signing key cannot be read");
  return key;
}

Result<Secret> TokenIssuer::MakeIdToken(const Jwt& jwt, const Account& account) {
  ASSIGN_OR_RETURN(const SigningKey key, IdTokenKey());
  const int64_t now = clock_->Now().unix_nanos / kNanosPerSecond;
  const std::string header =
      fmt::format(R"({{"alg":"RS256","kid":"{}","typ":"JWT"}})", key.key_id());
  const std::string payload = fmt::format(
      R"({{"aud":{},"azp":{},"email":{},"email_verified":true,"exp":{},"iat":{},)"
      R"("iss":"https://accounts.google.com","sub":{}}})",
      JsonText(jwt.target_audience), JsonText(account.email()), JsonText(account.email()),
      now + kMaxAssertionLifetime.count(), now, JsonText(account.unique_id()));
  const std::string input = Base64UrlEncode(header) + "." + Base64UrlEncode(payload);
  ASSIGN_OR_RETURN(const std::string signature, SignRs256(Secret(key.private_key_pem()), input));
  return Secret(input + "." + Base64UrlEncode(signature));
}

}  // namespace hodei::access
