// Requests to the server: JSON in, JSON out, with the credential, retries and errors in gcloud's
// words.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "cli/output/json.h"
#include "cli/settings.h"
#include "net/http_client.h"

namespace hodei::cli {

using Query = std::vector<std::pair<std::string, std::string>>;

// "a=1&b=x%2Fy", or "" for no parameter.
std::string EncodeQuery(const Query& query);
// The status of an answer that is not 2xx: code from the HTTP status, message from the JSON error
// envelope ("NOT_FOUND: …", details as YAML below it) or, without one, from the status line. The
// reason is the storage error reason where there is one.
Status ErrorFromResponse(int http_status, std::string_view body);

// Thread-safe: each thread in a call has a connection of its own, kept for the next call.
class Api {
 public:
  struct Options {
    std::string url;
    std::string ca_file;
    Secret access_token;
    std::string user_agent = "hodei-cli";
    // Called with one line per request where set (--log-http).
    std::function<void(const std::string&)> trace;
    // How long one request may take; streams have their own.
    std::chrono::milliseconds deadline = std::chrono::minutes(2);
  };
  explicit Api(Options options);
  ~Api();

  // A request with an empty body where `body` is null and the method carries none. Answers other
  // than 2xx are errors, see ErrorFromResponse. 429, 503 and, for GET, 500 and cut connections are
  // tried again up to kAttempts times.
  Result<Json> Call(const std::string& method, const std::string& path, const Query& query = {},
                    const Json* body = nullptr);
  Result<Json> Get(const std::string& path, const Query& query = {});
  Result<Json> Post(const std::string& path, const Json& body, const Query& query = {});

  // All items of a paged list: follows nextPageToken until `limit` items (0: all) are there.
  Result<Json> List(const std::string& path, const std::string& member, Query query,
                    size_t page_size, size_t limit);

  // One request as it is, any status, no retry. Adds the credential and nothing else.
  Result<net::ClientResponse> Send(net::ClientRequest request,
                                   const std::function<Status(std::string_view)>& sink = {},
                                   std::chrono::milliseconds deadline = std::chrono::minutes(5));

  const std::string& url() const { return options_.url; }

  static constexpr int kAttempts = 4;

 private:
  Result<std::unique_ptr<net::HttpClient>> TakeClient();
  void ReturnClient(std::unique_ptr<net::HttpClient> client);

  Options options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<net::HttpClient>> idle_;
};

}  // namespace hodei::cli
