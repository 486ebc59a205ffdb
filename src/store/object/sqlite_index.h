// The index over one SQLite connection.
#pragma once

#include <memory>

#include "store/object/index.h"
#include "store/sqlite/sqlite_database.h"

namespace hodei::store {

class SqliteIndex : public Index {
 public:
  // `connection` must outlive the index.
  explicit SqliteIndex(SqliteDatabase* connection) : db_(*connection) {}

  static constexpr int64_t kSchemaVersion = 2;
  // Creates the tables, or checks the version of those there. FAILED_PRECONDITION when newer.
  static Status Migrate(SqliteDatabase* connection);

  Result<std::optional<BucketRow>> FindBucket(std::string_view name) override;
  Result<std::vector<BucketRow>> ScanBuckets(std::string_view project_id, std::string_view from,
                                             size_t limit) override;
  Status PutBucket(const BucketRow& row) override;
  Status RemoveBucket(int64_t id) override;
  Result<bool> BucketHasObjects(int64_t id) override;
  Result<std::optional<ObjectRow>> FindLive(const BucketRow& bucket,
                                            std::string_view name) override;
  Result<std::optional<ObjectRow>> FindNoncurrent(const BucketRow& bucket, std::string_view name,
                                                  int64_t generation) override;
  Result<std::optional<ObjectRow>> FindSoftDeleted(const BucketRow& bucket, std::string_view name,
                                                   int64_t generation) override;
  Status PutObject(int64_t bucket_id, const ObjectRow& row) override;
  Status RemoveObject(int64_t bucket_id, const ObjectRow& row) override;
  Status Scan(int64_t bucket_id, const ScanPosition& from, ScanSet set,
              const std::function<ScanStep(const ScanRow&)>& visit) override;
  Result<std::vector<DueRow>> SoftDeletedDue(int64_t unix_seconds, size_t limit) override;
  Result<std::optional<ContentRow>> FindContent(int64_t id) override;
  Result<std::optional<ContentRow>> FindContentByDigest(std::string_view digest) override;
  Status PutContent(const ContentRow& row) override;
  Status RemoveContent(int64_t id) override;
  Status ScanContents(int64_t from_id,
                      const std::function<bool(const ContentRow&)>& visit) override;
  Result<Highest> FindHighest() override;
  Result<std::vector<ContentRow>> ContentsOfSegment(int64_t segment, size_t limit) override;
  Status AddLiveBytes(int64_t segment, int64_t delta) override;
  Result<std::vector<SegmentRow>> ListSegments() override;
  Status ForgetSegment(int64_t segment) override;
  Result<std::string> ContentKey() override;
  Status ScanReferences(const std::function<bool(int64_t, int64_t)>& visit) override;
  Result<std::optional<UploadRow>> FindUpload(std::string_view key) override;
  Status PutUpload(const UploadRow& row) override;
  Status RemoveUpload(std::string_view key) override;
  Result<size_t> CountOpenUploads() override;
  Result<std::vector<UploadRow>> UploadsBefore(int64_t unix_seconds, size_t limit) override;
  Result<ReferenceCounts> CountReferences() override;
  Result<std::optional<HoldRow>> FindHold(std::string_view holder,
                                          const google::storage::v1::Object& generation) override;
  Status PutHold(std::string_view holder, const HoldRow& row) override;
  Result<std::vector<HoldRow>> HoldsOf(std::string_view holder, size_t limit) override;
  Result<size_t> CountHolds(std::string_view holder) override;
  Status RemoveHold(std::string_view holder,
                    const google::storage::v1::Object& generation) override;
  Result<std::vector<std::string>> ListHolders(std::string_view prefix) override;
  Result<std::optional<MultipartRow>> FindMultipart(int64_t bucket_id, std::string_view name,
                                                    std::string_view id) override;
  Status PutMultipart(const MultipartRow& row) override;
  Status RemoveMultipart(const MultipartRow& row) override;
  Result<std::vector<MultipartRow>> ScanMultiparts(int64_t bucket_id, std::string_view name,
                                                   std::string_view id, size_t limit) override;
  Result<size_t> CountOpenMultiparts() override;
  Result<std::vector<MultipartRow>> MultipartsBefore(int64_t unix_seconds, size_t limit) override;
  Result<std::optional<PartRow>> FindPart(std::string_view upload_id, int number) override;
  Status PutPart(std::string_view upload_id, const PartRow& row) override;
  Status RemovePart(std::string_view upload_id, int number) override;
  Result<std::vector<PartRow>> ScanParts(std::string_view upload_id, int after,
                                         size_t limit) override;
  Result<int64_t> NextGeneration(int64_t wish) override;

  // Writes the last generation given out, when it changed. Before a commit.
  Status FlushGeneration();
  // Forgets what a rolled back transaction gave out; the database's value counts again.
  void ForgetGeneration() {
    last_generation_ = -1;
    generation_changed_ = false;
  }

 private:
  SqliteDatabase& db_;
  int64_t last_generation_ = -1;  // -1: not read yet
  bool generation_changed_ = false;
};

// DATA_LOSS that names the kind of row.
Status DamagedRow(std::string_view what);
// Without what the row's columns say (bucket, name, generation).
std::string SerializeObject(const google::storage::v1::Object& object);
// False when `serialized` is damaged.
bool RestoreObject(std::string_view serialized, std::string_view bucket, std::string_view name,
                   int64_t generation, google::storage::v1::Object* object);

}  // namespace hodei::store
