#include "domain/access/authenticator.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "domain/access/access_tokens.h"
#include "domain/access/browser_guard.h"
#include "domain/access/denial.h"
#include "domain/access/job_peer.h"
#include "domain/access/record_cache.h"
#include "domain/access/record_kinds.h"
#include "google/cloud/resourcemanager/v1/projects.pb.h"
#include "net/http_message.h"

namespace hodei::access {
namespace {

using google::cloud::resourcemanager::v1::Project;

// What the request offers as proof: absent when it offers nothing, empty when what it offers
// cannot be a token.
std::optional<std::string> HeaderToken(const net::Headers& headers) {
  const auto values = headers.GetAll("Authorization");
  if (values.empty()) return std::nullopt;
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view value = values[0];
  const bool is_bearer =
      value.size() > kScheme.size() &&
      std::equal(kScheme.begin(), kScheme.end(), value.begin(), [](char expected, char c) {
        return expected == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
      });
  if (values.size() != 1 || !is_bearer) return "";
  return std::string(value.substr(kScheme.size()));
}

std::optional<std::string> QueryToken(std::string_view query) {
  constexpr std::string_view kParameter = "access_token=";
  std::optional<std::string> token;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (!pair.starts_with(kParameter)) continue;
    if (token) return "";
    token = PercentDecode(pair.substr(kParameter.size()), true).value_or(std::string());
  }
  return token;
}

class StoredAuthenticator : public Authenticator {
 public:
  StoredAuthenticator(AuthMode mode, store::MetaStore* store, const Clock* clock,
                      const JobTokens* job_tokens)
      : mode_(mode),
        job_tokens_(job_tokens),
        tokens_(store, clock),
        projects_(store, kProjectKind) {}

  Result<Principal> Authenticate(const net::RequestHead& head) const override {
    const JobPeer peer = JobPeerOf(head.peer.socket_label);
    const std::string job(peer.job);
    if (mode_ == AuthMode::kNone) {
      // Job code stays confined even where nobody else is asked for anything.
      if (!job.empty()) return JobPrincipal(job);
      if (IsForeignPage(head)) return UnauthenticatedCaller();
      return Principal{.email = "emulator@hodei.local", .emulator = true};
    }
    std::optional<std::string> token = HeaderToken(head.headers);
    if (!token) token = QueryToken(head.query());
    if (token && !job.empty() && job_tokens_ != nullptr && job_tokens_->IsValid(*token, job)) {
      return JobPrincipal(job);
    }
    if (token) return TokenPrincipal(*token);
    if (!job.empty() && !peer.private_names) return JobPrincipal(job);
    return UnauthenticatedCaller();
  }

 private:
  Result<Principal> TokenPrincipal(std::string_view token) const {
    const Result<AccessTokens::Found> found = tokens_.Find(token);
    if (found.status().code() == Code::kNotFound) return UnauthenticatedCaller();
    RETURN_IF_ERROR(found.status());
    return Principal{.email = found->account->email()};
  }

  // The service agent of the job's project, as getConfig names it.
  Result<Principal> JobPrincipal(const std::string& job) const {
    constexpr std::string_view kProjects = "projects/";
    if (!job.starts_with(kProjects)) return UnauthenticatedCaller();
    const std::string_view rest = std::string_view(job).substr(kProjects.size());
    const auto project = projects_.Get(rest.substr(0, rest.find('/')));
    if (!project.ok() && project.status().code() != Code::kNotFound) return project.status();
    if (!project.ok() && mode_ == AuthMode::kCredentials) return UnauthenticatedCaller();
    if (project.ok() && (*project)->lifecycle_state() != Project::ACTIVE) {
      return UnauthenticatedCaller();
    }
    const int64_t number = project.ok() ? (*project)->project_number() : 0;
    return Principal{.email = JobAccountEmail(number), .job = job};
  }

  const AuthMode mode_;
  const JobTokens* const job_tokens_;
  const AccessTokens tokens_;
  const RecordCache<Project> projects_;
};

}  // namespace

std::string JobAccountEmail(int64_t project_number) {
  return fmt::format("service-{}@cloud-ml.google.com.iam.gserviceaccount.com", project_number);
}

std::unique_ptr<Authenticator> MakeAuthenticator(AuthMode mode, store::MetaStore* store,
                                                 const Clock* clock, const JobTokens* job_tokens) {
  return std::make_unique<StoredAuthenticator>(mode, store, clock, job_tokens);
}

}  // namespace hodei::access
