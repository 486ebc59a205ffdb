// The token endpoint (RFC 6749, RFC 7523), the one route that carries its credential in the body,
// and what clients ask about a token they hold.
//
//   POST /token  /oauth2/v4/token  /o/oauth2/token   a signed assertion for a token
//   POST /revoke  /o/oauth2/revoke                   ends an access token
//   GET  /oauth2/v1/tokeninfo  /oauth2/v3/tokeninfo  ?access_token=T, or T as bearer
//   GET  /oauth2/v1/userinfo  /oauth2/v3/userinfo    T as bearer
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "domain/access/access_tokens.h"
#include "domain/access/token_issuer.h"
#include "net/http_server.h"
#include "store/meta/meta_store.h"

namespace hodei::service {

class TokenService {
 public:
  static constexpr size_t kBodyLimitBytes = 64 * 1024;

  // Store and clock must outlive it.
  TokenService(store::MetaStore* store, const Clock* clock)
      : clock_(clock), issuer_(store, clock), tokens_(store, clock) {}

  // The URLs under which this server's /token is reached ("http://127.0.0.1:8080/token"): an
  // assertion may name one of them as its audience. Before the first request.
  void SetTokenUris(std::vector<std::string> token_uris) {
    issuer_.SetTokenUris(std::move(token_uris));
  }

  // Whether Start() answers this path.
  static bool Owns(std::string_view path);
  // Never null. Runs on the pool: a signature takes a fraction of a millisecond, a new token a disk
  // sync.
  std::unique_ptr<net::RequestHandler> Start(const net::RequestHead& head);

 private:
  net::HttpResponse Exchange(std::string_view body);
  net::HttpResponse Revoke(std::string_view body, std::string_view query);
  net::HttpResponse Describe(std::string_view token, bool as_user) const;

  const Clock* const clock_;
  access::TokenIssuer issuer_;
  access::AccessTokens tokens_;
};

}  // namespace hodei::service
