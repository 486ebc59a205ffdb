#include "wire/gcs/cors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "domain/access/denial.h"
#include "wire/gcs/gcs_api.h"

namespace hodei::wire::gcs {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

struct Rule {
  std::vector<std::string> origins;
  std::vector<std::string> methods;
  std::vector<std::string> headers;
  int64_t max_age_seconds = 3600;
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::vector<std::string> Texts(const Struct& rule, const char* name) {
  std::vector<std::string> out;
  const auto it = rule.fields().find(name);
  if (it == rule.fields().end()) return out;
  for (const Value& value : it->second.list_value().values()) out.push_back(value.string_value());
  return out;
}

std::vector<Rule> RulesOf(const Bucket& bucket) {
  std::vector<Rule> rules;
  const auto it = bucket.settings().find("cors");
  if (it == bucket.settings().end()) return rules;
  for (const Value& item : it->second.list_value().values()) {
    const Struct& fields = item.struct_value();
    Rule rule{Texts(fields, "origin"), Texts(fields, "method"), Texts(fields, "responseHeader")};
    const auto age = fields.fields().find("maxAgeSeconds");
    if (age != fields.fields().end()) {
      rule.max_age_seconds = static_cast<int64_t>(age->second.number_value());
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

// "*", or the origin itself, or one with a single '*' in it.
bool OriginMatches(const std::string& pattern, std::string_view origin) {
  if (pattern == "*" || pattern == origin) return true;
  const size_t star = pattern.find('*');
  if (star == std::string::npos) return false;
  const std::string_view head = std::string_view(pattern).substr(0, star);
  const std::string_view tail = std::string_view(pattern).substr(star + 1);
  return origin.size() >= head.size() + tail.size() && origin.starts_with(head) &&
         origin.ends_with(tail);
}

bool Lists(const std::vector<std::string>& list, std::string_view wanted) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& item) {
    return item == "*" || Lower(item) == Lower(wanted);
  });
}

std::string Join(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::optional<Rule> FindRule(const std::vector<Rule>& rules, std::string_view origin,
                             std::string_view method) {
  for (const Rule& rule : rules) {
    const bool by_origin =
        std::any_of(rule.origins.begin(), rule.origins.end(),
                    [&](const std::string& pattern) { return OriginMatches(pattern, origin); });
    if (by_origin && Lists(rule.methods, method)) return rule;
  }
  return std::nullopt;
}

// Every header that the page wants to send is one that the rule names.
bool AllowsHeaders(const Rule& rule, std::string_view wanted) {
  while (!wanted.empty()) {
    const size_t comma = wanted.find(',');
    std::string_view name = wanted.substr(0, comma);
    wanted = comma == std::string_view::npos ? std::string_view() : wanted.substr(comma + 1);
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (!name.empty() && !Lists(rule.headers, name)) return false;
  }
  return true;
}

void AddAllowedOrigin(const Rule& rule, std::string_view origin, net::HttpResponse* response) {
  const bool any = std::find(rule.origins.begin(), rule.origins.end(), "*") != rule.origins.end();
  response->headers.Set("Access-Control-Allow-Origin", any ? "*" : std::string(origin));
  if (!any) response->headers.Add("Vary", "Origin");
}

class CorsHandler : public net::RequestHandler {
 public:
  CorsHandler(std::unique_ptr<net::RequestHandler> inner, std::shared_ptr<const Request> request,
              store::ObjectStore* store)
      : inner_(std::move(inner)), request_(std::move(request)), store_(*store) {}

  // The bucket is read where it may take time.
  Where where() const override { return Where::kPool; }
  bool wants_body() const override { return inner_->wants_body(); }
  Status OnBody(std::string_view piece) override { return inner_->OnBody(piece); }
  net::HttpResponse OnEnd() override { return Add(inner_->OnEnd()); }
  net::HttpResponse OnError(const Status& status) override { return Add(inner_->OnError(status)); }
  void OnAbort() override { inner_->OnAbort(); }

 private:
  net::HttpResponse Add(net::HttpResponse response) const {
    const Result<Bucket> bucket = store_.GetBucket(request_->route.bucket);
    if (!bucket.ok()) return response;
    const std::string_view origin = request_->headers.Get("Origin");
    const std::optional<Rule> rule = FindRule(RulesOf(*bucket), origin, request_->sent_method);
    if (!rule) return response;
    AddAllowedOrigin(*rule, origin, &response);
    if (!rule->headers.empty()) {
      response.headers.Add("Access-Control-Expose-Headers", Join(rule->headers));
    }
    return response;
  }

  const std::unique_ptr<net::RequestHandler> inner_;
  const std::shared_ptr<const Request> request_;
  store::ObjectStore& store_;
};

}  // namespace

Status ValidateCors(const Json& cors) {
  const auto bad = [](std::string_view what) {
    return InvalidArgument(fmt::format("Invalid value for field 'cors': {}.", what))
        .WithReason("invalid");
  };
  if (cors.is_null()) return OkStatus();
  if (!cors.is_array()) return bad("not a list");
  if (cors.size() > kCorsRuleLimit) return bad("more than 100 rules");
  for (const Json& rule : cors) {
    if (!rule.is_object()) return bad("a rule is an object");
    for (const char* name : {"origin", "method", "responseHeader"}) {
      const auto it = rule.find(name);
      if (it == rule.end() || it->is_null()) continue;
      if (!it->is_array()) return bad(name);
      for (const Json& item : *it) {
        if (!item.is_string()) return bad(name);
      }
    }
    const auto age = rule.find("maxAgeSeconds");
    if (age != rule.end() && !age->is_number_integer()) return bad("maxAgeSeconds");
  }
  return OkStatus();
}

net::HttpResponse AnswerPreflight(const Request& request, store::ObjectStore* store) {
  const std::string_view origin = request.headers.Get("Origin");
  const std::string_view method = request.headers.Get("Access-Control-Request-Method");
  const Result<Bucket> bucket = store->GetBucket(request.route.bucket);
  const std::optional<Rule> rule = bucket.ok() && !origin.empty() && !method.empty()
                                       ? FindRule(RulesOf(*bucket), origin, method)
                                       : std::nullopt;
  if (!rule || !AllowsHeaders(*rule, request.headers.Get("Access-Control-Request-Headers"))) {
    return GcsApi::ErrorFor(request, access::UnauthenticatedCaller());
  }
  net::HttpResponse response = EmptyResponse(200);
  AddAllowedOrigin(*rule, origin, &response);
  response.headers.Add("Access-Control-Allow-Methods", Join(rule->methods));
  if (!rule->headers.empty()) {
    response.headers.Add("Access-Control-Allow-Headers", Join(rule->headers));
  }
  response.headers.Add("Access-Control-Max-Age", std::to_string(rule->max_age_seconds));
  return response;
}

std::unique_ptr<net::RequestHandler> AddCorsHeaders(std::unique_ptr<net::RequestHandler> handler,
                                                    std::shared_ptr<const Request> request,
                                                    store::ObjectStore* store) {
  return std::make_unique<CorsHandler>(std::move(handler), std::move(request), store);
}

}  // namespace hodei::wire::gcs
