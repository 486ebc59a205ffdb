// du.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/storage/storage_handlers.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

class Measurer {
 public:
  explicit Measurer(Context& context)
      : context_(context),
        gsutil_(InGsutilWords(context)),
        summary_(context.line().Switch("summarize")),
        readable_(context.line().Switch("readable-sizes")),
        versions_(context.line().Switch("all-versions")),
        ending_(context.line().Switch("zero-terminator") ? std::string(1, '\0') : "\n") {}

  Status AddExclusions() {
    std::vector<std::string> patterns = context_.line().Values("exclude-name-pattern");
    if (context_.line().Has("exclude-name-pattern-file")) {
      ASSIGN_OR_RETURN(std::string text,
                       ReadFile(context_.line().Text("exclude-name-pattern-file"), 1 << 20));
      for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find('\n', at), text.size());
        if (end > at) patterns.push_back(text.substr(at, end - at));
        at = end + 1;
      }
    }
    excluded_ = std::move(patterns);
    return OkStatus();
  }

  bool versions() const { return versions_; }

  bool Excluded(const std::string& name) const {
    for (const std::string& pattern : excluded_) {
      if (GlobMatches(pattern, name)) return true;
    }
    return false;
  }

  // Objects of each folder, then the folders in it, then its own sum.
  void Show(const GsUrl& url, const std::string& prefix, const std::vector<ObjectEntry>& objects) {
    uint64_t sum = 0;
    for (const ObjectEntry& entry : objects) sum += entry.size;
    total_ += sum;
    if (summary_) {
      std::string shown = url.object.empty() ? "gs://" + url.bucket : url.Text();
      return Print(sum, shown);
    }
    Folder(url.bucket, prefix, objects, 0, objects.size());
    bool folder = !prefix.empty() && prefix.back() == '/';
    if (folder) Print(sum, "gs://" + url.bucket + "/" + prefix);
  }

  void Total() { Print(total_, "total"); }

 private:
  void Folder(const std::string& bucket, const std::string& prefix,
              const std::vector<ObjectEntry>& objects, size_t begin, size_t end) {
    std::map<std::string, std::pair<size_t, size_t>> inner;
    for (size_t i = begin; i < end; ++i) {
      size_t slash = objects[i].name.find('/', prefix.size());
      if (slash == std::string::npos) {
        Print(objects[i].size, versions_ ? objects[i].VersionText() : objects[i].url().Text());
        continue;
      }
      auto [range, fresh] = inner.try_emplace(objects[i].name.substr(0, slash + 1), i, i + 1);
      range->second.second = i + 1;  // a listing is sorted: what a folder holds stands together
    }
    for (const auto& [folder, range] : inner) {
      Folder(bucket, folder, objects, range.first, range.second);
      uint64_t sum = 0;
      for (size_t i = range.first; i < range.second; ++i) sum += objects[i].size;
      Print(sum, "gs://" + bucket + "/" + folder);
    }
  }

  void Print(uint64_t bytes, const std::string& name) {
    std::string size = !readable_ ? std::to_string(bytes)
                       : gsutil_  ? ShortByteText(bytes)
                                  : TightByteText(bytes);
    std::string row =
        gsutil_ ? fmt::format("{:<11}  {}", size, name) : fmt::format("{:<13}{}", size, name);
    // The console takes NUL out of text; the whole row is ours or a name it would clean anyway.
    if (ending_ == "\n") return context_.console().Out(row + ending_);
    context_.console().OutBytes(row + ending_);
  }

  Context& context_;
  const bool gsutil_;
  const bool summary_;
  const bool readable_;
  const bool versions_;
  const std::string ending_;
  std::vector<std::string> excluded_;
  uint64_t total_ = 0;
};

}  // namespace

Result<int> DiskUsage(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  std::vector<std::string> urls = context.line().positionals;
  if (urls.empty() || (urls.size() == 1 && urls[0] == "gs://")) {
    ASSIGN_OR_RETURN(std::string project, context.settings().Project());
    ASSIGN_OR_RETURN(urls, ListBucketNames(*api, project));
    for (std::string& url : urls) url = "gs://" + url;
  }
  Measurer measurer(context);
  RETURN_IF_ERROR(measurer.AddExclusions());
  for (const std::string& text : urls) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    ASSIGN_OR_RETURN(std::vector<ObjectEntry> objects, ExpandTree(*api, url, measurer.versions()));
    if (objects.empty() && !url.object.empty())
      return NotFound("One or more URLs matched no objects.");
    std::string prefix = url.object;
    if (HasWildcard(prefix)) {
      size_t slash = FixedPrefix(prefix).rfind('/');
      prefix = slash == std::string::npos ? "" : prefix.substr(0, slash + 1);
    } else if (!prefix.empty() && prefix.back() != '/' &&
               !(objects.size() == 1 && objects[0].name == prefix)) {
      prefix += '/';
    }
    std::erase_if(objects, [&](const ObjectEntry& entry) { return measurer.Excluded(entry.name); });
    measurer.Show(url, prefix, objects);
  }
  if (context.line().Switch("total")) measurer.Total();
  return 0;
}

}  // namespace hodei::cli
