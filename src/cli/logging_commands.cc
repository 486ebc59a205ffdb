// logging read.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"

namespace hodei::cli {
namespace {

constexpr size_t kLargestPage = 1000;

// "1d", "2h30m", "90s", "1w" in nanoseconds.
Result<Nanoseconds> ParseSpan(const std::string& text) {
  int64_t seconds = 0;
  int64_t number = 0;
  bool digits = false;
  for (char c : text) {
    if (c >= '0' && c <= '9') {
      number = std::min<int64_t>(number * 10 + (c - '0'), int64_t{1} << 40);
      digits = true;
      continue;
    }
    int64_t unit = c == 's'   ? 1
                   : c == 'm' ? 60
                   : c == 'h' ? 3600
                   : c == 'd' ? 86400
                   : c == 'w' ? 604800
                              : 0;
    if (!digits || unit == 0) {
      return InvalidArgument(
          fmt::format("--freshness: [{}] is no time span; write 1d, 2h or 30m.", text));
    }
    seconds += number * unit;
    number = 0;
    digits = false;
  }
  constexpr int64_t kLongest = 86400LL * 365 * 200;
  return std::chrono::seconds(std::min(seconds + (digits ? number : 0), kLongest));
}

Result<std::string> EffectiveFilter(Context& context, bool ascending) {
  std::string filter = context.line().positionals.empty() ? "" : context.Positional(0);
  // With an ascending order gcloud leaves the age limit out, so that the oldest entries come first.
  bool names_time = filter.find("timestamp") != filter.npos;
  if (ascending || names_time) return filter;
  ASSIGN_OR_RETURN(Nanoseconds span, ParseSpan(context.line().Text("freshness", "1d")));
  WallTime since = context.clock().Now() + (-span);
  std::string recent = fmt::format("timestamp>=\"{}\"", FormatRfc3339(since, 6));
  return filter.empty() ? recent : recent + " AND (" + filter + ")";
}

Result<int> ReadEntries(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  bool ascending = context.line().Text("order", "desc") == "asc";
  ASSIGN_OR_RETURN(std::string filter, EffectiveFilter(context, ascending));
  size_t limit = static_cast<size_t>(context.line().Number("limit").value_or(0));
  Json body = {{"filter", filter},
               {"orderBy", ascending ? "timestamp asc" : "timestamp desc"},
               {"resourceNames", {"projects/" + project}},
               {"pageSize", limit == 0 ? kLargestPage : std::min(limit, kLargestPage)}};
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Json entries = Json::array();
  while (true) {
    ASSIGN_OR_RETURN(Json page, api->Post("/v2/entries:list", body));
    if (const Json* list = Member(page, "entries"); list != nullptr) {
      for (const Json& entry : *list) {
        if (limit == 0 || entries.size() < limit) entries.push_back(entry);
      }
    }
    std::string token = MemberText(page, "nextPageToken");
    if (token.empty() || (limit > 0 && entries.size() >= limit)) break;
    body["pageToken"] = token;
  }
  if (entries.empty()) return 0;
  return context.PrintList(entries, "yaml");
}

}  // namespace

Group LoggingGroup() {
  Group group{.name = "logging", .summary = "Read the logs of jobs"};
  group.commands = {
      {.name = "read",
       .summary = "Read log entries",
       .description = "Prints the entries that the filter selects, newest first.",
       .positionals = {{.metavar = "LOG_FILTER",
                        .help = "Which entries, for example \"resource.labels.job_id=my_job AND "
                                "severity>=WARNING\".",
                        .required = false}},
       .flags = {NumberFlag("limit", "LIMIT", "Show at most this many entries.").Minimum(1),
                 TextFlag("order", "ORDER", "Order by time.").Choices({"asc", "desc"}),
                 TextFlag("freshness", "SPAN",
                          "Oldest entries to show, such as 2h or 7d; default 1d. "
                          "Not used with --order=asc.")},
       .run = ReadEntries,
       .examples = "  $ hodei logging read \"resource.labels.job_id=my_job\" --order asc "
                   "--format=\"value(timestamp,severity,jsonPayload.message)\""},
  };
  return group;
}

}  // namespace hodei::cli
