#include "cli/service_account.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "net/http_client.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kAssertionSeconds = 3600;
constexpr int64_t kRefreshBeforeSeconds = 300;

std::string KeyPath(Context& context) { return context.settings().ConfigFolder() + "/key.json"; }
std::string TokenPath(Context& context) {
  return context.settings().ConfigFolder() + "/access_token";
}
std::string ExpiryPath(Context& context) { return TokenPath(context) + ".expires"; }

struct TokenReply {
  Secret token;
  int64_t expires_in = 0;
};

// "http://h:p/token" → {"http://h:p", "/token"}.
std::pair<std::string, std::string> SplitUri(const std::string& uri) {
  size_t scheme = uri.find("://");
  size_t slash = uri.find('/', scheme == uri.npos ? 0 : scheme + 3);
  if (slash == uri.npos) return {uri, "/"};
  return {uri.substr(0, slash), uri.substr(slash)};
}

Result<TokenReply> Exchange(Context& context, const ServiceAccountKey& key) {
  ASSIGN_OR_RETURN(std::string assertion, SignAssertion(key, context.clock().Now()));
  auto [url, target] = SplitUri(key.token_uri);
  ASSIGN_OR_RETURN(auto client, net::HttpClient::Connect(url, context.settings().Server().ca_file));
  net::ClientRequest request;
  request.method = "POST";
  request.target = target;
  request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
  request.body = EncodeQuery(
      {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", assertion}});
  ASSIGN_OR_RETURN_CTX(net::ClientResponse response, client->Send(request), key.token_uri);
  if (response.status / 100 != 2) {
    return Annotate(ErrorFromResponse(response.status, response.body),
                    fmt::format("{} refused the key of {}", key.token_uri, key.client_email));
  }
  ASSIGN_OR_RETURN(Json json, ParseJsonText(response.body));
  std::string token = MemberText(json, "access_token");
  if (token.empty()) return Unauthenticated(key.token_uri + " answered without an access_token");
  return TokenReply{Secret(token),
                    std::strtol(MemberText(json, "expires_in").c_str(), nullptr, 10)};
}

Status KeepToken(Context& context, const TokenReply& reply) {
  RETURN_IF_ERROR(MakeDirectories(context.settings().ConfigFolder()));
  int64_t expires = context.clock().Now().unix_nanos / kNanosPerSecond + reply.expires_in;
  RETURN_IF_ERROR(WriteFileDurably(TokenPath(context), reply.token.Reveal()));
  return WriteFileDurably(ExpiryPath(context), std::to_string(expires));
}

}  // namespace

Result<std::string> SignRs256(const std::string& pem, std::string_view text) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (key == nullptr) return InvalidArgument("The key's private_key is no PEM private key.");
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  size_t size = 0;
  auto bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) != 1) {
    return InvalidArgument("The key cannot sign with RS256.");
  }
  std::string signature(size, '\0');
  auto out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_DigestSign(digest.get(), out, &size, bytes, text.size()) != 1) {
    return Internal("RS256 signing failed");
  }
  signature.resize(size);
  return signature;
}

Result<ServiceAccountKey> ParseServiceAccountKey(std::string_view text) {
  ASSIGN_OR_RETURN_CTX(Json json, ParseJsonText(text), "the key file");
  for (const char* field : {"client_email", "private_key", "token_uri"}) {
    if (MemberText(json, field).empty()) {
      return InvalidArgument(
          fmt::format("The key file has no \"{}\": give the JSON key of a service account, such as "
                      "credentials/owner.json in the server's data folder.",
                      field));
    }
  }
  ServiceAccountKey key;
  key.client_email = MemberText(json, "client_email");
  key.private_key_id = MemberText(json, "private_key_id");
  key.private_key = Secret(MemberText(json, "private_key"));
  key.token_uri = MemberText(json, "token_uri");
  key.project_id = MemberText(json, "project_id");
  return key;
}

Result<std::string> SignAssertion(const ServiceAccountKey& key, WallTime now) {
  int64_t seconds = now.unix_nanos / kNanosPerSecond;
  Json header = {{"alg", "RS256"}, {"typ", "JWT"}, {"kid", key.private_key_id}};
  Json claims = {{"iss", key.client_email},
                 {"aud", key.token_uri},
                 {"iat", seconds},
                 {"exp", seconds + kAssertionSeconds},
                 {"scope", "https://www.googleapis.com/auth/cloud-platform"}};
  std::string text = Base64UrlEncode(JsonText(header)) + "." + Base64UrlEncode(JsonText(claims));
  ASSIGN_OR_RETURN(std::string signature, SignRs256(key.private_key.Reveal(), text));
  return text + "." + Base64UrlEncode(signature);
}

Result<std::string> ActivateServiceAccount(Context& context, const std::string& key_file) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(key_file, 64 << 10));
  ASSIGN_OR_RETURN(ServiceAccountKey key, ParseServiceAccountKey(text));
  ASSIGN_OR_RETURN(TokenReply reply, Exchange(context, key));
  RETURN_IF_ERROR(KeepToken(context, reply));
  RETURN_IF_ERROR(WriteFileDurably(KeyPath(context), text));
  ASSIGN_OR_RETURN(PropertyFile file, PropertyFile::Read(context.settings().PropertyPath()));
  file.Set({"core", "account"}, key.client_email);
  file.Set({"auth", "access_token_file"}, TokenPath(context));
  if (!key.project_id.empty() && !file.Get({"core", "project"})) {
    file.Set({"core", "project"}, key.project_id);
  }
  RETURN_IF_ERROR(file.Write());
  context.settings().Reload();
  return key.client_email;
}

Status RefreshServiceAccountToken(Context& context) {
  bool own_token =
      context.settings().StoredProperty("auth/access_token_file") == TokenPath(context);
  if (!own_token || !FileExists(KeyPath(context))) return OkStatus();
  int64_t expires = 0;
  if (Result<std::string> text = ReadFile(ExpiryPath(context), 64); text.ok()) {
    expires = std::strtol(text->c_str(), nullptr, 10);
  }
  int64_t now = context.clock().Now().unix_nanos / kNanosPerSecond;
  if (now + kRefreshBeforeSeconds < expires) return OkStatus();
  ASSIGN_OR_RETURN(std::string text, ReadFile(KeyPath(context), 64 << 10));
  ASSIGN_OR_RETURN(ServiceAccountKey key, ParseServiceAccountKey(text));
  ASSIGN_OR_RETURN(TokenReply reply, Exchange(context, key));
  return KeepToken(context, reply);
}

Status ForgetServiceAccount(Context& context) {
  for (const std::string& path : {KeyPath(context), TokenPath(context), ExpiryPath(context)}) {
    RETURN_IF_ERROR(RemoveTree(path));
  }
  ASSIGN_OR_RETURN(PropertyFile file, PropertyFile::Read(context.settings().PropertyPath()));
  file.Unset({"core", "account"});
  file.Unset({"auth", "access_token_file"});
  return file.Write();
}

}  // namespace hodei::cli
