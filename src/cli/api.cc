#include "cli/api.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "base/encoding.h"
#include "cli/output/yaml_printer.h"

namespace hodei::cli {
namespace {

bool MayRepeat(const std::string& method) { return method == "GET" || method == "HEAD"; }

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string ErrorReason(const Json& error) {
  const Json* list = Member(error, "errors");
  if (list == nullptr || !list->is_array() || list->empty()) return "";
  return MemberText(list->front(), "reason");
}

}  // namespace

std::string EncodeQuery(const Query& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    if (!text.empty()) text += '&';
    text += PercentEncode(name) + "=" + PercentEncode(value);
  }
  return text;
}

Status ErrorFromResponse(int http_status, std::string_view body) {
  Code code = CodeFromHttpStatus(http_status);
  Result<Json> json = ParseJsonText(body);
  const Json* error = json.ok() ? Member(*json, "error") : nullptr;
  if (error == nullptr || !error->is_object()) {
    std::string text(body.substr(0, 500));
    if (error != nullptr && error->is_string()) {
      text = MemberText(*json, "error_description");
      text = error->get<std::string>() + (text.empty() ? "" : ": " + text);
    }
    return Status(code, fmt::format("HTTP {}: {}", http_status, Trimmed(text)));
  }
  std::string name = MemberText(*error, "status");
  std::string message = Trimmed(MemberText(*error, "message"));
  if (message.empty()) message = fmt::format("HTTP {}", http_status);
  if (!name.empty()) message = name + ": " + message;
  const Json* details = Member(*error, "details");
  if (details != nullptr && !details->empty()) message += "\n" + Trimmed(YamlText(*details));
  return Status(code, message).WithReason(ErrorReason(*error));
}

Api::Api(Options options) : options_(std::move(options)) {}
Api::~Api() = default;

Result<std::unique_ptr<net::HttpClient>> Api::TakeClient() {
  {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<net::HttpClient> client = std::move(idle_.back());
      idle_.pop_back();
      return client;
    }
  }
  return net::HttpClient::Connect(options_.url, options_.ca_file);
}

void Api::ReturnClient(std::unique_ptr<net::HttpClient> client) {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(client));
}

Result<net::ClientResponse> Api::Send(net::ClientRequest request,
                                      const std::function<Status(std::string_view)>& sink,
                                      std::chrono::milliseconds deadline) {
  ASSIGN_OR_RETURN(auto client, TakeClient());
  if (!options_.access_token.empty()) {
    request.headers.Set("Authorization", "Bearer " + options_.access_token.Reveal());
  }
  request.headers.Set("User-Agent", options_.user_agent);
  Result<net::ClientResponse> response = client->Send(request, sink, deadline);
  if (options_.trace) {
    options_.trace(fmt::format(
        "{} {}{} -> {}\n", request.method, options_.url, request.target,
        response.ok() ? std::to_string(response->status) : response.status().ToString()));
  }
  if (response.ok()) ReturnClient(std::move(client));
  return response;
}

Result<Json> Api::Call(const std::string& method, const std::string& path, const Query& query,
                       const Json* body) {
  net::ClientRequest request;
  request.method = method;
  request.target = query.empty() ? path : path + "?" + EncodeQuery(query);
  request.headers.Set("Accept", "application/json");
  if (body != nullptr) {
    request.headers.Set("Content-Type", "application/json");
    request.body = JsonText(*body);
  }
  for (int attempt = 1;; ++attempt) {
    Result<net::ClientResponse> response = Send(request, {}, options_.deadline);
    bool last = attempt == kAttempts;
    if (!response.ok()) {
      // A refused connection will be refused again; one that was cut is worth another try.
      bool cut = response.status().code() == Code::kUnavailable &&
                 response.status().reason() != "connect" && MayRepeat(method);
      if (last || !cut) return response.status();
    } else if (response->status / 100 == 2) {
      if (response->body.empty()) return Json::object();
      return ParseJsonText(response->body);
    } else {
      int status = response->status;
      bool busy = status == 429 || status == 503 || (status == 500 && MayRepeat(method));
      if (last || !busy) return ErrorFromResponse(status, response->body);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100 << attempt));
  }
}

Result<Json> Api::Get(const std::string& path, const Query& query) {
  return Call("GET", path, query);
}

Result<Json> Api::Post(const std::string& path, const Json& body, const Query& query) {
  return Call("POST", path, query, &body);
}

Result<Json> Api::List(const std::string& path, const std::string& member, Query query,
                       size_t page_size, size_t limit) {
  Json items = Json::array();
  query.emplace_back("pageSize", std::to_string(page_size));
  while (true) {
    ASSIGN_OR_RETURN(Json page, Get(path, query));
    if (const Json* list = Member(page, member); list != nullptr && list->is_array()) {
      for (const Json& item : *list) items.push_back(item);
    }
    std::string token = MemberText(page, "nextPageToken");
    if (token.empty() || (limit > 0 && items.size() >= limit)) return items;
    if (query.back().first == "pageToken") query.pop_back();
    query.emplace_back("pageToken", token);
  }
}

}  // namespace hodei::cli
