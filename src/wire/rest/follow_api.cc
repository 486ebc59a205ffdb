#include "wire/rest/follow_api.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "wire/rest/error_envelope.h"

namespace hodei::wire::rest {
namespace {

constexpr std::string_view kPrefix = "/v1/projects/";
constexpr std::string_view kJobs = "/jobs/";
constexpr std::string_view kVerb = ":followLogs";
constexpr std::string_view kResume = "resumeToken=";
constexpr size_t kBodyBytes = 0;

// The ids of "resumeToken=a,b"; other parameters are ignored.
Result<std::vector<std::string>> ResumeIds(std::string_view query) {
  std::vector<std::string> ids;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view item = query.substr(0, end);
    query = end == std::string_view::npos ? "" : query.substr(end + 1);
    if (!item.starts_with(kResume)) continue;
    ASSIGN_OR_RETURN(const std::string text, PercentDecode(item.substr(kResume.size()), true));
    for (size_t at = 0; at < text.size();) {
      const size_t comma = std::min(text.find(',', at), text.size());
      if (comma > at) ids.push_back(text.substr(at, comma - at));
      at = comma + 1;
    }
  }
  return ids;
}

}  // namespace

bool FollowApi::Owns(const net::RequestHead& head) {
  const std::string_view path = head.path();
  return path.starts_with(kPrefix) && path.ends_with(kVerb) &&
         path.find(kJobs) != std::string_view::npos;
}

std::unique_ptr<net::RequestHandler> FollowApi::Start(const net::RequestHead& head) const {
  return net::CollectBody(
      kBodyBytes, net::RequestHandler::Where::kPool,
      [this, head](std::string) { return Answer(head); },
      [](const Status& status) { return ErrorResponse(status, true); });
}

Result<std::unique_ptr<net::StreamBody>> FollowApi::Open(const net::RequestHead& head) const {
  ASSIGN_OR_RETURN(const access::Principal principal, authenticator_->Authenticate(head));
  std::string_view path = head.path();
  path.remove_prefix(kPrefix.size());
  path.remove_suffix(kVerb.size());
  const size_t jobs = path.find(kJobs);
  ASSIGN_OR_RETURN(const std::string project, PercentDecode(path.substr(0, jobs)));
  ASSIGN_OR_RETURN(const std::string job, PercentDecode(path.substr(jobs + kJobs.size())));
  RETURN_IF_ERROR(authorizer_->Check(principal, project, "logging.logEntries.list"));
  ASSIGN_OR_RETURN(const std::string project_id, authorizer_->ResolveProject(project));
  if (head.method != "GET") return InvalidArgument("Use GET.");
  ASSIGN_OR_RETURN(const std::vector<std::string> resume, ResumeIds(head.query()));
  return follow_->Open(project_id, job, resume);
}

net::HttpResponse FollowApi::Answer(const net::RequestHead& head) const {
  Result<std::unique_ptr<net::StreamBody>> body = Open(head);
  if (!body.ok()) return ErrorResponse(ForClient(body.status(), head.request_id), true);
  net::HttpResponse response;
  response.headers.Set("Content-Type", "application/x-ndjson; charset=UTF-8");
  response.headers.Set("Cache-Control", "no-store");
  response.body = std::move(*body);
  return response;
}

}  // namespace hodei::wire::rest
