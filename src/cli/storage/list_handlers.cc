// ls and du.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/storage/storage_client.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

// Short for the columns of -l: "1.50KiB".
std::string TightBytes(uint64_t bytes) {
  std::string text = ByteText(static_cast<double>(bytes));
  if (bytes < 1024) return fmt::format("{}.00B", bytes);
  std::erase(text, ' ');
  return text;
}

std::string SecondsOnly(const std::string& time) {
  size_t dot = time.find('.');
  return dot == time.npos ? time : time.substr(0, dot) + "Z";
}

struct Totals {
  size_t objects = 0;
  uint64_t bytes = 0;
};

class Lister {
 public:
  Lister(Context& context, Api& api)
      : context_(context),
        api_(api),
        long_form_(context.line().Switch("long")),
        recursive_(context.line().Switch("recursive")) {}

  Status Run() {
    const auto& urls = context_.line().positionals;
    if (urls.empty() || (urls.size() == 1 && urls[0] == "gs://")) {
      RETURN_IF_ERROR(Buckets());
    } else {
      for (const std::string& text : urls) {
        ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
        RETURN_IF_ERROR(One(url));
      }
      if (!any_) return NotFound("One or more URLs matched no objects.");
    }
    if (long_form_ && any_) {
      Print(fmt::format("TOTAL: {} objects, {} bytes ({})\n", totals_.objects, totals_.bytes,
                        TightBytes(totals_.bytes)));
    }
    return OkStatus();
  }

 private:
  void Print(const std::string& text) { context_.console().Out(text); }

  Status Buckets() {
    ASSIGN_OR_RETURN(std::string project, context_.settings().Project());
    std::string token;
    do {
      Query query = {{"project", project}};
      if (!token.empty()) query.emplace_back("pageToken", token);
      ASSIGN_OR_RETURN(Json page, api_.Get("/storage/v1/b", query));
      if (const Json* items = Member(page, "items"); items != nullptr) {
        for (const Json& bucket : *items) Print("gs://" + MemberText(bucket, "name") + "/\n");
      }
      token = MemberText(page, "nextPageToken");
    } while (!token.empty());
    return OkStatus();
  }

  Status One(const GsUrl& url) {
    if (context_.line().Switch("buckets")) {
      any_ = true;
      Print("gs://" + url.bucket + "/\n");
      return api_.Get(BucketPath(url.bucket)).status();
    }
    if (HasWildcard(url.object)) return Wildcard(url);
    if (!url.object.empty() && url.object.back() != '/') {
      Result<ObjectEntry> entry = StatObject(api_, url);
      if (entry.ok()) {
        Object(*entry);
        return OkStatus();
      }
      if (entry.status().code() != Code::kNotFound) return entry.status();
    }
    std::string prefix = url.object;
    if (!prefix.empty() && prefix.back() != '/') prefix += '/';
    Result<Listing> listing = ListObjects(api_, url.bucket, prefix, !recursive_);
    if (!listing.ok() && listing.status().code() == Code::kNotFound) {
      return NotFound(fmt::format("gs://{} not found: 404.", url.bucket));
    }
    RETURN_IF_ERROR(listing.status());
    if (recursive_) {
      Tree(url.bucket, prefix, listing->objects);
    } else {
      for (const ObjectEntry& entry : listing->objects) Object(entry);
      for (const std::string& folder : listing->prefixes) Folder(url.bucket, folder);
    }
    any_ = any_ || url.object.empty();
    return OkStatus();
  }

  Status Wildcard(const GsUrl& url) {
    ASSIGN_OR_RETURN(Listing listing,
                     ListObjects(api_, url.bucket, std::string(FixedPrefix(url.object)), false));
    std::map<std::string, std::vector<ObjectEntry>> folders;
    for (const ObjectEntry& entry : listing.objects) {
      if (GlobMatches(url.object, entry.name)) Object(entry);
      if (url.object.find("**") != std::string::npos) continue;  // names objects at any depth
      for (size_t slash = entry.name.find('/'); slash != entry.name.npos;
           slash = entry.name.find('/', slash + 1)) {
        if (!GlobMatches(url.object, entry.name.substr(0, slash))) continue;
        folders[entry.name.substr(0, slash + 1)].push_back(entry);
        break;
      }
    }
    for (const auto& [folder, entries] : folders) {
      if (recursive_) {
        Tree(url.bucket, folder, entries);
        continue;
      }
      Heading(url.bucket, folder);
      Level(url.bucket, folder, entries);
    }
    return OkStatus();
  }

  void Object(const ObjectEntry& entry) {
    any_ = true;
    ++totals_.objects;
    totals_.bytes += entry.size;
    std::string url = "gs://" + entry.bucket + "/" + entry.name;
    if (long_form_) {
      Print(fmt::format("{:>10}  {}  {}\n", entry.size, SecondsOnly(entry.updated), url));
    } else {
      Print(url + "\n");
    }
  }

  void Folder(const std::string& bucket, const std::string& folder) {
    any_ = true;
    Print((long_form_ ? std::string(34, ' ') : "") + "gs://" + bucket + "/" + folder + "\n");
  }

  void Heading(const std::string& bucket, const std::string& folder) {
    Print((heading_ ? "\n" : "") + ("gs://" + bucket + "/" + folder) + ":\n");
    heading_ = true;
  }

  void Level(const std::string& bucket, const std::string& folder,
             const std::vector<ObjectEntry>& entries) {
    std::string last;
    for (const ObjectEntry& entry : entries) {
      size_t slash = entry.name.find('/', folder.size());
      if (slash == entry.name.npos) {
        Object(entry);
      } else if (std::string inner = entry.name.substr(0, slash + 1); inner != last) {
        Folder(bucket, inner);
        last = inner;
      }
    }
  }

  // A heading for each folder, its objects, then the folders inside it.
  void Tree(const std::string& bucket, const std::string& root,
            const std::vector<ObjectEntry>& entries) {
    std::map<std::string, std::vector<const ObjectEntry*>> folders;
    for (const ObjectEntry& entry : entries) {
      for (size_t slash = entry.name.find('/', root.size()); slash != entry.name.npos;
           slash = entry.name.find('/', slash + 1)) {
        folders[entry.name.substr(0, slash + 1)];
      }
      size_t last = entry.name.rfind('/');
      std::string folder = last == entry.name.npos ? "" : entry.name.substr(0, last + 1);
      folders[folder.size() < root.size() ? root : folder].push_back(&entry);
    }
    if (folders.empty()) return;
    folders[root];
    for (const auto& [folder, inside] : folders) {
      Heading(bucket, folder);
      for (const ObjectEntry* entry : inside) Object(*entry);
    }
  }

  Context& context_;
  Api& api_;
  const bool long_form_;
  const bool recursive_;
  bool any_ = false;
  bool heading_ = false;
  Totals totals_;
};

class Measurer {
 public:
  explicit Measurer(Context& context)
      : context_(context),
        summary_(context.line().Switch("summarize")),
        readable_(context.line().Switch("readable-sizes")) {}

  void Show(const std::string& url, const std::string& prefix,
            const std::vector<ObjectEntry>& objects) {
    std::map<std::string, uint64_t> folders;
    uint64_t total = 0;
    for (const ObjectEntry& entry : objects) {
      total += entry.size;
      if (summary_) continue;
      Row(entry.size, "gs://" + entry.bucket + "/" + entry.name);
      for (size_t slash = entry.name.find('/', prefix.size()); slash != entry.name.npos;
           slash = entry.name.find('/', slash + 1)) {
        folders["gs://" + entry.bucket + "/" + entry.name.substr(0, slash + 1)] += entry.size;
      }
    }
    for (const auto& [folder, bytes] : folders) Row(bytes, folder);
    Row(total, url);
  }

 private:
  void Row(uint64_t bytes, const std::string& url) {
    std::string size = readable_ ? TightBytes(bytes) : std::to_string(bytes);
    context_.console().Out(fmt::format("{:<13}{}\n", size, url));
  }

  Context& context_;
  const bool summary_;
  const bool readable_;
};

Result<std::vector<std::string>> AllBuckets(Context& context, Api& api) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(Json page,
                   api.Get("/storage/v1/b", {{"project", project}, {"maxResults", "1000"}}));
  std::vector<std::string> urls;
  if (const Json* items = Member(page, "items"); items != nullptr) {
    for (const Json& bucket : *items) urls.push_back("gs://" + MemberText(bucket, "name"));
  }
  return urls;
}

}  // namespace

Result<int> ListUrls(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  RETURN_IF_ERROR(Lister(context, *api).Run());
  return 0;
}

Result<int> DiskUsage(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  std::vector<std::string> urls = context.line().positionals;
  if (urls.empty()) {
    ASSIGN_OR_RETURN(urls, AllBuckets(context, *api));
  }
  Measurer measurer(context);
  for (const std::string& text : urls) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    std::vector<ObjectEntry> objects;
    std::string prefix = url.object;
    if (HasWildcard(prefix)) {
      ASSIGN_OR_RETURN(objects, ExpandUrl(*api, url));
    } else {
      if (!prefix.empty() && prefix.back() != '/') prefix += '/';
      ASSIGN_OR_RETURN(Listing listing, ListObjects(*api, url.bucket, prefix, false));
      objects = std::move(listing.objects);
      if (objects.empty() && !url.object.empty()) {
        ASSIGN_OR_RETURN(objects, ExpandUrl(*api, url));
      }
    }
    if (objects.empty() && !url.object.empty())
      return NotFound("One or more URLs matched no objects.");
    measurer.Show(text, prefix, objects);
  }
  return 0;
}

}  // namespace hodei::cli
