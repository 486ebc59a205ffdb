#include "store/object/memory_index.h"

#include <algorithm>
#include <map>
#include <shared_mutex>
#include <tuple>
#include <utility>

#include "store/object/sqlite_index.h"

namespace hodei::store {
namespace {

// The bytes that SQLite would hold, so that both indexes give back the same.
struct StoredObject {
  std::string serialized;
  int64_t generation = 0;
  int64_t content_id = 0;
};

struct StoredBucket {
  google::storage::v1::Bucket bucket;
  std::map<std::string, StoredObject, std::less<>> live;
  std::map<std::pair<std::string, int64_t>, StoredObject> noncurrent;
};

using HoldKey = std::tuple<std::string, std::string, std::string, int64_t>;
HoldKey KeyOf(std::string_view holder, const google::storage::v1::Object& object) {
  return {std::string(holder), object.bucket(), object.name(), object.generation()};
}

std::optional<ObjectRow> Restore(const StoredObject& stored, const BucketRow& bucket,
                                 std::string_view name, RowKind kind) {
  ObjectRow row;
  row.kind = kind;
  row.content_id = stored.content_id;
  RestoreObject(stored.serialized, bucket.bucket.name(), name, stored.generation, &row.object);
  return row;
}

class MemoryIndex : public Index {
 public:
  Result<std::optional<BucketRow>> FindBucket(std::string_view name) override {
    const auto it = ids_.find(name);
    if (it == ids_.end()) return std::optional<BucketRow>();
    return std::optional<BucketRow>(BucketRow{it->second, buckets_[it->second].bucket});
  }

  Result<std::vector<BucketRow>> ScanBuckets(std::string_view project_id, std::string_view from,
                                             size_t limit) override {
    std::vector<BucketRow> rows;
    for (auto it = ids_.lower_bound(from); it != ids_.end() && rows.size() < limit; ++it) {
      const StoredBucket& stored = buckets_[it->second];
      if (project_id.empty() || stored.bucket.project_id() == project_id)
        rows.push_back({it->second, stored.bucket});
    }
    return rows;
  }

  Status PutBucket(const BucketRow& row) override {
    TellBucketChange();
    const int64_t id = row.id == 0 ? ++last_bucket_ : row.id;
    ids_[row.bucket.name()] = id;
    buckets_[id].bucket = row.bucket;
    return OkStatus();
  }

  Status RemoveBucket(int64_t id) override {
    TellBucketChange();
    ids_.erase(buckets_[id].bucket.name());
    buckets_.erase(id);
    return OkStatus();
  }

  Result<bool> BucketHasObjects(int64_t id) override {
    const StoredBucket& bucket = buckets_[id];
    return !bucket.live.empty() || !bucket.noncurrent.empty();
  }

  Result<std::optional<ObjectRow>> FindLive(const BucketRow& bucket,
                                            std::string_view name) override {
    const StoredBucket& stored = buckets_[bucket.id];
    const auto it = stored.live.find(name);
    if (it == stored.live.end()) return std::optional<ObjectRow>();
    return Restore(it->second, bucket, name, RowKind::kLive);
  }

  Result<std::optional<ObjectRow>> FindNoncurrent(const BucketRow& bucket, std::string_view name,
                                                  int64_t generation) override {
    const StoredBucket& stored = buckets_[bucket.id];
    const auto it = stored.noncurrent.find({std::string(name), generation});
    if (it == stored.noncurrent.end()) return std::optional<ObjectRow>();
    return Restore(it->second, bucket, name, RowKind::kNoncurrent);
  }

  Result<std::optional<ObjectRow>> FindSoftDeleted(const BucketRow& bucket, std::string_view name,
                                                   int64_t generation) override {
    const auto it = soft_deleted_.find({bucket.id, std::string(name), generation});
    if (it == soft_deleted_.end()) return std::optional<ObjectRow>();
    return std::optional<ObjectRow>(it->second);
  }

  Status PutObject(int64_t bucket_id, const ObjectRow& row) override {
    TellObjectChange(bucket_id, row);
    if (row.kind == RowKind::kSoftDeleted) {
      soft_deleted_[{bucket_id, row.object.name(), row.object.generation()}] = row;
      return OkStatus();
    }
    StoredBucket& bucket = buckets_[bucket_id];
    StoredObject stored{SerializeObject(row.object), row.object.generation(), row.content_id};
    if (row.live()) {
      bucket.live[row.object.name()] = std::move(stored);
    } else {
      bucket.noncurrent[{row.object.name(), row.object.generation()}] = std::move(stored);
    }
    return OkStatus();
  }

  Status RemoveObject(int64_t bucket_id, const ObjectRow& row) override {
    TellObjectChange(bucket_id, row);
    if (row.kind == RowKind::kSoftDeleted) {
      soft_deleted_.erase({bucket_id, row.object.name(), row.object.generation()});
      return OkStatus();
    }
    StoredBucket& bucket = buckets_[bucket_id];
    if (row.live()) {
      bucket.live.erase(row.object.name());
    } else {
      bucket.noncurrent.erase({row.object.name(), row.object.generation()});
    }
    return OkStatus();
  }

  Status Scan(int64_t bucket_id, const ScanPosition& from, ScanSet set,
              const std::function<ScanStep(const ScanRow&)>& visit) override {
    if (set == ScanSet::kSoftDeleted) return ScanSoftDeleted(bucket_id, from, visit);
    const bool versions = set == ScanSet::kVersions;
    const StoredBucket& bucket = buckets_[bucket_id];
    ScanPosition position = from;
    while (true) {
      auto live = bucket.live.lower_bound(position.name);
      if (live != bucket.live.end() && live->first == position.name &&
          live->second.generation < position.generation) {
        ++live;
      }
      auto old = versions ? bucket.noncurrent.lower_bound({position.name, position.generation})
                          : bucket.noncurrent.end();
      bool seek = false;
      while (!seek && (live != bucket.live.end() || old != bucket.noncurrent.end())) {
        // The live generation is the youngest of its name.
        const bool take_old = old != bucket.noncurrent.end() &&
                              (live == bucket.live.end() || old->first.first <= live->first);
        ScanStep step;
        if (take_old) {
          step = visit({old->first.first, old->first.second, old->second.serialized});
          ++old;
        } else {
          step = visit({live->first, live->second.generation, live->second.serialized});
          ++live;
        }
        if (step.kind == ScanStep::Kind::kStop) return OkStatus();
        if (step.kind == ScanStep::Kind::kSeek) {
          position = std::move(step.seek);
          seek = true;
        }
      }
      if (!seek) return OkStatus();
    }
  }

  Result<std::vector<DueRow>> SoftDeletedDue(int64_t unix_seconds, size_t limit) override {
    std::vector<DueRow> due;
    for (const auto& [key, row] : soft_deleted_) {
      if (due.size() < limit && row.object.hard_delete_time().seconds() <= unix_seconds) {
        due.push_back({std::get<0>(key), row});
      }
    }
    return due;
  }

  Result<std::optional<ContentRow>> FindContentByDigest(std::string_view digest) override {
    const auto it = by_digest_.find(digest);
    return it == by_digest_.end() ? Result<std::optional<ContentRow>>(std::nullopt)
                                  : FindContent(it->second);
  }

  Result<std::optional<ContentRow>> FindContent(int64_t id) override {
    const auto it = contents_.find(id);
    if (it == contents_.end()) return std::optional<ContentRow>();
    return std::optional<ContentRow>(it->second);
  }

  Status PutContent(const ContentRow& row) override {
    ForgetDigest(row.id);
    if (!row.digest.empty()) by_digest_[row.digest] = row.id;
    contents_[row.id] = row;
    return OkStatus();
  }

  Status RemoveContent(int64_t id) override {
    ForgetDigest(id);
    contents_.erase(id);
    return OkStatus();
  }

  Status ScanContents(int64_t from_id,
                      const std::function<bool(const ContentRow&)>& visit) override {
    for (auto it = contents_.lower_bound(from_id); it != contents_.end(); ++it) {
      if (!visit(it->second)) break;
    }
    return OkStatus();
  }

  Result<Highest> FindHighest() override { return Highest{}; }

  Result<std::vector<ContentRow>> ContentsOfSegment(int64_t, size_t) override {
    return std::vector<ContentRow>{};
  }

  Status AddLiveBytes(int64_t, int64_t) override { return OkStatus(); }
  Result<std::vector<SegmentRow>> ListSegments() override { return std::vector<SegmentRow>{}; }
  Status ForgetSegment(int64_t) override { return OkStatus(); }
  // The store has it from whoever makes it: it need not last.
  Result<std::string> ContentKey() override { return std::string(); }

  Status ScanReferences(const std::function<bool(int64_t, int64_t)>& visit) override {
    std::map<int64_t, int64_t> references;
    for (const auto& [id, bucket] : buckets_) {
      for (const auto& [name, object] : bucket.live) ++references[object.content_id];
      for (const auto& [key, object] : bucket.noncurrent) ++references[object.content_id];
    }
    for (const auto& [key, row] : soft_deleted_) ++references[row.content_id];
    for (const auto& [key, row] : holds_) ++references[row.content_id];
    for (const auto& [key, row] : parts_) ++references[row.content_id];
    for (const auto& [content, count] : references) {
      if (!visit(content, count)) break;
    }
    return OkStatus();
  }

  Result<std::optional<UploadRow>> FindUpload(std::string_view key) override {
    const auto it = uploads_.find(key);
    if (it == uploads_.end()) return std::optional<UploadRow>();
    return std::optional<UploadRow>(it->second);
  }

  Status PutUpload(const UploadRow& row) override {
    uploads_[row.key] = row;
    return OkStatus();
  }

  Status RemoveUpload(std::string_view key) override {
    if (const auto it = uploads_.find(key); it != uploads_.end()) uploads_.erase(it);
    return OkStatus();
  }

  Result<size_t> CountOpenUploads() override {
    return static_cast<size_t>(std::count_if(uploads_.begin(), uploads_.end(), [](const auto& u) {
      return u.second.state == UploadRow::State::kOpen;
    }));
  }

  Result<std::vector<UploadRow>> UploadsBefore(int64_t unix_seconds, size_t limit) override {
    std::vector<UploadRow> rows;
    for (const auto& [key, row] : uploads_) {
      if (row.created_unix_seconds < unix_seconds && rows.size() < limit) rows.push_back(row);
    }
    return rows;
  }

  Result<ReferenceCounts> CountReferences() override {
    ReferenceCounts counts{soft_deleted_.size(), holds_.size(), parts_.size()};
    for (const auto& [id, bucket] : buckets_) {
      counts.objects += bucket.live.size() + bucket.noncurrent.size();
    }
    return counts;
  }

  Result<std::optional<HoldRow>> FindHold(std::string_view holder,
                                          const google::storage::v1::Object& generation) override {
    const auto it = holds_.find(KeyOf(holder, generation));
    if (it == holds_.end()) return std::optional<HoldRow>();
    return std::optional<HoldRow>(it->second);
  }
  Status PutHold(std::string_view holder, const HoldRow& row) override {
    holds_[KeyOf(holder, row.object)] = row;
    return OkStatus();
  }
  Result<std::vector<HoldRow>> HoldsOf(std::string_view holder, size_t limit) override {
    std::vector<HoldRow> rows;
    for (auto it = holds_.lower_bound({std::string(holder), "", "", 0});
         it != holds_.end() && std::get<0>(it->first) == holder && rows.size() < limit; ++it) {
      rows.push_back(it->second);
    }
    return rows;
  }
  Result<size_t> CountHolds(std::string_view holder) override {
    ASSIGN_OR_RETURN(const std::vector<HoldRow> rows, HoldsOf(holder, SIZE_MAX));
    return rows.size();
  }
  Status RemoveHold(std::string_view holder,
                    const google::storage::v1::Object& generation) override {
    holds_.erase(KeyOf(holder, generation));
    return OkStatus();
  }
  Result<std::vector<std::string>> ListHolders(std::string_view prefix) override {
    std::vector<std::string> holders;
    for (const auto& [key, row] : holds_) {
      const std::string& holder = std::get<0>(key);
      if (!holder.starts_with(prefix)) continue;
      if (holders.empty() || holders.back() != holder) holders.push_back(holder);
    }
    return holders;
  }

  Result<std::optional<MultipartRow>> FindMultipart(int64_t bucket_id, std::string_view name,
                                                    std::string_view id) override {
    const auto it = multiparts_.find({bucket_id, std::string(name), std::string(id)});
    if (it == multiparts_.end()) return std::optional<MultipartRow>();
    return std::optional<MultipartRow>(it->second);
  }
  Status PutMultipart(const MultipartRow& row) override {
    multiparts_[{row.bucket_id, row.name, row.id}] = row;
    return OkStatus();
  }
  Status RemoveMultipart(const MultipartRow& row) override {
    multiparts_.erase({row.bucket_id, row.name, row.id});
    return OkStatus();
  }
  Result<std::vector<MultipartRow>> ScanMultiparts(int64_t bucket_id, std::string_view name,
                                                   std::string_view id, size_t limit) override {
    std::vector<MultipartRow> rows;
    for (auto it = multiparts_.upper_bound({bucket_id, std::string(name), std::string(id)});
         it != multiparts_.end() && it->second.bucket_id == bucket_id && rows.size() < limit;
         ++it) {
      if (!it->second.finished) rows.push_back(it->second);
    }
    return rows;
  }
  Result<size_t> CountOpenMultiparts() override {
    return static_cast<size_t>(
        std::count_if(multiparts_.begin(), multiparts_.end(),
                      [](const auto& entry) { return !entry.second.finished; }));
  }
  Result<std::vector<MultipartRow>> MultipartsBefore(int64_t unix_seconds, size_t limit) override {
    std::vector<MultipartRow> rows;
    for (const auto& [key, row] : multiparts_) {
      if (row.created_unix_seconds < unix_seconds && rows.size() < limit) rows.push_back(row);
    }
    return rows;
  }
  Result<std::optional<PartRow>> FindPart(std::string_view upload_id, int number) override {
    const auto it = parts_.find({std::string(upload_id), number});
    if (it == parts_.end()) return std::optional<PartRow>();
    return std::optional<PartRow>(it->second);
  }
  Status PutPart(std::string_view upload_id, const PartRow& row) override {
    parts_[{std::string(upload_id), row.number}] = row;
    return OkStatus();
  }
  Status RemovePart(std::string_view upload_id, int number) override {
    parts_.erase({std::string(upload_id), number});
    return OkStatus();
  }
  Result<std::vector<PartRow>> ScanParts(std::string_view upload_id, int after,
                                         size_t limit) override {
    std::vector<PartRow> rows;
    for (auto it = parts_.upper_bound({std::string(upload_id), after});
         it != parts_.end() && it->first.first == upload_id && rows.size() < limit; ++it) {
      rows.push_back(it->second);
    }
    return rows;
  }

  Result<int64_t> NextGeneration(int64_t wish) override {
    last_generation_ = std::max(wish, last_generation_ + 1);
    return last_generation_;
  }

 private:
  using SoftKey = std::tuple<int64_t, std::string, int64_t>;

  Status ScanSoftDeleted(int64_t bucket_id, const ScanPosition& from,
                         const std::function<ScanStep(const ScanRow&)>& visit) {
    auto it = soft_deleted_.lower_bound({bucket_id, from.name, from.generation});
    while (it != soft_deleted_.end() && std::get<0>(it->first) == bucket_id) {
      const std::string bytes = SerializeObject(it->second.object);
      const ScanStep step = visit({std::get<1>(it->first), std::get<2>(it->first), bytes});
      if (step.kind == ScanStep::Kind::kStop) break;
      if (step.kind == ScanStep::Kind::kNext) {
        ++it;
      } else {
        it = soft_deleted_.lower_bound({bucket_id, step.seek.name, step.seek.generation});
      }
    }
    return OkStatus();
  }

  void ForgetDigest(int64_t id) {
    const auto it = contents_.find(id);
    if (it == contents_.end() || it->second.digest.empty()) return;
    const auto known = by_digest_.find(it->second.digest);
    if (known != by_digest_.end() && known->second == id) by_digest_.erase(known);
  }

  std::map<SoftKey, ObjectRow> soft_deleted_;
  std::map<HoldKey, HoldRow> holds_;
  std::map<std::tuple<int64_t, std::string, std::string>, MultipartRow> multiparts_;
  std::map<std::pair<std::string, int>, PartRow> parts_;
  std::map<std::string, int64_t, std::less<>> by_digest_;
  std::map<std::string, int64_t, std::less<>> ids_;  // bucket name → id
  std::map<int64_t, StoredBucket> buckets_;
  std::map<int64_t, ContentRow> contents_;
  std::map<std::string, UploadRow, std::less<>> uploads_;
  int64_t last_bucket_ = 0;
  int64_t last_generation_ = 0;
};

class MemoryDatabase : public IndexDatabase {
 public:
  Status Read(const std::function<Status(Index&)>& read) override {
    std::shared_lock lock(mutex_);
    return read(index_);
  }
  Status Write(const std::function<Status(Index&)>& write, WriteKind) override {
    std::unique_lock lock(mutex_);
    return write(index_);
  }

 private:
  std::shared_mutex mutex_;
  MemoryIndex index_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<IndexDatabase> MakeMemoryDatabase() { return std::make_unique<MemoryDatabase>(); }

}  // namespace hodei::store
