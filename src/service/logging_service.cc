#include "service/logging_service.h"

#include <fmt/format.h>

#include <charconv>

#include "base/encoding.h"

namespace hodei::service {
namespace {

namespace v2 = google::logging::v2;

constexpr int kDefaultPageSize = 50;
constexpr std::string_view kProjectPrefix = "projects/";

// The position in a page token is no secret and gives no right: it is encoded, not signed. The
// projects are checked again with every page.
std::string EncodeToken(const std::pair<WallTime, std::string>& position) {
  return Base64UrlEncode(fmt::format("{} {}", position.first.unix_nanos, position.second));
}

Result<std::pair<WallTime, std::string>> DecodeToken(const std::string& token) {
  const Status bad = InvalidField("page_token", "The page token is not one of this server's.");
  const Result<std::string> text = Base64Decode(token);
  if (!text.ok()) return bad;
  const size_t space = text->find(' ');
  if (space == std::string::npos || text->size() - space != 29) return bad;
  int64_t nanos = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + space, nanos);
  if (error != std::errc() || end != text->data() + space) return bad;
  return std::pair(WallTime{nanos}, text->substr(space + 1));
}

Result<std::vector<std::string>> ProjectsOf(const v2::ListLogEntriesRequest& request) {
  std::vector<std::string> projects(request.project_ids().begin(), request.project_ids().end());
  for (const std::string& name : request.resource_names()) {
    const std::string_view rest =
        std::string_view(name).substr(std::min(kProjectPrefix.size(), name.size()));
    if (!name.starts_with(kProjectPrefix) || rest.empty() ||
        rest.find('/') != std::string_view::npos) {
      return InvalidField("resource_names",
                          fmt::format("'{}' is not of the form projects/PROJECT_ID.", name));
    }
    projects.emplace_back(rest);
  }
  if (projects.empty()) {
    return InvalidField("resource_names", "Name at least one project: projects/PROJECT_ID.");
  }
  if (projects.size() > kLogProjectLimit) {
    return InvalidField("resource_names",
                        fmt::format("At most {} projects in one request.", kLogProjectLimit));
  }
  return projects;
}

Result<bool> NewestFirst(const std::string& order_by) {
  if (order_by.empty() || order_by == "timestamp" || order_by == "timestamp asc") return false;
  if (order_by == "timestamp desc") return true;
  return InvalidField("order_by", "Must be 'timestamp asc' or 'timestamp desc'.");
}

}  // namespace

Result<v2::ListLogEntriesResponse> LoggingService::ListLogEntries(
    const CallContext& context, const v2::ListLogEntriesRequest& request) {
  store::LogQuery query;
  ASSIGN_OR_RETURN(query.projects, ProjectsOf(request));
  for (const std::string& project : query.projects) {
    RETURN_IF_ERROR(authorizer_->Check(context.principal, project, "logging.logEntries.list"));
  }
  ASSIGN_OR_RETURN(query.newest_first, NewestFirst(request.order_by()));
  if (request.page_size() < 0) return InvalidField("page_size", "Must not be negative.");
  query.limit =
      static_cast<size_t>(request.page_size() == 0 ? kDefaultPageSize : request.page_size());
  query.filter = request.filter();
  if (!request.page_token().empty()) {
    ASSIGN_OR_RETURN(query.after, DecodeToken(request.page_token()));
  }
  ASSIGN_OR_RETURN_CTX(store::LogPage page, logs_->Query(query), "list log entries");
  v2::ListLogEntriesResponse response;
  for (v2::LogEntry& entry : page.entries) *response.add_entries() = std::move(entry);
  if (page.next) response.set_next_page_token(EncodeToken(*page.next));
  return response;
}

Result<v2::ListLogsResponse> LoggingService::ListLogs(const CallContext&,
                                                      const v2::ListLogsRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<std::string> projects, [&]() {
    v2::ListLogEntriesRequest named;
    named.add_resource_names(request.parent());
    return ProjectsOf(named);
  }());
  v2::ListLogsResponse response;
  for (const std::string& task : logs_->TaskNames(projects[0])) {
    response.add_log_names(fmt::format("{}/logs/{}", request.parent(), PercentEncode(task)));
  }
  return response;
}

}  // namespace hodei::service
