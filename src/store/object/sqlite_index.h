// The index over one SQLite connection.
#pragma once

#include <memory>

#include "store/object/index.h"
#include "store/object/sqlite.h"

namespace hodei::store {

class SqliteIndex : public Index {
 public:
  // `connection` must outlive the index.
  explicit SqliteIndex(SqliteConnection* connection) : db_(*connection) {}

  // Creates the tables, or checks the version of those there. FAILED_PRECONDITION when newer.
  static Status Migrate(SqliteConnection* connection);

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
  Status PutObject(int64_t bucket_id, const ObjectRow& row) override;
  Status RemoveObject(int64_t bucket_id, const ObjectRow& row) override;
  Status Scan(int64_t bucket_id, const ScanPosition& from, bool versions,
              const std::function<ScanStep(const ScanRow&)>& visit) override;
  Result<std::optional<ContentRow>> FindContent(int64_t id) override;
  Status PutContent(const ContentRow& row) override;
  Status RemoveContent(int64_t id) override;
  Status ScanContents(int64_t from_id,
                      const std::function<bool(const ContentRow&)>& visit) override;
  Result<Highest> FindHighest() override;
  Result<std::vector<ContentRow>> ContentsOfSegment(int64_t segment, size_t limit) override;
  Status ScanReferences(const std::function<bool(int64_t, int64_t)>& visit) override;
  Result<std::optional<UploadRow>> FindUpload(std::string_view key) override;
  Status PutUpload(const UploadRow& row) override;
  Status RemoveUpload(std::string_view key) override;
  Result<size_t> CountOpenUploads() override;
  Result<std::vector<UploadRow>> UploadsBefore(int64_t unix_seconds, size_t limit) override;
  Result<int64_t> NextGeneration(int64_t wish) override;

  // Writes the last generation given out, when it changed. Before a commit.
  Status FlushGeneration();
  // Forgets what a rolled back transaction gave out; the database's value counts again.
  void ForgetGeneration() {
    last_generation_ = -1;
    generation_changed_ = false;
  }

 private:
  SqliteConnection& db_;
  int64_t last_generation_ = -1;  // -1: not read yet
  bool generation_changed_ = false;
};

// Without what the row's columns say (bucket, name, generation).
std::string SerializeObject(const google::storage::v1::Object& object);
// False when `serialized` is damaged.
bool RestoreObject(std::string_view serialized, std::string_view bucket, std::string_view name,
                   int64_t generation, google::storage::v1::Object* object);

}  // namespace hodei::store
