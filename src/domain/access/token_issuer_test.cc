// Assertions: what is taken, and the table of attacks that is not (T2, T3).
#include "domain/access/token_issuer.h"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <functional>

#include "base/encoding.h"
#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/access/access_tokens.h"
#include "domain/access/accounts.h"
#include "domain/access/json_text.h"
#include "domain/access/record_kinds.h"
#include "domain/access/rsa_key.h"
#include "store/meta/meta_store.h"

namespace hodei::access {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'000;

// One account with one key, made once: generating keys is slow.
struct Signer {
  Account account;
  AccountKey key;
  Secret private_key_pem;
  std::vector<store::Write> writes;
};

const Signer& Alice() {
  static const Signer* const signer = [] {
    auto* made = new Signer;
    NewAccount account = MakeServiceAccount("alice-1", "project-a", "", {kNow * 1'000'000'000});
    NewKey key = *MakeKey(account.account, {kNow * 1'000'000'000});
    *made = {account.account, key.key, key.private_key_pem, account.writes};
    made->writes.push_back(key.write);
    return made;
  }();
  return *signer;
}

const RsaKeyPair& StrangersKey() {
  static const RsaKeyPair* const pair = new RsaKeyPair(*GenerateRsaKey());
  return *pair;
}

std::string Join(std::string_view header, std::string_view payload) {
  return Base64UrlEncode(header) + "." + Base64UrlEncode(payload);
}

std::string Sign(const std::string& input, const Secret& key = Alice().private_key_pem) {
  return input + "." + Base64UrlEncode(*SignRs256(key, input));
}

std::string Header(std::string_view extra = "") {
  return R"({"alg":"RS256","typ":"JWT","kid":")" + Alice().key.key_id() + "\"" +
         std::string(extra) + "}";
}

// The claims of gcloud's second request; `changes` replaces or (with "") removes members.
std::string Claims(std::map<std::string, std::string> changes = {}) {
  std::map<std::string, std::string> claims = {
      {"iss", JsonText(Alice().account.email())},
      {"aud", "\"https://oauth2.googleapis.com/token\""},
      {"iat", std::to_string(kNow)},
      {"exp", std::to_string(kNow + 3600)},
      {"scope", "\"openid https://www.googleapis.com/auth/cloud-platform\""}};
  for (auto& [name, value] : changes) claims[name] = value;
  std::string out;
  for (const auto& [name, value] : claims) {
    if (!value.empty()) out += (out.empty() ? "{" : ",") + JsonText(name) + ":" + value;
  }
  return out + "}";
}

class TokenIssuerTest : public ::testing::Test {
 protected:
  TokenIssuerTest() {
    EXPECT_THAT(store_->Commit(Alice().writes), IsOk());
    issuer_.SetTokenUris({"http://127.0.0.1:8080/token"});
  }

  FakeClock clock_{{kNow * 1'000'000'000}};
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  TokenIssuer issuer_{store_.get(), &clock_};
  AccessTokens tokens_{store_.get(), &clock_};
};

TEST_F(TokenIssuerTest, ScopeGivesAnAccessTokenThatWorksUntilItExpires) {
  ASSERT_OK_AND_ASSIGN(const IssuedToken issued,
                       issuer_.ExchangeAssertion(Sign(Join(Header(), Claims()))));
  EXPECT_EQ(issued.expires_in_seconds, 3599);
  EXPECT_TRUE(issued.id_token.empty());
  const std::string token = issued.access_token.Reveal();
  EXPECT_GE(token.size(), 43u) << "256 bits";
  ASSERT_OK_AND_ASSIGN(const AccessTokens::Found found, tokens_.Find(token));
  EXPECT_EQ(found.account->email(), Alice().account.email());
  clock_.Advance(std::chrono::seconds(3598));
  EXPECT_THAT(tokens_.Find(token), IsOk());
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_THAT(tokens_.Find(token), StatusIs(Code::kNotFound));
}

TEST_F(TokenIssuerTest, TheTokenItselfIsNowhereInTheStore) {
  ASSERT_OK_AND_ASSIGN(const IssuedToken issued,
                       issuer_.ExchangeAssertion(Sign(Join(Header(), Claims()))));
  const std::string token = issued.access_token.Reveal();
  for (const char* kind : {kAccessTokenKind, kExpiryKind, kUsedAssertionKind}) {
    ASSERT_OK_AND_ASSIGN(const store::ListPage page, store_->List(kind, {}));
    EXPECT_FALSE(page.records.empty()) << kind;
    for (const store::Record& record : page.records) {
      EXPECT_EQ(record.name.find(token), std::string::npos);
      EXPECT_EQ(record.value.find(token), std::string::npos);
    }
  }
}

TEST_F(TokenIssuerTest, TargetAudienceGivesASignedIdToken) {
  const std::string claims =
      Claims({{"target_audience", "\"32555940559.apps.googleusercontent.com\""}, {"scope", ""}});
  ASSERT_OK_AND_ASSIGN(const IssuedToken issued,
                       issuer_.ExchangeAssertion(Sign(Join(Header(), claims))));
  EXPECT_TRUE(issued.access_token.empty());
  ASSERT_OK_AND_ASSIGN(const Jwt jwt, ParseJwt(issued.id_token.Reveal()));
  EXPECT_EQ(jwt.audience, "32555940559.apps.googleusercontent.com");
  EXPECT_EQ(jwt.subject, Alice().account.unique_id());
  EXPECT_EQ(jwt.expires_at, kNow + 3600);
  ASSERT_OK_AND_ASSIGN(const store::Record record, store_->Get(kSigningKeyKind, "id_token"));
  SigningKey key;
  ASSERT_TRUE(key.ParseFromString(record.value));
  EXPECT_EQ(jwt.key_id, key.key_id());
  ASSERT_OK_AND_ASSIGN(const std::string public_pem, PublicHalf(Secret(key.private_key_pem())));
  EXPECT_THAT(VerifyRs256(public_pem, jwt.signing_input, jwt.signature), IsOk());
}

TEST_F(TokenIssuerTest, AKeyIdIsNotNeeded) {
  EXPECT_THAT(issuer_.ExchangeAssertion(Sign(Join(R"({"alg":"RS256"})", Claims()))), IsOk());
}

struct Accepted {
  const char* name;
  std::map<std::string, std::string> changes;
};

TEST_F(TokenIssuerTest, TakesWhatIsWithinTheRules) {
  const auto at = [](int64_t offset) { return std::to_string(kNow + offset); };
  const std::vector<Accepted> table = {
      {"our own audience", {{"aud", "\"http://127.0.0.1:8080/token\""}}},
      {"older Google audience", {{"aud", "\"https://www.googleapis.com/oauth2/v4/token\""}}},
      {"clock ahead by 60 s", {{"iat", at(60)}, {"exp", at(3660)}}},
      {"expired 59 s ago", {{"iat", at(-3659)}, {"exp", at(-59)}}},
      {"short life", {{"exp", at(1)}}},
      {"fractions of seconds", {{"iat", std::to_string(kNow) + ".5"}}},
      {"itself as subject", {{"sub", JsonText(Alice().account.email())}}},
      {"unknown claims", {{"made_up", "[{}]"}}},
      {"not before now", {{"nbf", at(0)}}},
  };
  for (const Accepted& row : table) {
    EXPECT_THAT(issuer_.ExchangeAssertion(Sign(Join(Header(), Claims(row.changes)))), IsOk())
        << row.name;
  }
}

TEST_F(TokenIssuerTest, RefusesClaimsOutsideTheRules) {
  const auto at = [](int64_t offset) { return std::to_string(kNow + offset); };
  const std::vector<Accepted> table = {
      {"no issuer", {{"iss", ""}}},
      {"unknown issuer", {{"iss", "\"mallory@project-a.iam.gserviceaccount.com\""}}},
      {"another subject", {{"sub", "\"root@project-a.iam.gserviceaccount.com\""}}},
      {"no audience", {{"aud", ""}}},
      {"another server's audience", {{"aud", "\"https://evil.example/token\""}}},
      {"audience of several", {{"aud", "[\"https://oauth2.googleapis.com/token\"]"}}},
      {"no iat", {{"iat", ""}}},
      {"no exp", {{"exp", ""}}},
      {"lifetime of 3601 s", {{"exp", at(3601)}}},
      {"ends before it starts", {{"exp", at(-1)}}},
      {"exp equals iat", {{"exp", at(0)}}},
      {"clock ahead by 61 s", {{"iat", at(61)}, {"exp", at(3661)}}},
      {"expired 60 s ago", {{"iat", at(-3660)}, {"exp", at(-60)}}},
      {"not yet valid", {{"nbf", at(61)}}},
      {"exp as string", {{"exp", "\"" + at(3600) + "\""}}},
      {"exp is null", {{"exp", "null"}}},
      {"exp is true", {{"exp", "true"}}},
      {"exp negative", {{"exp", "-1"}}},
      {"exp huge", {{"exp", "1e300"}}},
      {"exp over 64 bits", {{"exp", "18446744073709551616"}}},
      {"iat near overflow", {{"iat", "9223372036854775807"}}},
      {"issuer is a number", {{"iss", "1"}}},
      {"issuer with a slash",
       {{"iss", JsonText(Alice().account.email() + "/" + Alice().key.key_id())}}},
  };
  for (const Accepted& row : table) {
    const Result<IssuedToken> issued =
        issuer_.ExchangeAssertion(Sign(Join(Header(), Claims(row.changes))));
    EXPECT_THAT(issued, StatusIs(Code::kInvalidArgument)) << row.name;
    EXPECT_EQ(issued.status().reason(), "invalid_grant") << row.name;
  }
}

TEST_F(TokenIssuerTest, RefusesForgeries) {
  const std::string good = Sign(Join(Header(), Claims()));
  const std::string input = good.substr(0, good.rfind('.'));
  const std::string& kid = Alice().key.key_id();
  const auto hs256 = [&](std::string_view header) {
    // The classic: the public key as the secret of a MAC.
    const std::string text = Join(header, Claims());
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    const std::string& pem = Alice().key.public_key_pem();
    HMAC(EVP_sha256(), pem.data(), static_cast<int>(pem.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size);
    return text + "." + Base64UrlEncode({reinterpret_cast<char*>(mac), size});
  };
  const auto with_header = [](const std::string& header) { return Sign(Join(header, Claims())); };
  std::string flipped = good;
  flipped[good.rfind('.') + 10] = flipped[good.rfind('.') + 10] == 'A' ? 'B' : 'A';
  const std::vector<std::pair<const char*, std::string>> table = {
      {"empty", ""},
      {"garbage", "garbage"},
      {"two dots", ".."},
      {"two parts", input},
      {"four parts", good + ".AAAA"},
      {"alg none without signature", Join(R"({"alg":"none"})", Claims()) + "."},
      {"alg none with signature", Join(R"({"alg":"none"})", Claims()) + ".AAAA"},
      {"alg NONE, signed", with_header(R"({"alg":"NONE"})")},
      {"no alg", with_header(R"({"typ":"JWT"})")},
      {"alg empty", with_header(R"({"alg":""})")},
      {"alg RS512", with_header(R"({"alg":"RS512"})")},
      {"alg PS256", with_header(R"({"alg":"PS256"})")},
      {"alg rs256", with_header(R"({"alg":"rs256"})")},
      {"alg is a list", with_header(R"({"alg":["RS256"]})")},
      {"HS256 with the public key", hs256(R"({"alg":"HS256","kid":")" + kid + "\"}")},
      {"MAC under RS256", hs256(Header())},
      {"stranger's key", Sign(input, StrangersKey().private_key_pem)},
      {"unknown kid", with_header(R"({"alg":"RS256","kid":")" + std::string(40, '0') + "\"}")},
      {"kid is a prefix", with_header(R"({"alg":"RS256","kid":")" + kid.substr(0, 39) + "\"}")},
      {"kid is a path", with_header(R"({"alg":"RS256","kid":"../../dev/null"})")},
      {"kid is SQL", with_header(R"({"alg":"RS256","kid":"' OR 1=1 --"})")},
      {"kid is a number", with_header(R"({"alg":"RS256","kid":1})")},
      {"jku", with_header(Header(R"(,"jku":"https://evil.example/keys")"))},
      {"jwk", with_header(Header(R"(,"jwk":{"kty":"RSA"})"))},
      {"x5u", with_header(Header(R"(,"x5u":"https://evil.example/cert")"))},
      {"x5c", with_header(Header(R"(,"x5c":["MII"])"))},
      {"crit", with_header(Header(R"(,"crit":["exp"])"))},
      {"b64", with_header(Header(R"(,"b64":false)"))},
      {"another typ", with_header(R"({"alg":"RS256","typ":"at+jwt"})")},
      {"alg twice", with_header(R"({"alg":"RS256","alg":"none"})")},
      {"alg twice, one escaped", with_header(R"({"alg":"RS256","\u0061lg":"none"})")},
      {"iss twice", Sign(Join(Header(), Claims().insert(1, R"("iss":"root@x",)")))},
      {"header is a list", with_header(R"(["RS256"])")},
      {"header is no JSON", with_header("{")},
      {"two JSON values", with_header(R"({"alg":"RS256"}{})")},
      {"payload is no JSON", Sign(Join(Header(), "claims"))},
      {"payload is null", Sign(Join(Header(), "null"))},
      {"payload is not UTF-8", Sign(Join(Header(), Claims({{"x", "\"\xff\""}})))},
      {"deep payload", Sign(Join(Header(), Claims({{"x", std::string(3000, '[')}})))},
      {"payload of another token",
       Join(Header(), Claims({{"iat", std::to_string(kNow - 5)}})) + good.substr(good.rfind('.'))},
      {"flipped signature", flipped},
      {"short signature", good.substr(0, good.size() - 8)},
      {"padded base64", good + "="},
      {"standard base64", "+/" + good},
      {"blank inside", input + " " + good.substr(good.rfind('.'))},
      {"line feed at the end", good + "\n"},
      {"too long", std::string(kMaxJwtBytes + 1, 'A')},
  };
  for (const auto& [name, assertion] : table) {
    const Result<IssuedToken> issued = issuer_.ExchangeAssertion(assertion);
    EXPECT_THAT(issued, StatusIs(Code::kInvalidArgument)) << name;
    EXPECT_EQ(issued.status().reason(), "invalid_grant") << name;
  }
  EXPECT_THAT(issuer_.ExchangeAssertion(good), IsOk()) << "refusals use nothing up";
}

TEST_F(TokenIssuerTest, UnknownAccountUnknownKeyAndBadSignatureAreOne) {
  const auto message = [&](const std::string& assertion) {
    return issuer_.ExchangeAssertion(assertion).status();
  };
  const std::string stranger = "\"nobody@project-a.iam.gserviceaccount.com\"";
  const Status unknown = message(Sign(Join(Header(), Claims({{"iss", stranger}}))));
  EXPECT_EQ(unknown, message(Sign(Join(Header(), Claims()), StrangersKey().private_key_pem)));
  EXPECT_EQ(unknown, message(Sign(Join(R"({"alg":"RS256","kid":"0"})", Claims()))));
}

TEST_F(TokenIssuerTest, NeitherScopeNorTargetIsInvalidScope) {
  const Result<IssuedToken> issued =
      issuer_.ExchangeAssertion(Sign(Join(Header(), Claims({{"scope", ""}}))));
  EXPECT_THAT(issued, StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(issued.status().reason(), "invalid_scope");
}

TEST_F(TokenIssuerTest, AnAssertionCountsOnce) {
  const std::string assertion = Sign(Join(Header(), Claims()));
  ASSERT_THAT(issuer_.ExchangeAssertion(assertion), IsOk());
  clock_.Advance(kTwinAssertionAge + std::chrono::seconds(1));
  EXPECT_THAT(issuer_.ExchangeAssertion(assertion),
              StatusIs(Code::kInvalidArgument, HasSubstr("used before")));
  // A new server over the same store remembers.
  TokenIssuer restarted(store_.get(), &clock_);
  EXPECT_THAT(restarted.ExchangeAssertion(assertion), StatusIs(Code::kInvalidArgument));
}

TEST_F(TokenIssuerTest, ClientsThatStartInOneSecondSignTheSameBytesAndBothGetTokens) {
  const std::string assertion = Sign(Join(Header(), Claims()));
  ASSERT_OK_AND_ASSIGN(const IssuedToken first, issuer_.ExchangeAssertion(assertion));
  clock_.Advance(kTwinAssertionAge);
  ASSERT_OK_AND_ASSIGN(const IssuedToken second, issuer_.ExchangeAssertion(assertion));
  EXPECT_NE(first.access_token.Reveal(), second.access_token.Reveal());
  EXPECT_THAT(tokens_.Find(second.access_token.Reveal()), IsOk());
}

TEST_F(TokenIssuerTest, ATokenIdCountsOnceWhateverElseChanges) {
  ASSERT_THAT(issuer_.ExchangeAssertion(Sign(Join(Header(), Claims({{"jti", "\"one\""}})))),
              IsOk());
  EXPECT_THAT(issuer_.ExchangeAssertion(Sign(Join(
                  Header(), Claims({{"jti", "\"one\""}, {"exp", std::to_string(kNow + 60)}})))),
              StatusIs(Code::kInvalidArgument, HasSubstr("used before")));
}

TEST_F(TokenIssuerTest, WhatIsExpiredIsForgotten) {
  ASSERT_THAT(issuer_.ExchangeAssertion(Sign(Join(Header(), Claims()))), IsOk());
  clock_.Advance(std::chrono::hours(2));
  const std::string later =
      Claims({{"iat", std::to_string(kNow + 7200)}, {"exp", std::to_string(kNow + 7300)}});
  ASSERT_THAT(issuer_.ExchangeAssertion(Sign(Join(Header(), later))), IsOk());
  for (const char* kind : {kAccessTokenKind, kUsedAssertionKind}) {
    ASSERT_OK_AND_ASSIGN(const store::ListPage page, store_->List(kind, {}));
    EXPECT_EQ(page.records.size(), 1u) << kind;
  }
}

TEST_F(TokenIssuerTest, DisabledAndDeletedAccountsGetNothing) {
  Accounts accounts(store_.get(), &clock_);
  const std::string email = Alice().account.email();
  ASSERT_OK_AND_ASSIGN(const IssuedToken issued,
                       issuer_.ExchangeAssertion(Sign(Join(Header(), Claims()))));
  const std::string second = Sign(Join(Header(), Claims({{"jti", "\"2\""}})));
  ASSERT_THAT(accounts.SetDisabled(email, true), IsOk());
  EXPECT_THAT(issuer_.ExchangeAssertion(second), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(tokens_.Find(issued.access_token.Reveal()), StatusIs(Code::kNotFound));
  ASSERT_THAT(accounts.SetDisabled(email, false), IsOk());
  EXPECT_THAT(tokens_.Find(issued.access_token.Reveal()), IsOk());
  ASSERT_THAT(accounts.Delete(email), IsOk());
  EXPECT_THAT(issuer_.ExchangeAssertion(second), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(tokens_.Find(issued.access_token.Reveal()), StatusIs(Code::kNotFound));
  // One of the same name is another account.
  ASSERT_THAT(accounts.Create("alice-1", "project-a", "", ""), IsOk());
  EXPECT_THAT(tokens_.Find(issued.access_token.Reveal()), StatusIs(Code::kNotFound));
  EXPECT_THAT(issuer_.ExchangeAssertion(second), StatusIs(Code::kInvalidArgument));
}

TEST_F(TokenIssuerTest, KeysRotate) {
  Accounts accounts(store_.get(), &clock_);
  const std::string email = Alice().account.email();
  ASSERT_OK_AND_ASSIGN(const NewKey fresh, accounts.CreateKey(email));
  const std::string header = R"({"alg":"RS256","kid":")" + fresh.key.key_id() + "\"}";
  ASSERT_THAT(accounts.DeleteKey(email, Alice().key.key_id()), IsOk());
  EXPECT_THAT(issuer_.ExchangeAssertion(Sign(Join(Header(), Claims()))),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(issuer_.ExchangeAssertion(Sign(Join(header, Claims()), fresh.private_key_pem)),
              IsOk());
  EXPECT_THAT(accounts.DeleteKey(email, Alice().key.key_id()), StatusIs(Code::kNotFound));
}

TEST_F(TokenIssuerTest, ARevokedTokenIsRefusedAtOnce) {
  ASSERT_OK_AND_ASSIGN(const Secret token,
                       tokens_.Mint(Alice().account, std::chrono::hours(1), ""));
  EXPECT_THAT(tokens_.Find(token.Reveal()), IsOk());
  ASSERT_THAT(tokens_.Revoke(token.Reveal()), IsOk());
  EXPECT_THAT(tokens_.Find(token.Reveal()), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace hodei::access
