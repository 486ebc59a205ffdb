// The rows behind an object store: which generation of which name has which content. Two
// implementations, SQLite and memory; all semantics live above, in LocalStore's operations, so that
// both behave alike.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "google/storage/v1/storage.pb.h"

namespace hodei::store {

// Bytes that one or more objects refer to.
struct ContentRow {
  int64_t id = 0;
  uint64_t size_bytes = 0;
  uint32_t crc32c = 0;
  int64_t segment = 0;  // 0: a file of its own
  uint64_t offset = 0;  // within the segment
  int64_t references = 0;
  std::string digest;  // see content_digest.h; empty: not to be shared with new bytes
};

struct BucketRow {
  int64_t id = 0;  // 0: not stored yet
  google::storage::v1::Bucket bucket;
};

// Which of the three sets of generations a row is in.
enum class RowKind { kLive, kNoncurrent, kSoftDeleted };

struct ObjectRow {
  google::storage::v1::Object object;
  int64_t content_id = 0;
  RowKind kind = RowKind::kLive;
  bool live() const { return kind == RowKind::kLive; }
};

// A generation that somebody holds: the object as it was then.
struct HoldRow {
  google::storage::v1::Object object;
  int64_t content_id = 0;
};

struct MultipartRow {
  int64_t bucket_id = 0;
  std::string name;
  std::string id;
  google::storage::v1::Upload upload;  // principal, object, time_created
  int64_t created_unix_seconds = 0;
  bool finished = false;
  google::storage::v1::Object result;  // when finished
};

struct PartRow {
  int number = 0;
  int64_t content_id = 0;
  uint64_t size_bytes = 0;
  uint32_t crc32c = 0;
  std::string md5;
  int64_t created_unix_millis = 0;
};

struct UploadRow {
  enum class State { kOpen = 0, kFinished = 1 };
  std::string key;  // digest of the id: the id itself is a credential and is not stored
  google::storage::v1::Upload upload;
  int64_t content_id = 0;
  uint64_t stored_bytes = 0;
  uint32_t stored_crc32c = 0;  // of the stored bytes
  int64_t created_unix_seconds = 0;
  State state = State::kOpen;
  google::storage::v1::Object result;  // when finished
};

struct ScanPosition {
  std::string name;
  int64_t generation = 0;
};

// Live generations, these and noncurrent ones, or soft-deleted ones.
enum class ScanSet { kLive, kVersions, kSoftDeleted };

// One row of a scan. `serialized` is the object without bucket, name and generation.
struct ScanRow {
  std::string_view name;
  int64_t generation = 0;
  std::string_view serialized;
};

struct ScanStep {
  enum class Kind { kNext, kStop, kSeek } kind = Kind::kNext;
  ScanPosition seek;  // for kSeek: go on with the first row at or after it
};

// Told which rows a write changes, before they change.
class RowObserver {
 public:
  virtual ~RowObserver() = default;
  virtual void BucketChanges() = 0;
  virtual void ObjectChanges(int64_t bucket_id, std::string_view name) = 0;  // a live one
};

// Not thread-safe; given out by IndexDatabase. Names are ordered bytewise.
class Index {
 public:
  virtual ~Index() = default;
  // Null: nobody is told.
  void set_observer(RowObserver* observer) { observer_ = observer; }

  virtual Result<std::optional<BucketRow>> FindBucket(std::string_view name) = 0;
  // Buckets of the project (empty: of all) with name >= `from`, by name, at most `limit`.
  virtual Result<std::vector<BucketRow>> ScanBuckets(std::string_view project_id,
                                                     std::string_view from, size_t limit) = 0;
  // Inserts when row.id is 0, else replaces.
  virtual Status PutBucket(const BucketRow& row) = 0;
  virtual Status RemoveBucket(int64_t id) = 0;
  // Whether any live or noncurrent generation is in the bucket.
  virtual Result<bool> BucketHasObjects(int64_t id) = 0;

  virtual Result<std::optional<ObjectRow>> FindLive(const BucketRow& bucket,
                                                    std::string_view name) = 0;
  virtual Result<std::optional<ObjectRow>> FindNoncurrent(const BucketRow& bucket,
                                                          std::string_view name,
                                                          int64_t generation) = 0;
  virtual Result<std::optional<ObjectRow>> FindSoftDeleted(const BucketRow& bucket,
                                                           std::string_view name,
                                                           int64_t generation) = 0;
  // Inserts or replaces by (name) when live, by (name, generation) when not.
  virtual Status PutObject(int64_t bucket_id, const ObjectRow& row) = 0;
  virtual Status RemoveObject(int64_t bucket_id, const ObjectRow& row) = 0;
  // Visits rows at or after `from` in order of (name, generation).
  virtual Status Scan(int64_t bucket_id, const ScanPosition& from, ScanSet set,
                      const std::function<ScanStep(const ScanRow&)>& visit) = 0;
  // Soft-deleted generations of any bucket, also one that is gone, whose hard_delete_time is at or
  // before `unix_seconds`.
  struct DueRow {
    int64_t bucket_id = 0;
    ObjectRow row;  // with name, generation and content only
  };
  virtual Result<std::vector<DueRow>> SoftDeletedDue(int64_t unix_seconds, size_t limit) = 0;

  virtual Result<std::optional<ContentRow>> FindContent(int64_t id) = 0;
  // The content with this digest, which is not empty.
  virtual Result<std::optional<ContentRow>> FindContentByDigest(std::string_view digest) = 0;
  virtual Status PutContent(const ContentRow& row) = 0;
  virtual Status RemoveContent(int64_t id) = 0;
  // Every content, by id. `visit` returns false to stop.
  virtual Status ScanContents(int64_t from_id,
                              const std::function<bool(const ContentRow&)>& visit) = 0;
  // The highest content id and segment in use; 0 for none.
  struct Highest {
    int64_t content_id = 0;
    int64_t segment = 0;
  };
  virtual Result<Highest> FindHighest() = 0;
  // Contents in a segment, by id.
  virtual Result<std::vector<ContentRow>> ContentsOfSegment(int64_t segment, size_t limit) = 0;
  // Bytes of contents in the segment: counted up and down as contents come and go.
  virtual Status AddLiveBytes(int64_t segment, int64_t delta) = 0;
  struct SegmentRow {
    int64_t segment = 0;
    uint64_t live_bytes = 0;
  };
  virtual Result<std::vector<SegmentRow>> ListSegments() = 0;
  virtual Status ForgetSegment(int64_t segment) = 0;
  // The key of content digests: 16 random bytes, the same for the life of the index.
  virtual Result<std::string> ContentKey() = 0;
  // How often each content is referred to, by objects, holds and parts, in order of content id.
  virtual Status ScanReferences(
      const std::function<bool(int64_t content_id, int64_t references)>& visit) = 0;

  virtual Result<std::optional<UploadRow>> FindUpload(std::string_view key) = 0;
  virtual Status PutUpload(const UploadRow& row) = 0;
  virtual Status RemoveUpload(std::string_view key) = 0;
  virtual Result<size_t> CountOpenUploads() = 0;
  // Uploads created before `unix_seconds`, at most `limit`. INT64_MAX for all.
  virtual Result<std::vector<UploadRow>> UploadsBefore(int64_t unix_seconds, size_t limit) = 0;

  struct ReferenceCounts {
    uint64_t objects = 0;  // generations: live, noncurrent and soft-deleted
    uint64_t holds = 0;
    uint64_t parts = 0;
  };
  virtual Result<ReferenceCounts> CountReferences() = 0;

  virtual Result<std::optional<HoldRow>> FindHold(
      std::string_view holder, const google::storage::v1::Object& generation) = 0;
  virtual Status PutHold(std::string_view holder, const HoldRow& row) = 0;
  // By bucket, name and generation, at most `limit`.
  virtual Result<std::vector<HoldRow>> HoldsOf(std::string_view holder, size_t limit) = 0;
  virtual Result<size_t> CountHolds(std::string_view holder) = 0;
  virtual Status RemoveHold(std::string_view holder,
                            const google::storage::v1::Object& generation) = 0;
  virtual Result<std::vector<std::string>> ListHolders(std::string_view prefix) = 0;

  virtual Result<std::optional<MultipartRow>> FindMultipart(int64_t bucket_id,
                                                            std::string_view name,
                                                            std::string_view id) = 0;
  virtual Status PutMultipart(const MultipartRow& row) = 0;
  virtual Status RemoveMultipart(const MultipartRow& row) = 0;
  // Unfinished ones of the bucket behind (name, id), by name and id.
  virtual Result<std::vector<MultipartRow>> ScanMultiparts(int64_t bucket_id, std::string_view name,
                                                           std::string_view id, size_t limit) = 0;
  // As for resumable uploads.
  virtual Result<size_t> CountOpenMultiparts() = 0;
  virtual Result<std::vector<MultipartRow>> MultipartsBefore(int64_t unix_seconds,
                                                             size_t limit) = 0;
  virtual Result<std::optional<PartRow>> FindPart(std::string_view upload_id, int number) = 0;
  virtual Status PutPart(std::string_view upload_id, const PartRow& row) = 0;
  virtual Status RemovePart(std::string_view upload_id, int number) = 0;
  // Parts with a number above `after`, by number, at most `limit`.
  virtual Result<std::vector<PartRow>> ScanParts(std::string_view upload_id, int after,
                                                 size_t limit) = 0;

  // Greater than every generation given out before, and not below `wish`.
  virtual Result<int64_t> NextGeneration(int64_t wish) = 0;

 protected:
  // For implementations.
  void TellBucketChange() {
    if (observer_ != nullptr) observer_->BucketChanges();
  }
  void TellObjectChange(int64_t bucket_id, const ObjectRow& row) {
    if (observer_ != nullptr && row.live()) observer_->ObjectChanges(bucket_id, row.object.name());
  }

 private:
  RowObserver* observer_ = nullptr;
};

// What a write does to the need for disk space: kFrees only removes rows, or moves them to where
// they are kept for a while.
enum class WriteKind { kAny, kFrees };

// The transactions. Thread-safe.
class IndexDatabase {
 public:
  virtual ~IndexDatabase() = default;
  // A consistent view of committed rows. Never waits for a writer's disk sync.
  virtual Status Read(const std::function<Status(Index&)>& read) = 0;
  // Runs `write` alone, in order; when this returns OK its rows are durable. An error of `write`
  // undoes it. Writes that wait together are committed together, after one call of the
  // `before_commit` that the database was made with.
  // RESOURCE_EXHAUSTED on a full disk, for kFrees writes only when not even its reserve is left.
  virtual Status Write(const std::function<Status(Index&)>& write,
                       WriteKind kind = WriteKind::kAny) = 0;
};

}  // namespace hodei::store
