// The object store's semantics, over any index and any contents. Reads look rows up in a snapshot
// and then open bytes; changes run inside one index write each.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "store/object/content_builder.h"
#include "store/object/content_store.h"
#include "store/object/index.h"
#include "store/object/new_content.h"
#include "store/object/object_store.h"
#include "store/object/recent_rows.h"

namespace hodei::store {

// What a committed change leaves to be removed from disk.
struct Freed {
  std::vector<ContentRow> contents;
  std::vector<int64_t> segments;
};

struct LiveUpload;

class IndexedStore : public ObjectStore {
 public:
  struct Parts {
    std::unique_ptr<ContentStore> contents;
    std::unique_ptr<IndexDatabase> database;  // its before_commit syncs `contents`
    const Clock* clock = nullptr;             // not owned
    uint64_t small_object_bytes = 64 * 1024;
    uint64_t segment_bytes = 256ULL << 20;
    int64_t next_content_id = 1;
    std::string digest_key;     // of content digests
    bool check_orphans = true;  // in Fsck(): nobody else may be writing
    UniqueFd lock;              // held as long as the store
  };
  explicit IndexedStore(Parts parts);
  ~IndexedStore() override;

  // Removes what no row refers to, and puts upload rows right. Before the first use.
  Status Recover();

  Result<Bucket> CreateBucket(const Bucket& bucket) override;
  Result<Bucket> GetBucket(std::string_view name) override;
  Result<ListBucketsPage> ListBuckets(const ListBucketsOptions& options) override;
  Result<Bucket> UpdateBucket(std::string_view name, const Preconditions& preconditions,
                              const std::function<Status(Bucket*)>& edit) override;
  Status DeleteBucket(std::string_view name, const Preconditions& preconditions) override;
  Result<Object> GetObject(std::string_view bucket, std::string_view name,
                           std::optional<int64_t> generation,
                           const Preconditions& preconditions) override;
  Result<ListObjectsPage> ListObjects(std::string_view bucket,
                                      const ListObjectsOptions& options) override;
  Result<OpenedObject> OpenObject(std::string_view bucket, std::string_view name,
                                  std::optional<int64_t> generation,
                                  const Preconditions& preconditions) override;
  std::optional<ReadyObject> FindReady(std::string_view bucket, std::string_view name) override;
  Status CopyToFile(std::string_view bucket, std::string_view name,
                    std::optional<int64_t> generation, const std::string& host_path) override;
  Result<std::unique_ptr<ObjectWriter>> NewWriter() override;
  Result<Object> UpdateObject(std::string_view bucket, std::string_view name,
                              std::optional<int64_t> generation, const Preconditions& preconditions,
                              const std::function<Status(Object*)>& edit) override;
  Status DeleteObject(std::string_view bucket, std::string_view name,
                      std::optional<int64_t> generation,
                      const Preconditions& preconditions) override;
  Result<Object> ComposeObject(const Object& destination, const std::vector<ComposeSource>& sources,
                               const Preconditions& preconditions) override;
  Result<Object> CopyObject(const CopySource& source, std::string_view bucket,
                            std::string_view name, const std::optional<Object>& metadata,
                            const Preconditions& preconditions) override;
  Result<Object> MoveObject(const CopySource& source, std::string_view name,
                            const Preconditions& preconditions) override;
  Result<std::string> StartUpload(const UploadStart& start) override;
  Result<UploadStatus> GetUpload(std::string_view id, std::string_view principal) override;
  Result<UploadStart> DescribeUpload(std::string_view id, std::string_view principal) override;
  Status AppendUpload(std::string_view id, std::string_view principal, uint64_t offset,
                      std::string_view bytes) override;
  Result<Object> FinishUpload(std::string_view id, std::string_view principal, uint64_t total_size,
                              const ExpectedContent& expected) override;
  Status CancelUpload(std::string_view id, std::string_view principal) override;
  Result<Object> RestoreObject(std::string_view bucket, std::string_view name, int64_t generation,
                               const Preconditions& preconditions) override;
  Result<Object> GetSoftDeleted(std::string_view bucket, std::string_view name,
                                int64_t generation) override;
  Result<std::string> StartMultipart(const UploadStart& start) override;
  Result<Object> CompleteMultipart(const MultipartKey& upload,
                                   const std::vector<CompletedPart>& parts,
                                   const Preconditions& preconditions) override;
  Status AbortMultipart(const MultipartKey& upload) override;
  Result<ListPartsPage> ListParts(const MultipartKey& upload, int after, size_t limit) override;
  Result<ListMultipartsPage> ListMultiparts(std::string_view bucket,
                                            const ListMultipartsOptions& options) override;
  Result<std::vector<Object>> HoldGenerations(
      std::string_view holder, const std::vector<GenerationName>& generations) override;
  Status ReleaseGenerations(std::string_view holder) override;
  Result<std::vector<Object>> ListHeld(std::string_view holder) override;
  Result<std::vector<std::string>> ListHolders(std::string_view prefix) override;
  Result<OpenedObject> OpenHeld(std::string_view holder, const GenerationName& generation) override;
  Status CopyHeldToFile(std::string_view holder, const GenerationName& generation,
                        const std::string& host_path) override;
  Result<bool> Sweep() override;
  Result<FsckReport> Fsck(const ByteProgress& progress) override;

 private:
  friend class IndexedWriter;

  // One durable change; afterwards removes what it freed.
  Status Change(const std::function<Status(Index&, Freed*)>& change,
                WriteKind kind = WriteKind::kAny);
  void Remove(const Freed& freed);
  Result<BucketRow> FindBucket(Index& index, std::string_view name) const;
  // The live row, or the given generation's. NOT_FOUND otherwise.
  Result<ObjectRow> FindObject(Index& index, const BucketRow& bucket, std::string_view name,
                               std::optional<int64_t> generation) const;
  // Makes `object` (its content fields set) the live generation, with content `content_id`.
  Result<Object> Install(Index& index, const BucketRow& bucket, Object object, int64_t content_id,
                         Freed* freed);
  // What becomes of the live row when it is overwritten or deleted.
  Status Supersede(Index& index, const BucketRow& bucket, ObjectRow live, Freed* freed);
  // What becomes of a generation that is gone: kept for the time of soft deletion, or freed.
  Status Discard(Index& index, const BucketRow& bucket, ObjectRow row, Freed* freed);
  bool Due(const Object& soft_deleted) const;
  Status Reference(Index& index, int64_t content_id);
  Status Unreference(Index& index, int64_t content_id, Freed* freed);
  // A closed segment without contents goes.
  Status FreeIfEmpty(Index& index, int64_t segment, Freed* freed);
  // Checks preconditions and holds of writing to `name`; run before bytes are put anywhere.
  Status CheckWrite(Index& index, const BucketRow& bucket, std::string_view name,
                    const Preconditions& preconditions) const;
  Result<Object> CommitContent(ContentSharing* sharing, const Object& object,
                               const Preconditions& preconditions);
  // See content_sharing.cc. `change` checks first, then places the content, then changes the rest;
  // it may run several times.
  using PlaceFunction = std::function<Result<int64_t>()>;
  Status ChangeWith(ContentSharing* sharing,
                    const std::function<Status(Index&, const PlaceFunction&, Freed*)>& change);
  Status PrepareSharing(ContentSharing* sharing);
  Status SyncSharing(ContentSharing* sharing);
  void CheckTwin(ContentSharing* sharing);
  Result<int64_t> PlaceContent(Index& index, ContentSharing* sharing);
  Result<MultipartPart> CommitPartContent(ContentSharing* sharing, const MultipartKey& upload,
                                          int number, const std::string& md5);
  Result<Object> CopyRow(Index& index, const BucketRow& bucket, const ObjectRow& source,
                         std::string_view name, const std::optional<Object>& metadata,
                         Freed* freed);
  // Reads a content whole, in pieces, checking its CRC.
  Status ReadContent(const ContentRow& row, const std::function<Status(std::string_view)>& sink);
  // Finds the row of what is to be read; an error when it is not there.
  using RowFinder = std::function<Result<ObjectRow>(Index&)>;
  // The views must outlive the finder.
  // `found_in` may be null.
  RowFinder FinderOf(std::string_view bucket, std::string_view name,
                     std::optional<int64_t> generation, const Preconditions& preconditions,
                     BucketRow* found_in = nullptr) const;
  RowFinder HeldFinder(std::string_view holder, const GenerationName& generation) const;
  Result<Object> FindWithContent(const RowFinder& find, ContentRow* content);
  // NOT_FOUND when the bytes have just moved: look the row up again.
  Result<std::variant<std::string, FileSlice>> OpenContent(const ContentRow& row);
  Status CheckBeforeSending(const ContentRow& row);
  // `content`: the row that the bytes were opened by.
  Result<OpenedObject> OpenFound(const RowFinder& find, ContentRow* content);
  Status CopyFound(const RowFinder& find, const std::string& host_path);

  // The upload, opened for this process; NOT_FOUND when unknown, expired or a stranger's.
  Result<std::shared_ptr<LiveUpload>> FindUpload(std::string_view id, std::string_view principal);
  Result<std::shared_ptr<LiveUpload>> LoadUpload(const std::string& key);
  Status RehashUpload(LiveUpload* upload);
  // Makes what has arrived durable. With upload->mutex held.
  Status SyncUpload(LiveUpload* upload);
  Status DropUpload(const std::string& key);
  void EvictIdleUploads();
  Result<Object> FinishLocked(LiveUpload* upload, const ExpectedContent& expected);
  Status InstallUpload(LiveUpload* upload, const std::string& md5, UploadRow* row);

  // NOT_FOUND "noSuchUpload" when unknown or expired.
  Result<MultipartRow> FindMultipart(Index& index, const MultipartKey& key) const;
  Status RemoveParts(Index& index, const std::string& upload_id, Freed* freed);
  Result<std::vector<PartRow>> ChooseParts(const MultipartKey& upload,
                                           const std::vector<CompletedPart>& parts,
                                           MultipartRow* row);
  Result<Object> AssembleParts(const MultipartKey& key, const MultipartRow& upload,
                               const std::vector<PartRow>& parts,
                               const Preconditions& preconditions);

  // Parts of Sweep(); true when more is waiting.
  int64_t UploadsExpireBefore() const;
  Result<bool> SweepUploads();
  Result<bool> SweepMultiparts();
  Result<bool> SweepSoftDeleted();
  Result<bool> SweepUnowned();
  Status SweepSegments();
  Result<std::optional<int64_t>> FindSparseSegment();
  Result<bool> Compact();
  Status MoveSmall(Index& index, const ContentRow& from, const std::string& bytes);

  // Parts of Fsck().
  struct FsckSnapshot;
  Status TakeFsckSnapshot(FsckSnapshot* snapshot, FsckReport* report);
  Status CheckContent(const ContentRow& row);
  Status CheckContents(FsckSnapshot* snapshot, const ByteProgress& progress, FsckReport* report);
  Status CheckSegments(const FsckSnapshot& snapshot, FsckReport* report);
  Status CheckUploads(const FsckSnapshot& snapshot, FsckReport* report);
  Status CheckOrphans(const FsckSnapshot& snapshot, const std::vector<int64_t>& files,
                      FsckReport* report);

  Parts parts_;
  ContentStore& contents_;
  RecentRows recent_;
  std::unique_ptr<IndexDatabase> database_;  // parts_'s, whose writes recent_ is told of
  const Clock& clock_;
  ContentIds ids_;
  // More than there are cores would only hold memory.
  Md5Threads md5_threads_{
      static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 2U, 64U))};
  const ContentTools tools_;
  RecentlyChecked recently_checked_;

  std::mutex uploads_mutex_;
  // Uploads somebody is sending now. shared_ptr: a request may hold one while it is dropped here.
  std::map<std::string, std::shared_ptr<LiveUpload>> uploads_;  // by key; guarded
};

// Shared words of the operations.
google::protobuf::Timestamp ToMilliseconds(WallTime time);
Status NoSuchObject(std::string_view bucket, std::string_view name);
// INVALID_ARGUMENT when the bytes are not what was said.
Status CheckExpected(const ExpectedContent& expected, uint64_t size, const std::string& md5,
                     uint32_t crc32c);

}  // namespace hodei::store
