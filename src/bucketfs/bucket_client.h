// Buckets as the file view needs them. Errors are canonical codes: NOT_FOUND, PERMISSION_DENIED,
// FAILED_PRECONDITION and, for everything a caller can only report, UNAVAILABLE or INTERNAL.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace hodei::bucketfs {

struct ObjectInfo {
  std::string name;
  uint64_t size = 0;
  int64_t generation = 0;
  int64_t updated_seconds = 0;
};

struct Listing {
  std::vector<ObjectInfo> objects;
  std::vector<std::string> prefixes;  // each ends with "/"
  std::string next;                   // empty on the last page
};

// Thread-safe.
class BucketClient {
 public:
  virtual ~BucketClient() = default;
  virtual Result<std::vector<std::string>> ListBuckets() = 0;
  virtual Status FindBucket(const std::string& bucket) = 0;
  virtual Result<ObjectInfo> Find(const std::string& bucket, const std::string& object) = 0;
  // What lies directly below `prefix` ("" or "a/b/").
  virtual Result<Listing> List(const std::string& bucket, const std::string& prefix,
                               const std::string& page, size_t limit) = 0;
  // At most `size` bytes from `offset` on; fewer at the end.
  virtual Result<std::string> Read(const std::string& bucket, const ObjectInfo& object,
                                   uint64_t offset, size_t size) = 0;
  virtual Result<ObjectInfo> Put(const std::string& bucket, const std::string& object,
                                 const std::string& bytes) = 0;
  // An upload in pieces: all but the last are multiples of kPieceUnit bytes. The object appears
  // with the last one.
  static constexpr size_t kPieceUnit = 256 << 10;
  virtual Result<std::string> BeginUpload(const std::string& bucket, const std::string& object) = 0;
  virtual Status UploadPiece(const std::string& session, uint64_t offset, const std::string& bytes,
                             bool last) = 0;
  virtual Status CancelUpload(const std::string& session) = 0;
  // `object` becomes itself followed by `tail`.
  virtual Result<ObjectInfo> Append(const std::string& bucket, const std::string& object,
                                    const std::string& tail) = 0;
  virtual Status Copy(const std::string& from_bucket, const std::string& from,
                      const std::string& to_bucket, const std::string& to) = 0;
  virtual Status Delete(const std::string& bucket, const std::string& object) = 0;
};

// Over the server's API at `url` ("unix:/path", as net::HttpClient takes it).
std::unique_ptr<BucketClient> MakeHttpBucketClient(std::string url, std::string project);

}  // namespace hodei::bucketfs
