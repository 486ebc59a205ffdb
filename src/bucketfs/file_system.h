// Buckets as files: /BUCKET/a/b is the object "a/b". What a file system has and a bucket has not is
// refused instead of imitated: files are written once, from the front, and appear when they are
// closed; a folder exists while something is below it.
//
// Errors are errno values, negative, as the kernel wants them. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bucketfs/bucket_client.h"

namespace hodei::bucketfs {

struct Attributes {
  uint64_t node = 0;
  bool folder = false;
  uint64_t size = 0;
  int64_t modified_seconds = 0;
};

struct DirectoryEntry {
  std::string name;
  bool folder = false;
};

class FileSystem {
 public:
  static constexpr uint64_t kRoot = 1;
  static constexpr size_t kMaxHandles = 1024;
  static constexpr size_t kMaxWriters = 32;
  // Kept in memory for each file that is being written.
  static constexpr size_t kPieceBytes = 16 * BucketClient::kPieceUnit;
  static constexpr size_t kPageEntries = 1000;

  explicit FileSystem(std::unique_ptr<BucketClient> buckets);
  ~FileSystem();

  // Functions return 0 or a negative errno.
  int Lookup(uint64_t parent, const std::string& name, Attributes* found);
  void Forget(uint64_t node, uint64_t times);
  int GetAttributes(uint64_t node, Attributes* attributes);
  // Only what changes nothing: the size a file has, or 0 for one that is being written anew.
  int Truncate(uint64_t node, uint64_t size, Attributes* attributes);

  int Open(uint64_t node, int flags, uint64_t* handle);
  int Create(uint64_t parent, const std::string& name, Attributes* made, uint64_t* handle);
  int Read(uint64_t handle, uint64_t offset, size_t size, std::string* bytes);
  // -EOPNOTSUPP when `offset` is not where the last write ended.
  int Write(uint64_t handle, uint64_t offset, const char* bytes, size_t size);
  // The object holds everything written so far when it returns.
  int Flush(uint64_t handle);
  void Release(uint64_t handle);

  int OpenFolder(uint64_t node, uint64_t* handle);
  // The entry with number `index`; false at the end.
  int ReadFolder(uint64_t handle, uint64_t index, DirectoryEntry* entry, bool* found);

  int MakeFolder(uint64_t parent, const std::string& name, Attributes* made);
  int RemoveFolder(uint64_t parent, const std::string& name);
  int RemoveFile(uint64_t parent, const std::string& name);
  // Folders cannot be renamed: -EXDEV, upon which programs copy and delete.
  int Rename(uint64_t parent, const std::string& name, uint64_t new_parent,
             const std::string& new_name);

 private:
  struct Handle;
  struct Node {
    std::string path;  // "bucket/a/b", without slash at either end; "" is the root
    uint64_t lookups = 0;
  };
  struct Place {
    std::string bucket;
    std::string object;  // empty: the bucket itself
  };

  static Place PlaceOf(const std::string& path);
  std::string PathOf(uint64_t node);
  int ChildPath(uint64_t parent, const std::string& name, std::string* path);
  uint64_t Remember(const std::string& path);
  void DropName(const std::string& path, uint64_t node);  // mutex_ is held
  void ForgetName(const std::string& path);
  void GiveName(const std::string& from, const std::string& to, Handle* writer);
  int Describe(const std::string& path, Attributes* attributes);
  std::shared_ptr<Handle> WriterOf(const std::string& path);
  int AddHandle(std::shared_ptr<Handle> handle, uint64_t* number);
  std::shared_ptr<Handle> Find(uint64_t handle);
  int OpenWriter(const std::string& path, uint64_t size, bool exists, uint64_t* handle);
  int SendPiece(Handle* handle);
  int Finish(Handle* handle);
  int FetchPage(Handle* handle);

  const std::unique_ptr<BucketClient> buckets_;
  std::mutex mutex_;
  std::map<uint64_t, Node> nodes_;                       // guarded by mutex_
  std::map<std::string, uint64_t> numbers_;              // guarded by mutex_
  uint64_t next_node_ = kRoot + 1;                       // guarded by mutex_
  std::map<uint64_t, std::shared_ptr<Handle>> handles_;  // guarded by mutex_
  uint64_t next_handle_ = 1;                             // guarded by mutex_
};

}  // namespace hodei::bucketfs
