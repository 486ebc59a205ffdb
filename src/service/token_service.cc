#include "service/token_service.h"

#include <fmt/format.h>

#include <map>

#include "base/encoding.h"
#include "domain/access/form_fields.h"
#include "domain/access/json_text.h"
#include "net/http_message.h"

namespace hodei::service {
namespace {

using access::JsonText;
using net::HttpResponse;

constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

enum class Route { kNone, kToken, kRevoke, kTokenInfo, kUserInfo };

Route RouteOf(std::string_view path) {
  static constexpr std::pair<std::string_view, Route> kRoutes[] = {
      {"/token", Route::kToken},
      {"/oauth2/v4/token", Route::kToken},
      {"/o/oauth2/token", Route::kToken},
      {"/revoke", Route::kRevoke},
      {"/o/oauth2/revoke", Route::kRevoke},
      {"/oauth2/v1/tokeninfo", Route::kTokenInfo},
      {"/oauth2/v3/tokeninfo", Route::kTokenInfo},
      {"/oauth2/v1/userinfo", Route::kUserInfo},
      {"/oauth2/v3/userinfo", Route::kUserInfo},
  };
  for (const auto& [known, route] : kRoutes) {
    if (known == path) return route;
  }
  return Route::kNone;
}

HttpResponse Json(int status, std::string body) {
  HttpResponse response =
      net::TextResponse(status, "application/json; charset=utf-8", std::move(body));
  // Tokens belong in no cache (RFC 6749, 5.1).
  response.headers.Set("Cache-Control", "no-store");
  response.headers.Set("Pragma", "no-cache");
  return response;
}

HttpResponse OauthError(int status, std::string_view error, std::string_view description) {
  return Json(status, fmt::format(R"({{"error":{},"error_description":{}}})", JsonText(error),
                                  JsonText(description)));
}

HttpResponse OauthError(const Status& status) {
  if (!status.reason().empty()) return OauthError(400, status.reason(), status.message());
  switch (status.code()) {
    case Code::kResourceExhausted:
    case Code::kUnavailable: {
      HttpResponse response =
          OauthError(HttpStatus(status.code()), "temporarily_unavailable", status.message());
      response.headers.Set("Retry-After", "1");
      return response;
    }
    case Code::kInvalidArgument:
      return OauthError(400, "invalid_request", status.message());
    default:
      return OauthError(500, "server_error", "The server could not do this; see its log.");
  }
}

// `credential` in a form or query; empty when it is not there.
std::string Field(std::string_view form, const std::string& name) {
  const auto fields = access::ParseForm(form);
  if (!fields.ok()) return "";
  const auto it = fields->find(name);
  return it == fields->end() ? "" : it->second;
}

std::string BearerOf(const net::RequestHead& head) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view value = head.headers.Get("Authorization");
  if (value.starts_with(kBearer)) return std::string(value.substr(kBearer.size()));
  return Field(head.query(), "access_token");
}

// A handler whose answer is known already; whatever body comes is dropped.
std::unique_ptr<net::RequestHandler> Answer(std::function<HttpResponse()> answer) {
  const auto shared = std::make_shared<std::function<HttpResponse()>>(std::move(answer));
  return net::CollectBody(
      TokenService::kBodyLimitBytes, net::RequestHandler::Where::kPool,
      [shared](std::string) { return (*shared)(); },
      [](const Status& status) { return OauthError(status); });
}

HttpResponse MethodNotAllowed(std::string allow) {
  HttpResponse response = OauthError(405, "invalid_request", "Use " + allow + " here.");
  response.headers.Set("Allow", std::move(allow));
  return response;
}

}  // namespace

bool TokenService::Owns(std::string_view path) { return RouteOf(path) != Route::kNone; }

std::unique_ptr<net::RequestHandler> TokenService::Start(const net::RequestHead& head) {
  const Route route = RouteOf(head.path());
  if (route == Route::kTokenInfo || route == Route::kUserInfo) {
    if (head.method != "GET" && head.method != "POST") {
      return Answer([] { return MethodNotAllowed("GET"); });
    }
    return Answer([this, token = BearerOf(head), route] {
      return Describe(token, route == Route::kUserInfo);
    });
  }
  if (route == Route::kNone) {
    return Answer([] { return OauthError(404, "invalid_request", "There is nothing here."); });
  }
  if (head.method != "POST") return Answer([] { return MethodNotAllowed("POST"); });
  if (route == Route::kToken && !head.headers.Get("Content-Type").starts_with(kFormType)) {
    return Answer([] {
      return OauthError(400, "invalid_request",
                        "The Content-Type must be application/x-www-form-urlencoded.");
    });
  }
  return net::CollectBody(
      kBodyLimitBytes, net::RequestHandler::Where::kPool,
      [this, route, query = std::string(head.query())](std::string body) {
        return route == Route::kToken ? Exchange(body) : Revoke(body, query);
      },
      [](const Status& status) { return OauthError(status); });
}

HttpResponse TokenService::Exchange(std::string_view body) {
  const auto fields = access::ParseForm(body);
  if (!fields.ok()) return OauthError(400, "invalid_request", fields.status().message());
  const auto grant = fields->find("grant_type");
  if (grant == fields->end()) {
    return OauthError(400, "invalid_request", "Required parameter is missing: grant_type");
  }
  if (grant->second != kJwtBearer) {
    return OauthError(400, "unsupported_grant_type",
                      "Only signed assertions of service accounts are exchanged here.");
  }
  const auto assertion = fields->find("assertion");
  if (assertion == fields->end() || assertion->second.empty()) {
    return OauthError(400, "invalid_request", "Required parameter is missing: assertion");
  }
  const Result<access::IssuedToken> issued = issuer_.ExchangeAssertion(assertion->second);
  if (!issued.ok()) return OauthError(issued.status());
  if (!issued->id_token.empty()) {
    return Json(200, fmt::format(R"({{"id_token":{}}})", JsonText(issued->id_token.Reveal())));
  }
  return Json(200,
              fmt::format(R"({{"access_token":{},"expires_in":{},"token_type":"Bearer"}})",
                          JsonText(issued->access_token.Reveal()), issued->expires_in_seconds));
}

HttpResponse TokenService::Revoke(std::string_view body, std::string_view query) {
  std::string token = Field(body, "token");
  if (token.empty()) token = Field(query, "token");
  const Status known = tokens_.Find(token).status();
  if (known.code() == Code::kNotFound) {
    return OauthError(400, "invalid_token", "Token expired or revoked");
  }
  const Status revoked = known.ok() ? tokens_.Revoke(token) : known;
  return revoked.ok() ? Json(200, "{}") : OauthError(revoked);
}

HttpResponse TokenService::Describe(std::string_view token, bool as_user) const {
  const Result<access::AccessTokens::Found> found = tokens_.Find(token);
  if (found.status().code() == Code::kNotFound) {
    return OauthError(as_user ? 401 : 400, as_user ? "invalid_request" : "invalid_token",
                      "Invalid Value");
  }
  if (!found.ok()) return OauthError(found.status());
  const std::string email = JsonText(found->account->email());
  const std::string id = JsonText(found->account->unique_id());
  if (as_user) {
    return Json(200, fmt::format(R"({{"sub":{},"email":{},"email_verified":true}})", id, email));
  }
  const int64_t expires = found->token->expire_unix_nanos() / 1'000'000'000;
  const int64_t now = clock_->Now().unix_nanos / 1'000'000'000;
  return Json(200, fmt::format(R"({{"azp":{0},"aud":{0},"sub":{0},"scope":{1},"exp":"{2}",)"
                               R"("expires_in":"{3}","email":{4},"email_verified":"true"}})",
                               id, JsonText(found->token->scope()), expires, expires - now, email));
}

}  // namespace hodei::service
