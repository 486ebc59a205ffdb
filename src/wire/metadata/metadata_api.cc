#include "wire/metadata/metadata_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/digest.h"
#include "base/encoding.h"
#include "domain/access/authenticator.h"
#include "domain/access/job_peer.h"

namespace hodei::wire::metadata {
namespace {

using net::HttpResponse;

constexpr std::string_view kRoot = "/computeMetadata/v1";
constexpr size_t kBodyLimitBytes = 16 * 1024;
constexpr std::string_view kScopes[] = {"https://www.googleapis.com/auth/cloud-platform",
                                        "https://www.googleapis.com/auth/userinfo.email"};

HttpResponse Reply(int status, std::string type, std::string body) {
  HttpResponse response = net::TextResponse(status, std::move(type), std::move(body));
  // By this header clients know that they found a metadata server.
  response.headers.Set("Metadata-Flavor", "Google");
  response.headers.Set("Cache-Control", "no-store");
  response.headers.Set("X-Content-Type-Options", "nosniff");
  return response;
}

HttpResponse TextReply(int status, std::string body) {
  return Reply(status, "application/text", std::move(body));
}

HttpResponse JsonReply(std::string body) { return Reply(200, "application/json", std::move(body)); }

std::string_view WithoutPort(std::string_view host) { return host.substr(0, host.rfind(':')); }

std::map<std::string, std::string> Parameters(std::string_view query) {
  std::map<std::string, std::string> parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(pair.size(), equals + 1));
    parameters[std::string(pair.substr(0, equals))] = PercentDecode(value, true).value_or("");
  }
  return parameters;
}

bool IsTrue(const std::string& text) { return text == "true" || text == "True" || text == "1"; }

// Stable for a job, and never 0.
uint64_t InstanceId(const std::string& job) {
  uint64_t id = 1;
  for (const char c : Sha256(job).substr(0, 7)) id = id << 8 | static_cast<unsigned char>(c);
  return id;
}

// The path below the root without its last slash; absent when it is elsewhere.
std::optional<std::string_view> BelowRoot(std::string_view path) {
  if (!path.starts_with(kRoot)) return std::nullopt;
  path.remove_prefix(kRoot.size());
  if (path.empty()) return path;
  if (path.front() != '/') return std::nullopt;
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// "instance/service-accounts/{default,E}/WHAT" → WHAT.
std::string_view OfAccount(std::string_view path, const std::string& email) {
  constexpr std::string_view kAccounts = "instance/service-accounts/";
  if (!path.starts_with(kAccounts)) return {};
  path.remove_prefix(kAccounts.size());
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view account = path.substr(0, slash);
  return account == "default" || account == email ? path.substr(slash + 1) : std::string_view();
}

}  // namespace

Node TreeOf(const std::string& job, const JobDescription& description) {
  const std::string email = access::JobAccountEmail(description.project_number);
  const std::string number = std::to_string(description.project_number);
  Node root = Node::Folder();
  Node* const instance = root.Add("instance", Node::Folder());
  instance->Add("attributes", Node::Folder());
  instance->Add("hostname", Node::Text(description.job_id));
  instance->Add("id", Node::Number(InstanceId(job)));
  instance->Add("name", Node::Text(description.job_id));
  instance->Add("region",
                Node::Text(fmt::format("projects/{}/regions/{}", number, description.region)));
  Node* const accounts = instance->Add("service-accounts", Node::Folder());
  for (const std::string& name : {std::string("default"), email}) {
    Node* const account = accounts->Add(name, Node::Folder());
    account->Add("aliases", Node::List({"default"}));
    account->Add("email", Node::Text(email));
    account->Add("scopes", Node::List({std::begin(kScopes), std::end(kScopes)}));
  }
  // The service had zones where the API knows regions; the first one stands for all.
  instance->Add("zone",
                Node::Text(fmt::format("projects/{}/zones/{}-a", number, description.region)));
  Node* const project = root.Add("project", Node::Folder());
  project->Add("attributes", Node::Folder());
  project->Add("numeric-project-id",
               Node::Number(static_cast<uint64_t>(description.project_number)));
  project->Add("project-id", Node::Text(description.project));
  return root;
}

bool MetadataApi::Owns(const net::RequestHead& head) {
  if (!head.peer.socket_label.starts_with(access::kWebSocket)) return false;
  const std::string_view host = WithoutPort(head.host);
  return host == "metadata.google.internal" || host == "metadata.google.internal." ||
         host == "metadata" || host == "169.254.169.254";
}

std::unique_ptr<net::RequestHandler> MetadataApi::Start(const net::RequestHead& head) const {
  std::function<HttpResponse()> answer;
  if (head.headers.Has("X-Forwarded-For")) {
    answer = [] { return TextReply(403, "Requests that were forwarded are refused.\n"); };
  } else if (head.headers.Get("Metadata-Flavor") != "Google") {
    answer = [] { return TextReply(403, "Missing Metadata-Flavor:Google header.\n"); };
  } else if (head.method != "GET" && head.method != "HEAD") {
    answer = [] { return TextReply(405, "Use GET.\n"); };
  } else {
    answer = [this, job = std::string(access::JobPeerOf(head.peer.socket_label).job),
              path = std::string(head.path()),
              query = std::string(head.query())] { return Answer(job, path, query); };
  }
  return net::CollectBody(
      kBodyLimitBytes, net::RequestHandler::Where::kPool,
      [answer = std::move(answer)](const std::string&) { return answer(); },
      [](const Status& status) { return TextReply(HttpStatus(status.code()), "Bad request.\n"); });
}

HttpResponse MetadataApi::Answer(const std::string& job, std::string_view path,
                                 std::string_view query) const {
  if (path == "/") return TextReply(200, "computeMetadata/\n");
  if (path == "/computeMetadata" || path == "/computeMetadata/") return TextReply(200, "v1/\n");
  const auto below = BelowRoot(path);
  if (!below) return TextReply(404, "There is nothing here.\n");
  auto parameters = Parameters(query);
  if (IsTrue(parameters["wait_for_change"])) {
    return TextReply(400, "Nothing changes here while a job runs.\n");
  }
  const Result<JobDescription> description = describe_(job);
  if (!description.ok()) return TextReply(503, "The job cannot be read now.\n");
  if (OfAccount(*below, access::JobAccountEmail(description->project_number)) == "token") {
    return Token(job);
  }
  const Node root = TreeOf(job, *description);
  const Node* const node = root.Find(*below);
  if (node == nullptr) return TextReply(404, "There is nothing here.\n");
  const bool recursive = IsTrue(parameters["recursive"]);
  const std::string& form = parameters["alt"];
  if (node->is_folder() && !recursive) {
    if (path.ends_with('/')) return TextReply(200, node->Listing());
    HttpResponse moved = TextReply(301, "");
    moved.headers.Set("Location", fmt::format("{}/{}{}", path, query.empty() ? "" : "?", query));
    return moved;
  }
  if (form == "json" || (recursive && form != "text")) return JsonReply(node->Json());
  return TextReply(200, recursive ? node->Lines("") : node->Listing());
}

HttpResponse MetadataApi::Token(const std::string& job) const {
  constexpr auto kSeconds = std::chrono::seconds(access::JobTokens::kLifetime).count();
  return JsonReply(fmt::format(R"({{"access_token":"{}","expires_in":{},"token_type":"Bearer"}})",
                               tokens_->Mint(job).Reveal(), kSeconds));
}

}  // namespace hodei::wire::metadata
