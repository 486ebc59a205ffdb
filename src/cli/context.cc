#include "cli/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/output/filter.h"
#include "cli/output/printer.h"
#include "cli/service_account.h"

namespace hodei::cli {

Context::Context(const Group* root, const CommandLine* line, Settings* settings, Console* console,
                 const Clock* clock, std::string program_folder)
    : root_(root),
      line_(line),
      settings_(settings),
      console_(console),
      clock_(clock),
      program_folder_(std::move(program_folder)) {}

Context::~Context() = default;

std::string Context::FirstWords() const {
  return line_->path.empty() ? "hodei" : "hodei " + line_->path.front();
}

Result<std::unique_ptr<Api>> Context::MakeApi() {
  ServerAddress server = settings_->Server();
  RETURN_IF_ERROR(RefreshServiceAccountToken(*this));
  ASSIGN_OR_RETURN(Secret token, settings_->AccessToken());
  Api::Options options;
  options.url = server.url;
  options.ca_file = server.ca_file;
  options.access_token = std::move(token);
  if (line_->Switch("log-http") || settings_->Property("core/log_http") == "true") {
    options.trace = [console = console_](const std::string& text) { console->Err(text); };
  }
  return std::make_unique<Api>(std::move(options));
}

Result<Api*> Context::ServerApi() {
  if (api_ == nullptr) {
    ASSIGN_OR_RETURN(api_, MakeApi());
  }
  return api_.get();
}

Result<FormatSpec> Context::ChosenFormat(const std::string& default_format) const {
  std::string text = line_->Text("format", default_format);
  ASSIGN_OR_RETURN(FormatSpec format, ParseFormat(text == "default" ? default_format : text));
  bool needs_columns = format.name == "table" || format.name == "csv" || format.name == "value" ||
                       format.name == "get";
  if (needs_columns && format.columns.empty()) {
    return InvalidArgument(fmt::format(
        "Format [{}] needs the fields to print, for example {}(name).", format.name, format.name));
  }
  // A column of the command's own table keeps its heading wherever it is printed.
  Result<FormatSpec> own = ParseFormat(default_format);
  if (!own.ok()) return format;
  for (Column& column : format.columns) {
    for (const Column& known : own->columns) {
      Column plain;
      Result<FormatSpec> bare = ParseFormat("table(" + column.key + ")");
      if (bare.ok() && !bare->columns.empty()) plain = bare->columns.front();
      if (known.key == column.key && column.label == plain.label) column.label = known.label;
    }
  }
  return format;
}

Result<int> Context::Print(const Json& item, const std::string& default_format) {
  ASSIGN_OR_RETURN(FormatSpec format, ChosenFormat(default_format));
  console_->Out(Render(format, {item}, true));
  return 0;
}

size_t Context::FetchLimit() const {
  if (line_->Has("filter") || line_->Has("sort-by")) return 0;
  return static_cast<size_t>(line_->Number("limit").value_or(0));
}

size_t Context::PageSize(size_t fallback) const {
  return static_cast<size_t>(line_->Number("page-size").value_or(static_cast<long>(fallback)));
}

Result<int> Context::PrintList(const Json& items, const std::string& default_format,
                               const std::string& uri_key) {
  std::string shown = line_->Switch("uri") ? "value(" + uri_key + ")" : default_format;
  ASSIGN_OR_RETURN(FormatSpec format, ChosenFormat(shown));
  std::vector<Json> rows(items.begin(), items.end());
  if (line_->Has("filter") && !line_->Text("filter").empty()) {
    ASSIGN_OR_RETURN(Filter filter, Filter::Parse(line_->Text("filter")));
    std::erase_if(rows, [&](const Json& row) { return !filter.Matches(row); });
  }
  if (line_->Has("sort-by")) {
    SortByKeys(line_->List("sort-by"), &rows);
  } else {
    SortByColumns(format.columns, &rows);
  }
  if (auto limit = line_->Number("limit"); limit && static_cast<size_t>(*limit) < rows.size()) {
    rows.resize(static_cast<size_t>(*limit));
  }
  bool table = format.name == "table";
  if (rows.empty() && (table || format.name == "yaml" || format.name == "list")) {
    console_->Err("Listed 0 items.\n");
    return 0;
  }
  console_->Out(Render(format, rows, false));
  return 0;
}

bool Context::Quiet() const {
  return line_->Switch("quiet") ||
         settings_->Property("core/disable_prompts").value_or("") == "1" ||
         settings_->Property("core/disable_prompts").value_or("") == "true";
}

bool Context::Confirm(const std::string& question) {
  if (Quiet() || !console_->err_is_terminal() || isatty(STDIN_FILENO) == 0) return true;
  console_->Err(question + "\n\nDo you want to continue (Y/n)?  ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer.empty() || answer[0] == 'y' || answer[0] == 'Y';
}

Status ExplainUnreachable(const Status& status, const ServerAddress& server) {
  if (status.reason() != "connect") return status;
  return Status(
      status.code(),
      fmt::format("No Hodei server answers at {} ({}): {}\n\nStart one with:\n  $ hodei up\n"
                  "or name another one with --server=URL or --data=DIR.",
                  server.url, server.origin, status.message()));
}

}  // namespace hodei::cli
