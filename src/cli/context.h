// What a running command has: its line, the settings, the console, the server. Made by main().
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "cli/api.h"
#include "cli/command_line.h"
#include "cli/output/console.h"
#include "cli/output/format_spec.h"
#include "cli/output/json.h"
#include "cli/settings.h"

namespace hodei::cli {

class Context {
 public:
  // All pointers must outlive this.
  Context(const Group* root, const CommandLine* line, Settings* settings, Console* console,
          const Clock* clock, std::string program_folder);
  ~Context();

  const Group& root() const { return *root_; }
  const CommandLine& line() const { return *line_; }
  Settings& settings() { return *settings_; }
  Console& console() { return *console_; }
  const Clock& clock() const { return *clock_; }
  // The folder that holds this program, where `hodeid` is looked for first.
  const std::string& program_folder() const { return program_folder_; }

  const std::string& Positional(size_t index) const { return line_->positionals[index]; }
  // The command's words as the user typed them, for hints: "hodei ai-platform".
  std::string FirstWords() const;

  // The server of this command; built at the first call. UNAVAILABLE explains how to start one.
  Result<Api*> ServerApi();
  // A further client of the same server, for another thread.
  Result<std::unique_ptr<Api>> MakeApi();

  // Prints one resource by --format, or by `default_format`.
  Result<int> Print(const Json& item, const std::string& default_format = "yaml");
  // Prints a list: --filter, --sort-by, --limit, then --format or `default_format`; an empty one is
  // "Listed 0 items." on standard error. `items` is an array. `uri_key` names the member --uri
  // shows.
  Result<int> PrintList(const Json& items, const std::string& default_format,
                        const std::string& uri_key = "name");
  // How many items to ask the server for: --limit, or 0 for all when the order or a filter of ours
  // decides which come first.
  size_t FetchLimit() const;
  size_t PageSize(size_t fallback = 100) const;

  // Asks on the terminal; `true` with --quiet or without one.
  bool Confirm(const std::string& question);
  bool Quiet() const;

 private:
  Result<FormatSpec> ChosenFormat(const std::string& default_format) const;

  const Group* root_;
  const CommandLine* line_;
  Settings* settings_;
  Console* console_;
  const Clock* clock_;
  std::string program_folder_;
  std::unique_ptr<Api> api_;
};

// `status` of a request that found no server, with what to do about it; others as they are.
Status ExplainUnreachable(const Status& status, const ServerAddress& server);

}  // namespace hodei::cli
