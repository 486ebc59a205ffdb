#include "store/object/memory_index.h"

#include <algorithm>
#include <map>
#include <shared_mutex>
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

std::optional<ObjectRow> Restore(const StoredObject& stored, const BucketRow& bucket,
                                 std::string_view name, bool live) {
  ObjectRow row;
  row.live = live;
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
      if (stored.bucket.project_id() == project_id) rows.push_back({it->second, stored.bucket});
    }
    return rows;
  }

  Status PutBucket(const BucketRow& row) override {
    const int64_t id = row.id == 0 ? ++last_bucket_ : row.id;
    ids_[row.bucket.name()] = id;
    buckets_[id].bucket = row.bucket;
    return OkStatus();
  }

  Status RemoveBucket(int64_t id) override {
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
    return Restore(it->second, bucket, name, true);
  }

  Result<std::optional<ObjectRow>> FindNoncurrent(const BucketRow& bucket, std::string_view name,
                                                  int64_t generation) override {
    const StoredBucket& stored = buckets_[bucket.id];
    const auto it = stored.noncurrent.find({std::string(name), generation});
    if (it == stored.noncurrent.end()) return std::optional<ObjectRow>();
    return Restore(it->second, bucket, name, false);
  }

  Status PutObject(int64_t bucket_id, const ObjectRow& row) override {
    StoredBucket& bucket = buckets_[bucket_id];
    StoredObject stored{SerializeObject(row.object), row.object.generation(), row.content_id};
    if (row.live) {
      bucket.live[row.object.name()] = std::move(stored);
    } else {
      bucket.noncurrent[{row.object.name(), row.object.generation()}] = std::move(stored);
    }
    return OkStatus();
  }

  Status RemoveObject(int64_t bucket_id, const ObjectRow& row) override {
    StoredBucket& bucket = buckets_[bucket_id];
    if (row.live) {
      bucket.live.erase(row.object.name());
    } else {
      bucket.noncurrent.erase({row.object.name(), row.object.generation()});
    }
    return OkStatus();
  }

  Status Scan(int64_t bucket_id, const ScanPosition& from, bool versions,
              const std::function<ScanStep(const ScanRow&)>& visit) override {
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

  Result<std::optional<ContentRow>> FindContent(int64_t id) override {
    const auto it = contents_.find(id);
    if (it == contents_.end()) return std::optional<ContentRow>();
    return std::optional<ContentRow>(it->second);
  }

  Status PutContent(const ContentRow& row) override {
    contents_[row.id] = row;
    return OkStatus();
  }

  Status RemoveContent(int64_t id) override {
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

  Status ScanReferences(const std::function<bool(int64_t, int64_t)>& visit) override {
    std::map<int64_t, int64_t> references;
    for (const auto& [id, bucket] : buckets_) {
      for (const auto& [name, object] : bucket.live) ++references[object.content_id];
      for (const auto& [key, object] : bucket.noncurrent) ++references[object.content_id];
    }
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

  Result<int64_t> NextGeneration(int64_t wish) override {
    last_generation_ = std::max(wish, last_generation_ + 1);
    return last_generation_;
  }

 private:
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
  Status Write(const std::function<Status(Index&)>& write) override {
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
