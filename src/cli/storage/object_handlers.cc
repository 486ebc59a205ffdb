// cat, rm, hash, restore.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/encoding.h"
#include "cli/storage/copy_plan.h"
#include "cli/storage/local_file.h"
#include "cli/storage/storage_handlers.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

Result<std::vector<ObjectEntry>> ExpandAll(Api& api, const std::vector<std::string>& texts) {
  std::vector<ObjectEntry> all;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    if (url.object.empty())
      return InvalidArgument(fmt::format("[{}] names a bucket, not an object.", text));
    ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandUrl(api, url));
    if (entries.empty()) return MatchedNothing(text);
    all.insert(all.end(), entries.begin(), entries.end());
  }
  return all;
}

// "5-9", "5-" and "-5" (the last five bytes) of an object of `size` bytes; nothing when the range
// holds none.
struct ByteRange {
  uint64_t first = 0;
  uint64_t last = 0;
  bool empty = false;
};

Result<ByteRange> ParseRange(const std::string& text, uint64_t size) {
  auto refuse = [&] {
    return InvalidArgument(
        fmt::format("Invalid range [{}]: use start-end, start- or -numbytes.", text));
  };
  size_t dash = text.find('-');
  if (dash == text.npos || text.size() == 1) return refuse();
  auto number = [](std::string_view digits, uint64_t* out) {
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), *out);
    return code == std::errc() && end == digits.data() + digits.size();
  };
  uint64_t first = 0, last = size == 0 ? 0 : size - 1;
  std::string_view before(text.data(), dash), after(text.data() + dash + 1, text.size() - dash - 1);
  if (before.empty()) {
    uint64_t count = 0;
    if (!number(after, &count)) return refuse();
    return ByteRange{size > count ? size - count : 0, last, size == 0 || count == 0};
  }
  if (!number(before, &first)) return refuse();
  uint64_t wanted = last;
  if (!after.empty() && !number(after, &wanted)) return refuse();
  if (wanted < first && !after.empty()) return refuse();
  return ByteRange{first, std::min(last, wanted), size == 0 || first >= size};
}

// The versions to delete under one URL.
Result<std::vector<ObjectEntry>> Doomed(Api& api, const std::string& text, bool recursive,
                                        bool all_versions) {
  ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
  if (url.object.empty() && !recursive) {
    return InvalidArgument(
        fmt::format("Expected object URL. Received: {}\nTo delete a bucket with "
                    "all it holds, add -r.",
                    text));
  }
  bool versions = all_versions || url.object.empty();
  std::vector<ObjectEntry> found;
  if (recursive) {
    ASSIGN_OR_RETURN(found, ExpandTree(api, url, versions));
  } else {
    ASSIGN_OR_RETURN(found, ExpandUrl(api, url, versions));
  }
  for (ObjectEntry& entry : found) {
    if (!versions && url.generation.empty()) entry.generation.clear();  // the live one
  }
  if (found.empty() && !url.object.empty()) return MatchedNothing(text);
  return found;
}

Status RemoveEmptied(Context& context, Api& api, const std::string& bucket) {
  if (!context.line().Switch("quiet"))
    context.console().Err(fmt::format("Removing gs://{}/...\n", bucket));
  return api.Call("DELETE", BucketPath(bucket)).status();
}

struct FileHashes {
  std::string crc32c;
  std::string md5;
};

Result<FileHashes> HashFile(const std::string& path) {
  ASSIGN_OR_RETURN(LocalFile file, LocalFile::Open(path));
  uint32_t crc = 0;
  DigestStream md5(DigestStream::Kind::kMd5);
  for (uint64_t at = 0;;) {
    ASSIGN_OR_RETURN(std::string piece, file.ReadAt(at, kPieceBytes));
    if (piece.empty()) break;
    crc = Crc32c(crc, piece);
    md5.Update(piece);
    at += piece.size();
  }
  return FileHashes{Crc32cText(crc), Base64Encode(md5.Final())};
}

void PrintHashes(Context& context, const std::string& url, FileHashes hashes, Json* list) {
  const CommandLine& line = context.line();
  bool hex = line.Switch("hex");
  auto shown = [&](const std::string& base64) {
    return hex ? HexEncode(Base64Decode(base64).value_or("")) : base64;
  };
  // gsutil names the hashes it wants (-c, -m), gcloud those it does not.
  bool crc = !line.Switch("skip-crc32c") && (!line.Switch("md5") || line.Switch("crc32c"));
  bool md5 = !line.Switch("skip-md5") && (!line.Switch("crc32c") || line.Switch("md5"));
  if (InGsutilWords(context)) {
    // gsutil names an object without its bucket, and orders its hashes differently.
    bool object = IsGsUrl(url);
    std::string name = object ? url.substr(url.find('/', 5) + 1) : url;
    std::string text = fmt::format("Hashes [{}] for {}:\n", hex ? "hex" : "base64", name);
    std::string crc_row = crc ? fmt::format("\tHash (crc32c):\t\t{}\n", shown(hashes.crc32c)) : "";
    bool has_md5 = md5 && !hashes.md5.empty();
    std::string md5_row = has_md5 ? fmt::format("\tHash (md5):\t\t{}\n", shown(hashes.md5)) : "";
    context.console().Out(text + (object ? md5_row + crc_row : crc_row + md5_row));
    return;
  }
  Json row = {{"digest_format", hex ? "hex" : "base64"}, {"url", url}};
  if (crc) row["crc32c_hash"] = shown(hashes.crc32c);
  if (md5 && !hashes.md5.empty()) row["md5_hash"] = shown(hashes.md5);
  list->push_back(std::move(row));
}

}  // namespace

Status PrintObjects(Context& context, Api& api, const std::vector<std::string>& urls) {
  ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandAll(api, urls));
  auto print = [&](std::string_view piece) {
    context.console().OutBytes(piece);
    return OkStatus();
  };
  for (const ObjectEntry& entry : entries) {
    if (context.line().Switch("display-url")) {
      // Beside the content, as both of Google's tools have it.
      context.console().Err(fmt::format("==> {} <==\n", entry.url().Text()));
    }
    if (!context.line().Has("range")) {
      RETURN_IF_ERROR(DownloadTo(api, entry, print));
      continue;
    }
    ASSIGN_OR_RETURN(ByteRange range, ParseRange(context.line().Text("range"), entry.size));
    if (!range.empty) RETURN_IF_ERROR(DownloadRange(api, entry, range.first, range.last, print));
  }
  return OkStatus();
}

Result<int> Concatenate(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  RETURN_IF_ERROR(PrintObjects(context, *api, context.line().positionals));
  return 0;
}

Result<int> Remove(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  const CommandLine& line = context.line();
  bool recursive = line.Switch("recursive");
  // gsutil deletes every generation with -r.
  bool all_versions = line.Switch("all-versions") || (recursive && InGsutilWords(context));
  bool force = line.Switch("force");
  std::vector<TransferTask> tasks;
  std::vector<std::string> buckets;
  Status missed;
  for (const std::string& text : PathsOf(context)) {
    Result<std::vector<ObjectEntry>> found = Doomed(*api, text, recursive, all_versions);
    if (!found.ok() && force && found.status().code() == Code::kNotFound) {
      missed = found.status();
      continue;
    }
    RETURN_IF_ERROR(found.status());
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    if (url.object.empty()) buckets.push_back(url.bucket);
    for (const ObjectEntry& entry : *found) {
      std::string shown = entry.generation.empty() ? entry.url().Text() : entry.VersionText();
      tasks.push_back({"Removing " + shown + "...", 0, [api, entry](const TransferReport&) {
                         return DeleteObject(*api, entry.url(), entry.generation);
                       }});
    }
  }
  TransferOptions options = TransferOptionsOf(context);
  options.continue_on_error |= force;
  if (!tasks.empty()) RETURN_IF_ERROR(RunTasks(context, std::move(tasks), options));
  for (const std::string& bucket : buckets) RETURN_IF_ERROR(RemoveEmptied(context, *api, bucket));
  return missed.ok() ? 0 : 1;
}

Result<int> HashUrls(Context& context) {
  Json list = Json::array();
  bool any = false;
  for (const std::string& text : context.line().positionals) {
    std::vector<std::string> paths;
    std::vector<ObjectEntry> entries;
    if (IsGsUrl(text)) {
      ASSIGN_OR_RETURN(Api * api, context.ServerApi());
      ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
      if (url.object.empty()) url.object = "*";
      ASSIGN_OR_RETURN(entries, ExpandUrl(*api, url));
    } else {
      ASSIGN_OR_RETURN(paths, ExpandLocal(text));
      std::erase_if(paths, [](const std::string& path) { return !LocalFile::Open(path).ok(); });
    }
    if (entries.empty() && paths.empty()) {
      context.console().Err(fmt::format("WARNING: No matches found for {}\n", text));
      continue;
    }
    any = true;
    for (const ObjectEntry& entry : entries) {
      PrintHashes(context, entry.url().Text(), {entry.crc32c, entry.md5}, &list);
    }
    for (const std::string& path : paths) {
      ASSIGN_OR_RETURN(FileHashes hashes, HashFile(path));
      PrintHashes(context, path, std::move(hashes), &list);
    }
  }
  if (!any) return NotFound("No URLS matched.");
  if (InGsutilWords(context)) return 0;
  // One document a file, as gcloud prints what its command yields.
  return context.PrintList(list, "yaml", "url");
}

Result<int> RestoreObjects(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(ObjectSettings settings, SettingsOf(context.line()));
  std::vector<TransferTask> tasks;
  for (const std::string& text : PathsOf(context)) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    std::map<std::string, ObjectEntry> newest;
    std::vector<ObjectEntry> chosen;
    ListRequest request{
        .bucket = url.bucket, .prefix = std::string(FixedPrefix(url.object)), .soft_deleted = true};
    ASSIGN_OR_RETURN(Listing listing, ListObjects(*api, request));
    for (ObjectEntry& entry : listing.objects) {
      bool named =
          HasWildcard(url.object) ? GlobMatches(url.object, entry.name) : entry.name == url.object;
      if (!named || (!url.generation.empty() && entry.generation != url.generation)) continue;
      if (context.line().Switch("all-versions")) {
        chosen.push_back(entry);
      } else {
        newest[entry.name] = entry;  // generations ascend within a name
      }
    }
    for (auto& [name, entry] : newest) chosen.push_back(std::move(entry));
    if (chosen.empty()) return MatchedNothing(text);
    for (const ObjectEntry& entry : chosen) {
      tasks.push_back(
          {"Restoring " + entry.VersionText() + "...", 0,
           [api, entry, settings](const TransferReport&) {
             Query query = settings.Parameters();
             query.emplace_back("generation", entry.generation);
             return api->Post(ObjectPath(entry.url()) + "/restore", Json::object(), query).status();
           }});
    }
  }
  TransferOptions options = TransferOptionsOf(context);
  if (context.line().Switch("all-versions")) options.threads = 1;  // keeps their order
  RETURN_IF_ERROR(RunTasks(context, std::move(tasks), options));
  return 0;
}

}  // namespace hodei::cli
