// What several storage handlers read from their command line.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/clock.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

constexpr std::pair<const char*, const char*> kMetadataFlags[] = {
    {"content-type", "contentType"},         {"content-encoding", "contentEncoding"},
    {"content-language", "contentLanguage"}, {"content-disposition", "contentDisposition"},
    {"cache-control", "cacheControl"},
};

// gsutil's -h "Name: value", before the command.
void AddHeader(const std::string& header, ObjectSettings* settings) {
  size_t colon = header.find(':');
  if (colon == header.npos) return;
  const std::string name = AsciiLower(header.substr(0, colon));
  std::string value = header.substr(header.find_first_not_of(' ', colon + 1) == header.npos
                                        ? header.size()
                                        : header.find_first_not_of(' ', colon + 1));
  for (const auto& [flag, field] : kMetadataFlags) {
    if (name == flag) settings->fields[field] = value;
  }
  for (std::string_view prefix : {"x-goog-meta-", "x-amz-meta-"}) {
    if (name.rfind(prefix, 0) == 0) settings->metadata[name.substr(prefix.size())] = value;
  }
  if (name == "x-goog-if-generation-match") settings->if_generation_match = value;
  if (name == "x-goog-if-metageneration-match") settings->if_metageneration_match = value;
}

std::string CamelCaseAcl(const std::string& acl) {
  std::string out;
  bool upper = false;
  for (char c : acl) {
    if (c == '-') {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

}  // namespace

bool InGsutilWords(const Context& context) {
  return !context.line().path.empty() && context.line().path.front() != "storage";
}

std::vector<std::string> PathsOf(Context& context) {
  std::vector<std::string> paths = context.line().positionals;
  if (!context.line().Switch("read-paths-from-stdin")) return paths;
  constexpr size_t kMostPaths = 10'000'000;
  std::string line;
  while (paths.size() < kMostPaths && std::getline(std::cin, line)) {
    if (!line.empty()) paths.push_back(line);
  }
  return paths;
}

TransferOptions TransferOptionsOf(Context& context) {
  constexpr size_t kThreads = 8;
  constexpr size_t kMostThreads = 64;
  TransferOptions options;
  auto property = context.settings().Property("storage/process_count");
  size_t wanted = property ? std::strtoul(property->c_str(), nullptr, 10) : kThreads;
  options.threads = std::clamp<size_t>(wanted, 1, kMostThreads);
  options.continue_on_error = context.line().Switch("continue-on-error") ||
                              (InGsutilWords(context) && context.line().Switch("multi"));
  return options;
}

std::string JournalFolder(Context& context) {
  return context.settings().ConfigFolder() + "/transfers";
}

Result<ObjectSettings> SettingsOf(const CommandLine& line) {
  ObjectSettings settings;
  for (const std::string& header : line.Values("header")) AddHeader(header, &settings);
  for (const auto& [flag, field] : kMetadataFlags) {
    if (line.Has(flag)) settings.fields[field] = line.Text(flag);
  }
  if (line.Has("storage-class")) {
    std::string name = line.Text("storage-class");
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    settings.fields["storageClass"] = name;
  }
  if (line.Has("custom-time")) {
    ASSIGN_OR_RETURN_CTX(WallTime time, ParseRfc3339(line.Text("custom-time")), "--custom-time");
    settings.fields["customTime"] = FormatRfc3339(time, 3);
  }
  for (const char* flag : {"custom-metadata", "update-custom-metadata"}) {
    for (const auto& [key, value] : line.Pairs(flag)) settings.metadata[key] = value;
  }
  settings.predefined_acl = CamelCaseAcl(line.Text("predefined-acl"));
  if (line.Has("if-generation-match"))
    settings.if_generation_match = line.Text("if-generation-match");
  if (line.Has("if-metageneration-match"))
    settings.if_metageneration_match = line.Text("if-metageneration-match");
  return settings;
}

Status RunTasks(Context& context, std::vector<TransferTask> tasks, const TransferOptions& options) {
  TransferProgress progress(&context.console(), &context.clock(), context.line().Switch("quiet"));
  if (InGsutilWords(context)) progress.UseGsutilWords();
  return RunTransfers(std::move(tasks), options, &progress);
}

Result<std::string> BucketOf(Context& context, const std::string& text) {
  ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(IsGsUrl(text) ? text : "gs://" + text));
  if (url.object.empty()) return url.bucket;
  std::string words = "hodei";
  for (const std::string& word : context.line().path) words += " " + word;
  return InvalidArgument(fmt::format(
      "\"{}\" only accepts bucket URLs.\nExample: \"gs://bucket\"\nReceived: \"{}\"", words, text));
}

Result<std::vector<std::string>> BucketsOf(Context& context, Api& api,
                                           const std::vector<std::string>& texts) {
  std::vector<std::string> buckets;
  for (const std::string& text : texts) {
    if (!HasWildcard(text)) {
      ASSIGN_OR_RETURN(std::string bucket, BucketOf(context, text));
      buckets.push_back(std::move(bucket));
      continue;
    }
    ASSIGN_OR_RETURN(std::string project, context.settings().Project());
    std::string pattern = IsGsUrl(text) ? text.substr(5) : text;
    if (!pattern.empty() && pattern.back() == '/') pattern.pop_back();
    ASSIGN_OR_RETURN(std::vector<std::string> found, ListBucketNames(api, project, pattern));
    if (found.empty()) return MatchedNothing(text);
    buckets.insert(buckets.end(), found.begin(), found.end());
  }
  return buckets;
}

Result<Json> GetBucket(Api& api, const std::string& bucket, const Query& query) {
  Result<Json> found = api.Get(BucketPath(bucket), query);
  if (!found.ok() && found.status().code() == Code::kNotFound) {
    return NotFound(fmt::format("gs://{} not found: 404.", bucket));
  }
  return found;
}

}  // namespace hodei::cli
