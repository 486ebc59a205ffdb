// Buckets and objects: bytes under (bucket, name, generation), with Cloud Storage's semantics.
//
// Strong consistency: what a call acknowledged, every later call sees, also after a crash. An
// object appears whole or not at all; readers of an overwritten or deleted object keep the bytes
// they opened. Generations grow strictly over the whole store. Names are keys and never paths.
//
// Thread-safe. Calls block (disk); commits that run at the same time share one disk sync.
//
// Errors carry Cloud Storage's reason word: NOT_FOUND "notFound"; FAILED_PRECONDITION
// "conditionNotMet" (412), or "notModified" for an unmet ...not_match of a read (304);
// ALREADY_EXISTS and ABORTED "conflict" (409); INVALID_ARGUMENT "invalid"; PERMISSION_DENIED
// "forbidden" for holds and retention; RESOURCE_EXHAUSTED when the disk is full or a cap is hit;
// DATA_LOSS when stored bytes no longer match their checksum.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "google/storage/v1/storage.pb.h"
#include "sys/unique_fd.h"

namespace hodei::store {

using google::storage::v1::Bucket;
using google::storage::v1::Object;

// Absent fields ask nothing. Evaluated together with the change they guard.
struct Preconditions {
  std::optional<int64_t> if_generation_match;  // 0: there must be no live object
  std::optional<int64_t> if_generation_not_match;
  std::optional<int64_t> if_metageneration_match;
  std::optional<int64_t> if_metageneration_not_match;
};

// What the writer of the bytes says they hash to.
struct ExpectedContent {
  std::string md5;  // 16 raw bytes, or empty
  std::optional<uint32_t> crc32c;
  std::optional<uint64_t> size;
};

// Brings bytes that lie elsewhere into the file of a slice. Thread-safe; blocks. Not to outlive the
// store.
class SliceFiller {
 public:
  virtual ~SliceFiller() = default;
  // The file has [offset, offset + length) when this returns OK.
  virtual Status Fill(uint64_t offset, uint64_t length) = 0;
};

// A part of a file the kernel can send by itself. The bytes stay while the descriptor is open and
// the filler held, whatever happens to the object.
struct FileSlice {
  UniqueFd fd;
  uint64_t offset = 0;
  uint64_t length = 0;
  // Null: all bytes are there. Else what is not filled reads as anything.
  std::shared_ptr<SliceFiller> filler = nullptr;
};

// An object's bytes: held (small objects, checked against their CRC) or as a slice of a file.
using OpenedBytes = std::variant<std::string, FileSlice>;

struct OpenedObject {
  Object object;
  OpenedBytes content;
};

// A small object that could be read without waiting.
struct ReadyObject {
  std::shared_ptr<const Bucket> bucket;
  std::shared_ptr<const Object> object;
  std::string bytes;  // checked against their CRC
};

// Cuts the bytes to `length` from `offset`, both within them.
void Slice(uint64_t offset, uint64_t length, OpenedBytes* bytes);

struct ListBucketsOptions {
  std::string project_id;  // empty: every project's
  std::string prefix;
  size_t limit = 1000;     // 1..1000
  std::string page_token;  // INVALID_ARGUMENT when not one of ours
};

struct ListBucketsPage {
  std::vector<Bucket> buckets;  // by name
  std::string next_page_token;  // empty on the last page
};

struct ListObjectsOptions {
  std::string prefix;
  std::string delimiter;
  bool include_trailing_delimiter = false;
  std::string start_offset;   // name >= it
  std::string end_offset;     // name < it, when not empty
  std::string match_glob;     // empty matches all; a bad pattern is INVALID_ARGUMENT
  bool versions = false;      // also noncurrent generations
  bool soft_deleted = false;  // only those; not with `versions`
  size_t limit = 1000;        // items + prefixes, 1..1000
  std::string page_token;
};

struct ListObjectsPage {
  std::vector<Object> items;          // by bytes of the name, then by generation
  std::vector<std::string> prefixes;  // sorted, unique
  // Empty on the last page. A page may be short of the limit, even empty, when this is not.
  std::string next_page_token;
};

// One generation of one object.
struct GenerationName {
  std::string bucket;
  std::string name;
  int64_t generation = 0;  // 0 where said: the live one
};

// A multipart upload in Cloud Storage's XML dialect. Unlike a resumable upload's, its id is no
// credential: who may write to the object may go on with it.
struct MultipartKey {
  std::string bucket;
  std::string name;
  std::string id;
};

struct MultipartUpload {
  std::string id;
  std::string principal;  // who started it
  Object object;          // bucket, name and metadata of what it will be
  google::protobuf::Timestamp time_created;
};

struct MultipartPart {
  int number = 0;  // 1..kMultipartPartLimit
  uint64_t size = 0;
  std::string md5;  // 16 raw bytes; its hex is the part's ETag
  uint32_t crc32c = 0;
  google::protobuf::Timestamp time_created;
};

// What the client says a part is.
struct CompletedPart {
  int number = 0;
  std::string md5;  // 16 raw bytes, or empty: whatever is there
};

struct ListMultipartsOptions {
  std::string prefix;
  std::string after_name;  // continue behind this name, or, with after_id, behind this upload of it
  std::string after_id;
  size_t limit = 1000;  // 1..1000
};

struct ListMultipartsPage {
  std::vector<MultipartUpload> uploads;  // by bytes of the name, then by id
  bool more = false;
};

struct ListPartsPage {
  MultipartUpload upload;
  std::vector<MultipartPart> parts;  // by number
  bool more = false;
};

// A new object's bytes on their way in. One thread at a time. Destruction without a successful
// Commit() leaves nothing.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  virtual Status Append(std::string_view bytes) = 0;
  virtual uint64_t size() const = 0;
  // Makes the bytes the live generation of metadata.bucket()/metadata.name(), durably. Taken from
  // `metadata`: content headers, custom metadata, storage class, holds, custom time, settings; the
  // rest is set here. Once only. INVALID_ARGUMENT when the bytes are not what `expected` says.
  virtual Result<Object> Commit(const Object& metadata, const Preconditions& preconditions,
                                const ExpectedContent& expected) = 0;
  // Instead of Commit(): makes the bytes part `number` of the upload, durably, in place of an
  // earlier part of that number. NOT_FOUND "noSuchUpload".
  virtual Result<MultipartPart> CommitPart(const MultipartKey& upload, int number,
                                           const ExpectedContent& expected) = 0;
};

struct UploadStart {
  std::string principal;  // only this principal may go on with it
  Object object;          // bucket and name set; as for ObjectWriter::Commit
  Preconditions preconditions;
  ExpectedContent expected;
};

struct UploadStatus {
  uint64_t stored_bytes = 0;           // durable prefix
  std::optional<uint64_t> total_size;  // when the start declared it
  std::optional<Object> object;        // when finished
};

// Seven days after its start an unfinished upload is gone; 10,000 may be open (RESOURCE_EXHAUSTED).
inline constexpr std::chrono::hours kUploadLifetime{7 * 24};
inline constexpr size_t kOpenUploadLimit = 10'000;
inline constexpr size_t kComposeSourceLimit = 32;
// The same lifetime and cap hold for multipart uploads, counted by themselves.
inline constexpr int kMultipartPartLimit = 10'000;
inline constexpr uint64_t kMultipartPartBytesMin = 5ULL << 20;  // but for the last part
inline constexpr size_t kHeldGenerationLimit = 100'000;         // of one holder
inline constexpr size_t kHolderBytesLimit = 1024;
inline constexpr uint64_t kObjectSizeLimit = 5ULL << 40;

struct ComposeSource {
  std::string name;
  std::optional<int64_t> generation;
  std::optional<int64_t> if_generation_match;
};

struct CopySource {
  std::string bucket;
  std::string name;
  std::optional<int64_t> generation;
  Preconditions preconditions;
};

// Told now and then by what takes long: bytes done, of how many.
using ByteProgress = std::function<void(uint64_t done, uint64_t total)>;

// What Fsck() found. `problems` are sentences for a person; empty means index and disk agree.
struct FsckReport {
  uint64_t objects = 0;     // generations: live, noncurrent and soft-deleted
  uint64_t held = 0;        // generations held, each holder counted
  uint64_t uploads = 0;     // unfinished resumable uploads
  uint64_t parts = 0;       // of multipart uploads
  uint64_t references = 0;  // from objects, holds and parts to contents
  uint64_t contents = 0;    // stored once each
  uint64_t bytes = 0;       // of all contents
  uint64_t segments = 0;
  std::vector<std::string> problems;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // `bucket.name` must be valid and free (ALREADY_EXISTS "conflict"). Sets generation,
  // metageneration, times and defaults (location "US", class "STANDARD").
  virtual Result<Bucket> CreateBucket(const Bucket& bucket) = 0;
  virtual Result<Bucket> GetBucket(std::string_view name) = 0;
  virtual Result<ListBucketsPage> ListBuckets(const ListBucketsOptions& options) = 0;
  // Runs `edit` on the stored bucket inside the commit; name, owner, generation, metageneration and
  // times are put right afterwards. An error of `edit` leaves the bucket as it was. `edit` must be
  // quick and must not call the store.
  virtual Result<Bucket> UpdateBucket(std::string_view name, const Preconditions& preconditions,
                                      const std::function<Status(Bucket*)>& edit) = 0;
  // ABORTED "conflict" when any generation of any object is in it.
  virtual Status DeleteBucket(std::string_view name, const Preconditions& preconditions) = 0;

  // The live generation, or the given one even if noncurrent.
  virtual Result<Object> GetObject(std::string_view bucket, std::string_view name,
                                   std::optional<int64_t> generation = std::nullopt,
                                   const Preconditions& preconditions = {}) = 0;
  virtual Result<ListObjectsPage> ListObjects(std::string_view bucket,
                                              const ListObjectsOptions& options) = 0;
  // The object and all its bytes; cut the content to a range with Slice(). Contents of up to 1 GiB
  // that were not written or checked in the last ten minutes are read and checked first.
  virtual Result<OpenedObject> OpenObject(std::string_view bucket, std::string_view name,
                                          std::optional<int64_t> generation = std::nullopt,
                                          const Preconditions& preconditions = {}) = 0;
  // Writes the object's bytes into a new file at `host_path`, which must be a path of our own
  // making; ALREADY_EXISTS when it is there. Not synced.
  virtual Status CopyToFile(std::string_view bucket, std::string_view name,
                            std::optional<int64_t> generation, const std::string& host_path) = 0;
  virtual Result<std::unique_ptr<ObjectWriter>> NewWriter() = 0;
  // As UpdateBucket. Only what ObjectWriter::Commit takes from metadata can be changed.
  virtual Result<Object> UpdateObject(std::string_view bucket, std::string_view name,
                                      std::optional<int64_t> generation,
                                      const Preconditions& preconditions,
                                      const std::function<Status(Object*)>& edit) = 0;
  // With versioning on and no generation given, the live generation becomes noncurrent; otherwise
  // it is gone and its bytes are freed when nothing else uses them.
  virtual Status DeleteObject(std::string_view bucket, std::string_view name,
                              std::optional<int64_t> generation,
                              const Preconditions& preconditions) = 0;
  // Makes a noncurrent or soft-deleted generation live again, as a new generation with the same
  // bytes and metadata. The preconditions are about the live object.
  virtual Result<Object> RestoreObject(std::string_view bucket, std::string_view name,
                                       int64_t generation, const Preconditions& preconditions) = 0;
  // A generation deleted less than the bucket's softDeletePolicy ago: its soft_delete_time and
  // hard_delete_time say when.
  virtual Result<Object> GetSoftDeleted(std::string_view bucket, std::string_view name,
                                        int64_t generation) = 0;
  // The concatenation of 1..32 objects of destination.bucket(). Has no md5.
  virtual Result<Object> ComposeObject(const Object& destination,
                                       const std::vector<ComposeSource>& sources,
                                       const Preconditions& preconditions) = 0;
  // A new generation of bucket/name with the same bytes, at no cost in bytes. With `metadata` its
  // content headers and custom metadata replace the source's.
  virtual Result<Object> CopyObject(const CopySource& source, std::string_view bucket,
                                    std::string_view name, const std::optional<Object>& metadata,
                                    const Preconditions& preconditions) = 0;
  // The same and the source's live generation deleted, in one commit, within one bucket.
  virtual Result<Object> MoveObject(const CopySource& source, std::string_view name,
                                    const Preconditions& preconditions) = 0;

  // Resumable uploads; all survive a restart. The id has more than 128 random bits. For a stranger
  // or an unknown or expired id every call is NOT_FOUND; after a cancel too.
  virtual Result<std::string> StartUpload(const UploadStart& start) = 0;
  virtual Result<UploadStatus> GetUpload(std::string_view id, std::string_view principal) = 0;
  // What the upload was started with.
  virtual Result<UploadStart> DescribeUpload(std::string_view id, std::string_view principal) = 0;
  // Bytes that belong at `offset`. What is stored already is skipped; OUT_OF_RANGE when `offset` is
  // past the stored end (never a hole). Not durable until GetUpload or FinishUpload returns.
  virtual Status AppendUpload(std::string_view id, std::string_view principal, uint64_t offset,
                              std::string_view bytes) = 0;
  // Makes exactly `total_size` stored bytes the object; OUT_OF_RANGE when there are fewer or more.
  // Repeated after success it returns the same object. `expected` adds to the start's. A wrong hash
  // ends the upload.
  virtual Result<Object> FinishUpload(std::string_view id, std::string_view principal,
                                      uint64_t total_size, const ExpectedContent& expected) = 0;
  virtual Status CancelUpload(std::string_view id, std::string_view principal) = 0;

  // Multipart uploads; they survive a restart. NOT_FOUND "noSuchUpload" for an unknown, expired or
  // aborted one, and when bucket or name are not the upload's.
  // `start.expected` and `start.preconditions` are not used.
  virtual Result<std::string> StartMultipart(const UploadStart& start) = 0;
  // Makes the parts, in the order given, the object. Parts not named are dropped. Has no md5, as
  // composed objects. INVALID_ARGUMENT "invalidPartOrder" unless numbers ascend, "invalidPart" for
  // one that is not there or has another md5, "entityTooSmall". Repeated after success it returns
  // the same object.
  virtual Result<Object> CompleteMultipart(const MultipartKey& upload,
                                           const std::vector<CompletedPart>& parts,
                                           const Preconditions& preconditions) = 0;
  virtual Status AbortMultipart(const MultipartKey& upload) = 0;
  // Parts with a number above `after`, at most `limit` (1..1000).
  virtual Result<ListPartsPage> ListParts(const MultipartKey& upload, int after, size_t limit) = 0;
  virtual Result<ListMultipartsPage> ListMultiparts(std::string_view bucket,
                                                    const ListMultipartsOptions& options) = 0;

  // References: a holder, for example "version:projects/p/models/m/versions/v", keeps generations'
  // bytes readable after the objects were overwritten or deleted and after their bucket is gone.
  // Nothing is copied. Durable, and all or none. Generations the holder has already stay held; a
  // generation of 0 means the live one. Returns the objects as held, in the order given.
  // NOT_FOUND for a generation that is not there; RESOURCE_EXHAUSTED at kHeldGenerationLimit.
  virtual Result<std::vector<Object>> HoldGenerations(
      std::string_view holder, const std::vector<GenerationName>& generations) = 0;
  // Lets go of all of them; bytes nobody else refers to are freed. Fine when there are none.
  virtual Status ReleaseGenerations(std::string_view holder) = 0;
  // What it holds, as it was when it was held; by bucket, name and generation.
  virtual Result<std::vector<Object>> ListHeld(std::string_view holder) = 0;
  // Holders whose name starts with `prefix`, sorted, so that an owner can find what it forgot.
  virtual Result<std::vector<std::string>> ListHolders(std::string_view prefix) = 0;
  // As OpenObject and CopyToFile, by reference. NOT_FOUND when the holder does not hold it.
  virtual Result<OpenedObject> OpenHeld(std::string_view holder,
                                        const GenerationName& generation) = 0;
  virtual Status CopyHeldToFile(std::string_view holder, const GenerationName& generation,
                                const std::string& host_path) = 0;

  // A bounded piece of housekeeping: drops expired uploads and soft-deleted objects, moves what
  // lives in sparse segments together and frees the rest. Called again and again by the server;
  // returns whether more is waiting.
  virtual Result<bool> Sweep() = 0;

  // Compares every content's size and CRC with the index, reference counts with references, and
  // the disk with both. Slow: reads everything. Uploads may go on meanwhile. `progress` may be
  // empty.
  virtual Result<FsckReport> Fsck(const ByteProgress& progress = {}) = 0;

  // The live generation when it was read lately and its bytes are in memory; nullopt when that is
  // not so, for any reason: OpenObject says which. Never blocks, so it may run on an I/O thread.
  virtual std::optional<ReadyObject> FindReady(std::string_view bucket, std::string_view name) = 0;
};

struct LocalObjectStoreOptions {
  std::string directory;  // created when missing; ours alone
  const Clock* clock = &SystemClock();
  // Objects up to this many bytes share append-only segment files.
  uint64_t small_object_bytes = 64 * 1024;
  // A segment is closed when it has grown past this.
  uint64_t segment_bytes = 256ULL << 20;
};

// FAILED_PRECONDITION for a second process or a newer schema, DATA_LOSS for a damaged index, each
// saying what to do. Removes what an earlier crash left half done.
Result<std::unique_ptr<ObjectStore>> OpenLocalObjectStore(const LocalObjectStoreOptions& options);
// For --ephemeral and as the fake: everything in memory.
std::unique_ptr<ObjectStore> MakeMemoryObjectStore(const Clock* clock = &SystemClock());

}  // namespace hodei::store
