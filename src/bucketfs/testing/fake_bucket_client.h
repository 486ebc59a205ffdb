// Buckets in memory, for tests of what is built on a BucketClient. Counts calls and can be told to
// fail.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "bucketfs/bucket_client.h"

namespace hodei::bucketfs::testing {

class FakeBucketClient : public BucketClient {
 public:
  // Shared with the test, which keeps a pointer while a FileSystem owns the client.
  struct State {
    std::map<std::string, std::map<std::string, std::string>> buckets;
    int puts = 0;
    int pieces = 0;
    int appends = 0;
    int cancelled = 0;
    Status next_error;  // of the next call that changes something
  };
  explicit FakeBucketClient(State* state) : state_(state) {}

  Result<std::vector<std::string>> ListBuckets() override;
  Status FindBucket(const std::string& bucket) override;
  Result<ObjectInfo> Find(const std::string& bucket, const std::string& object) override;
  Result<Listing> List(const std::string& bucket, const std::string& prefix,
                       const std::string& page, size_t limit) override;
  Result<std::string> Read(const std::string& bucket, const ObjectInfo& object, uint64_t offset,
                           size_t size) override;
  Result<ObjectInfo> Put(const std::string& bucket, const std::string& object,
                         const std::string& bytes) override;
  Result<std::string> BeginUpload(const std::string& bucket, const std::string& object) override;
  Status UploadPiece(const std::string& session, uint64_t offset, const std::string& bytes,
                     bool last) override;
  Status CancelUpload(const std::string& session) override;
  Result<ObjectInfo> Append(const std::string& bucket, const std::string& object,
                            const std::string& tail) override;
  Status Copy(const std::string& from_bucket, const std::string& from, const std::string& to_bucket,
              const std::string& to) override;
  Status Delete(const std::string& bucket, const std::string& object) override;

 private:
  Status Change();

  State* const state_;
  std::map<std::string, std::string> sessions_;  // "bucket/object" → bytes
};

}  // namespace hodei::bucketfs::testing
