// ls.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/storage/resource_display.h"
#include "cli/storage/storage_client.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

enum class Detail { kShort, kLong, kFull, kJson };

// An object as it will be printed, made when its page of the listing arrives: a big bucket is then
// held as names and rows, not as parsed resources.
struct Row {
  std::string name;
  std::string text;
  uint64_t size = 0;
};

class Lister {
 public:
  Lister(Context& context, Api& api)
      : context_(context), api_(api), gsutil_(InGsutilWords(context)) {
    const CommandLine& line = context.line();
    recursive_ = line.Switch("recursive");
    versions_ = line.Switch("all-versions");
    soft_deleted_ = line.Switch("soft-deleted");
    etag_ = line.Switch("etag");
    readable_ = line.Switch("readable-sizes");
    buckets_only_ = line.Switch("buckets");
    if (line.Switch("long")) detail_ = Detail::kLong;
    if (line.Switch("full")) detail_ = Detail::kFull;
    if (line.Switch("json")) detail_ = Detail::kJson;
  }

  Status Run() {
    std::vector<std::string> urls = context_.line().positionals;
    if (urls.empty()) urls = {"gs://"};
    for (const std::string& text : urls) {
      any_ = false;
      RETURN_IF_ERROR(One(text));
      if (!any_) return NotFound("One or more URLs matched no objects.");
      Total(text);
    }
    if (detail_ == Detail::kJson) {
      context_.console().Out(JsonText(json_, 2) + "\n");
    }
    return OkStatus();
  }

 private:
  void Print(const std::string& text) { context_.console().Out(text); }

  void Total(const std::string& text) {
    bool buckets = text == "gs://" || (buckets_only_ && text.find('/', 5) == text.npos);
    bool totals = detail_ == Detail::kLong || detail_ == Detail::kFull;
    if (totals && !buckets) {
      Print(fmt::format("TOTAL: {} objects, {} bytes ({})\n", objects_, bytes_,
                        gsutil_ ? ShortByteText(bytes_) : TightByteText(bytes_)));
    }
    objects_ = bytes_ = 0;
    heading_ = false;
  }

  Status One(const std::string& text) {
    std::string bucket = IsGsUrl(text) ? text.substr(5, text.find('/', 5) - 5) : "";
    bool pattern = text == "gs://" || HasWildcard(bucket);
    if (!pattern) {
      ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
      if (url.object.empty() && buckets_only_) return Buckets({url.bucket});
      return Inside(url, false);
    }
    ASSIGN_OR_RETURN(std::string project, context_.settings().Project());
    ASSIGN_OR_RETURN(std::vector<std::string> names, ListBucketNames(api_, project, bucket));
    if (text == "gs://" || buckets_only_) {
      any_ = any_ || text == "gs://";
      return Buckets(names);
    }
    for (const std::string& name : names) {
      std::string rest = text.substr(5 + bucket.size());
      ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl("gs://" + name + rest));
      RETURN_IF_ERROR(Inside(url, names.size() > 1 && url.object.empty()));
    }
    return OkStatus();
  }

  Status Buckets(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      any_ = true;
      bool whole = detail_ == Detail::kFull || detail_ == Detail::kJson;
      if (!whole && !buckets_only_) {
        Print("gs://" + name + "/\n");
        continue;
      }
      ASSIGN_OR_RETURN(Json bucket, GetBucket(api_, name, {{"projection", "full"}}));
      if (detail_ == Detail::kJson) {
        json_.push_back(
            {{"metadata", bucket}, {"type", "cloud_bucket"}, {"url", "gs://" + name + "/"}});
      } else {
        Print(detail_ == Detail::kFull ? LongBucket(bucket, gsutil_) : "gs://" + name + "/\n");
      }
    }
    return OkStatus();
  }

  Status Inside(const GsUrl& url, bool with_heading) {
    if (HasWildcard(url.object)) return Wildcard(url);
    if (!url.object.empty() && url.object.back() != '/') {
      ASSIGN_OR_RETURN(std::vector<Row> same, Named(url));
      for (const Row& row : same) PrintRow(row);
      if (!same.empty()) return OkStatus();
    }
    std::string prefix = url.object;
    if (!prefix.empty() && prefix.back() != '/') prefix += '/';
    if (recursive_) {
      ASSIGN_OR_RETURN(std::vector<Row> rows, Rows(url.bucket, prefix, nullptr));
      any_ = any_ || !rows.empty() || prefix.empty();
      Tree(url.bucket, prefix, rows);
      return OkStatus();
    }
    if (with_heading) Heading(url.bucket, prefix);
    return Level(url.bucket, prefix);
  }

  // Objects directly in the folder, then the folders in it.
  Status Level(const std::string& bucket, const std::string& prefix) {
    std::vector<std::string> folders;
    ASSIGN_OR_RETURN(std::vector<Row> rows, Rows(bucket, prefix, &folders));
    for (const Row& row : rows) PrintRow(row);
    for (const std::string& folder : folders) Folder(bucket, folder);
    any_ = any_ || prefix.empty();
    return OkStatus();
  }

  // Every version of one name, or the one asked for.
  Result<std::vector<Row>> Named(const GsUrl& url) {
    if (versions_ || soft_deleted_) {
      ASSIGN_OR_RETURN(std::vector<Row> rows, Rows(url.bucket, url.object, nullptr));
      std::erase_if(rows, [&](const Row& row) { return row.name != url.object; });
      return rows;
    }
    Query query = {{"projection", "full"}};
    if (!url.generation.empty()) query.emplace_back("generation", url.generation);
    Result<Json> object = api_.Get(ObjectPath(url), query);
    if (object.ok()) return std::vector<Row>{MakeRow(url.bucket, *object)};
    if (object.status().code() == Code::kNotFound) return std::vector<Row>{};
    return object.status();
  }

  Result<std::vector<Row>> Rows(const std::string& bucket, const std::string& prefix,
                                std::vector<std::string>* folders) {
    ListRequest request{.bucket = bucket,
                        .prefix = prefix,
                        .folders = folders != nullptr,
                        .versions = versions_,
                        .soft_deleted = soft_deleted_,
                        .every_field = detail_ == Detail::kFull || detail_ == Detail::kJson};
    std::vector<Row> rows;
    Result<std::vector<std::string>> prefixes = ForEachObject(api_, request, [&](const Json& item) {
      rows.push_back(MakeRow(bucket, item));
      return OkStatus();
    });
    if (!prefixes.ok() && prefixes.status().code() == Code::kNotFound) {
      return NotFound(fmt::format("gs://{} not found: 404.", bucket));
    }
    RETURN_IF_ERROR(prefixes.status());
    if (folders != nullptr) *folders = std::move(*prefixes);
    return rows;
  }

  Row MakeRow(const std::string& bucket, const Json& item) {
    ObjectEntry entry = ParseObject(item);
    entry.bucket = bucket;
    Row row{entry.name, "", entry.size};
    bool numbered = versions_ || soft_deleted_;
    std::string url = numbered ? entry.VersionText() : entry.url().Text();
    if (detail_ == Detail::kShort) {
      row.text = url + "\n";
    } else if (detail_ == Detail::kFull) {
      row.text = LongObject(item, url, gsutil_, true);
    } else if (detail_ == Detail::kJson) {
      row.text =
          JsonText({{"metadata", item}, {"type", "cloud_object"}, {"url", entry.VersionText()}});
    } else {
      std::string size = !readable_ ? std::to_string(entry.size)
                         : gsutil_  ? ShortByteText(entry.size)
                                    : TightByteText(entry.size);
      row.text = fmt::format("{:>10}  {:>20}  {}{}{}\n", size, SecondsOnly(entry.created), url,
                             numbered ? "  metageneration=" + entry.metageneration : "",
                             etag_ ? "  etag=" + entry.etag : "");
    }
    return row;
  }

  void PrintRow(const Row& row) {
    any_ = true;
    ++objects_;
    bytes_ += row.size;
    if (detail_ != Detail::kJson) return Print(row.text);
    Result<Json> item = ParseJsonText(row.text);
    if (item.ok()) json_.push_back(std::move(*item));
  }

  void Folder(const std::string& bucket, const std::string& folder) {
    any_ = true;
    std::string url = "gs://" + bucket + "/" + folder;
    if (detail_ == Detail::kJson) {
      json_.push_back({{"type", "prefix"}, {"url", url}});
      return;
    }
    std::string margin = detail_ != Detail::kLong ? "" : std::string(gsutil_ ? 33 : 34, ' ');
    Print(margin + url + "\n");
  }

  void Heading(const std::string& bucket, const std::string& folder) {
    if (detail_ == Detail::kJson) return;
    // gsutil has no heading for the bucket itself.
    if (gsutil_ && folder.empty()) return;
    Print((heading_ ? "\n" : "") + ("gs://" + bucket + "/" + folder) + ":\n");
    heading_ = true;
  }

  Status Wildcard(const GsUrl& url) {
    // A pattern for one level needs only that level's listing.
    std::string fixed(FixedPrefix(url.object));
    bool deep = url.object.find("**") != std::string::npos;
    bool one_level = !deep && url.object.find('/', fixed.size()) == std::string::npos;
    std::vector<std::string> folders;
    ASSIGN_OR_RETURN(std::vector<Row> rows,
                     Rows(url.bucket, fixed, one_level ? &folders : nullptr));
    std::map<std::string, bool> matched;
    for (const std::string& folder : folders) {
      if (MatchedFolderEnd(url.object, folder) != std::string::npos) matched[folder] = true;
    }
    size_t printed = 0;
    for (const Row& row : rows) {
      if (GlobMatches(url.object, row.name)) {
        PrintRow(row);
        ++printed;
      } else if (!deep && !one_level) {
        size_t end = MatchedFolderEnd(url.object, row.name);
        if (end != std::string::npos) matched[row.name.substr(0, end)] = true;
      }
    }
    bool alone = printed == 0 && matched.size() == 1 && !recursive_;
    for (const auto& [folder, unused] : matched) {
      if (recursive_) {
        ASSIGN_OR_RETURN(std::vector<Row> below, Rows(url.bucket, folder, nullptr));
        Tree(url.bucket, folder, below);
        continue;
      }
      if (!alone) {
        heading_ = heading_ || printed > 0;
        Heading(url.bucket, folder);
      }
      RETURN_IF_ERROR(Level(url.bucket, folder));
    }
    return OkStatus();
  }

  // A heading for each folder, its objects, then the folders inside it.
  void Tree(const std::string& bucket, const std::string& root, const std::vector<Row>& rows) {
    std::map<std::string, std::vector<const Row*>> folders;
    for (const Row& row : rows) {
      for (size_t slash = row.name.find('/', root.size()); slash != row.name.npos;
           slash = row.name.find('/', slash + 1)) {
        folders[row.name.substr(0, slash + 1)];
      }
      size_t last = row.name.rfind('/');
      std::string folder = last == row.name.npos ? "" : row.name.substr(0, last + 1);
      folders[folder.size() < root.size() ? root : folder].push_back(&row);
    }
    if (folders.empty()) return;
    folders[root];
    for (const auto& [folder, inside] : folders) {
      Heading(bucket, folder);
      for (const Row* row : inside) PrintRow(*row);
    }
  }

  Context& context_;
  Api& api_;
  const bool gsutil_;
  Detail detail_ = Detail::kShort;
  bool recursive_ = false;
  bool versions_ = false;
  bool soft_deleted_ = false;
  bool etag_ = false;
  bool readable_ = false;
  bool buckets_only_ = false;
  bool any_ = false;
  bool heading_ = false;
  size_t objects_ = 0;
  uint64_t bytes_ = 0;
  Json json_ = Json::array();
};

}  // namespace

Result<int> ListUrls(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  RETURN_IF_ERROR(Lister(context, *api).Run());
  return 0;
}

}  // namespace hodei::cli
