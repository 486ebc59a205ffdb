// Listing: one range of the index, with everything behind a delimiter skipped by a seek.
#include <algorithm>

#include "store/object/glob.h"
#include "store/object/indexed_store.h"
#include "store/object/page_token.h"
#include "store/object/retention.h"
#include "store/object/sqlite_index.h"

namespace hodei::store {
namespace {

// A glob or old generations may hide many rows; a page gives up after this many and says where.
constexpr size_t kScanRowLimit = 50'000;

// The smallest string above every string that starts with `prefix`; empty when there is none.
std::string After(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

class Lister {
 public:
  Lister(const ListObjectsOptions& options, const Glob* glob, std::string_view bucket)
      : options_(options),
        glob_(glob),
        bucket_(bucket),
        limit_(std::clamp<size_t>(options.limit, 1, 1000)) {}

  ScanStep Visit(const ScanRow& row) {
    if (!row.name.starts_with(options_.prefix) || PastEnd(row.name)) return Stop();
    const std::string_view group = GroupOf(row.name);
    if (++scanned_ > kScanRowLimit) return StopAt(row, group);
    if (group.empty()) return VisitItem(row);
    const bool listed = AlreadyListed(group);
    if (!listed && !IsMarker(row.name, group) && glob_ != nullptr && !glob_->Matches(group)) {
      return SkipGroup(group);
    }
    if (!listed && Full()) return StopAt(row, group);
    if (!listed) page_.prefixes.emplace_back(group);
    return IsMarker(row.name, group) ? VisitItem(row) : SkipGroup(group);
  }

  // Before the first visit: goes on with what StopAt() named.
  void Resume(const ScanPosition& position) {
    if (position.generation > 0 && IsMarker(position.name, GroupOf(position.name))) {
      listed_before_ = position.name;
    }
  }
  // Before the first visit.
  void SetOwner(const Bucket* owner) { owner_ = owner; }
  const Status& status() const { return status_; }
  ListObjectsPage TakePage() { return std::move(page_); }

 private:
  static ScanStep Stop() { return {ScanStep::Kind::kStop, {}}; }
  bool Full() const { return page_.items.size() + page_.prefixes.size() >= limit_; }
  bool PastEnd(std::string_view name) const {
    return !options_.end_offset.empty() && name >= options_.end_offset;
  }

  // The next page starts with `row`. Without a generation its group has not been listed yet.
  ScanStep StopAt(const ScanRow& row, std::string_view group) {
    const bool unlisted = IsMarker(row.name, group) && !AlreadyListed(group);
    page_.next_page_token = EncodePageToken({std::string(row.name), unlisted ? 0 : row.generation});
    return Stop();
  }

  // "d/", listed as an item and as a prefix.
  bool IsMarker(std::string_view name, std::string_view group) const {
    return options_.include_trailing_delimiter && !group.empty() && name == group;
  }

  // "prefix…delimiter" when the name goes on past a delimiter, else empty.
  std::string_view GroupOf(std::string_view name) const {
    if (options_.delimiter.empty()) return {};
    const size_t found = name.find(options_.delimiter, options_.prefix.size());
    if (found == std::string_view::npos) return {};
    return name.substr(0, found + options_.delimiter.size());
  }

  bool AlreadyListed(std::string_view group) const {
    return (!page_.prefixes.empty() && page_.prefixes.back() == group) || listed_before_ == group;
  }

  ScanStep SkipGroup(std::string_view group) {
    // With a marker possibly still to come nothing is lost: a marker sorts first in its group.
    std::string after = After(std::string(group));
    if (after.empty()) return Stop();
    return {ScanStep::Kind::kSeek, {std::move(after), 0}};
  }

  ScanStep VisitItem(const ScanRow& row) {
    if (glob_ != nullptr && !glob_->Matches(row.name)) return {};
    if (Full()) return StopAt(row, GroupOf(row.name));
    Object& object = page_.items.emplace_back();
    if (!RestoreObject(row.serialized, bucket_, row.name, row.generation, &object)) {
      status_ = DataLoss("object index: a damaged object row");
      return Stop();
    }
    ApplyRetention(*owner_, &object);
    return {};
  }

  const ListObjectsOptions& options_;
  const Glob* glob_;
  const std::string_view bucket_;
  const size_t limit_;
  const Bucket* owner_ = nullptr;
  std::string listed_before_;  // the group whose prefix was on an earlier page
  size_t scanned_ = 0;
  ListObjectsPage page_;
  Status status_;
};

}  // namespace

Result<ListObjectsPage> IndexedStore::ListObjects(std::string_view bucket,
                                                  const ListObjectsOptions& options) {
  ScanPosition from{std::max(options.prefix, options.start_offset), 0};
  std::optional<Glob> glob;
  if (!options.match_glob.empty()) {
    ASSIGN_OR_RETURN(glob, Glob::Compile(options.match_glob));
    from.name = std::max(from.name, glob->literal_prefix());
  }
  if (!options.page_token.empty()) {
    ASSIGN_OR_RETURN(ScanPosition resume, DecodePageToken(options.page_token));
    if (resume.name >= from.name) from = std::move(resume);
  }
  const ScanSet set = options.soft_deleted ? ScanSet::kSoftDeleted
                      : options.versions   ? ScanSet::kVersions
                                           : ScanSet::kLive;
  Lister lister(options, glob ? &*glob : nullptr, bucket);
  lister.Resume(from);
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const BucketRow row, FindBucket(index, bucket));
    lister.SetOwner(&row.bucket);
    return index.Scan(row.id, from, set, [&](const ScanRow& found) { return lister.Visit(found); });
  }));
  RETURN_IF_ERROR(lister.status());
  return lister.TakePage();
}

}  // namespace hodei::store
