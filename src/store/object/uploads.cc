// Resumable uploads. The row holds what is durable; a LiveUpload holds what has arrived. Bytes go
// to a content file from the start, so that finishing costs no copy.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/failpoint.h"
#include "base/random_id.h"
#include "store/object/file_bytes.h"
#include "store/object/indexed_store.h"
#include "store/object/live_upload.h"
#include "store/object/names.h"
#include "store/object/object_metadata.h"
#include "store/object/preconditions.h"

namespace hodei::store {
namespace {

using google::storage::v1::Upload;

// Open files kept for uploads that may go on; the rest are opened again when asked for.
constexpr size_t kLiveUploadLimit = 256;
constexpr size_t kUploadIdCharacters = 64;

Status NoSuchUpload() {
  return NotFound("The upload session does not exist or has expired.").WithReason("notFound");
}

std::string KeyOf(std::string_view id) { return Sha256(id); }

int64_t UnixSeconds(WallTime time) { return time.unix_nanos / 1'000'000'000; }

Upload ToUpload(const UploadStart& start) {
  Upload out;
  out.set_principal(start.principal);
  *out.mutable_object() = start.object;
  const Preconditions& p = start.preconditions;
  if (p.if_generation_match) out.set_if_generation_match(*p.if_generation_match);
  if (p.if_generation_not_match) out.set_if_generation_not_match(*p.if_generation_not_match);
  if (p.if_metageneration_match) out.set_if_metageneration_match(*p.if_metageneration_match);
  if (p.if_metageneration_not_match) {
    out.set_if_metageneration_not_match(*p.if_metageneration_not_match);
  }
  out.set_expected_md5(start.expected.md5);
  if (start.expected.crc32c) out.set_expected_crc32c(*start.expected.crc32c);
  if (start.expected.size) out.set_expected_size(*start.expected.size);
  return out;
}

UploadStart ToStart(const Upload& upload) {
  UploadStart out;
  out.principal = upload.principal();
  out.object = upload.object();
  if (upload.has_if_generation_match()) {
    out.preconditions.if_generation_match = upload.if_generation_match();
  }
  if (upload.has_if_generation_not_match()) {
    out.preconditions.if_generation_not_match = upload.if_generation_not_match();
  }
  if (upload.has_if_metageneration_match()) {
    out.preconditions.if_metageneration_match = upload.if_metageneration_match();
  }
  if (upload.has_if_metageneration_not_match()) {
    out.preconditions.if_metageneration_not_match = upload.if_metageneration_not_match();
  }
  out.expected.md5 = upload.expected_md5();
  if (upload.has_expected_crc32c()) out.expected.crc32c = upload.expected_crc32c();
  if (upload.has_expected_size()) out.expected.size = upload.expected_size();
  return out;
}

// An upload may expire while somebody still sends.
Status CheckStillThere(Index& index, const std::string& key) {
  ASSIGN_OR_RETURN(const std::optional<UploadRow> row, index.FindUpload(key));
  return row ? OkStatus() : NoSuchUpload();
}

}  // namespace

Result<std::string> IndexedStore::StartUpload(const UploadStart& start) {
  RETURN_IF_ERROR(CheckObjectName(start.object.name()));
  RETURN_IF_ERROR(CheckMetadata(start.object));
  if (start.expected.size.value_or(0) > kObjectSizeLimit) {
    return InvalidArgument("Objects must not exceed 5 TiB.").WithReason("uploadTooLarge");
  }
  const std::string id = RandomId(kUploadIdCharacters);
  UploadRow row;
  row.key = KeyOf(id);
  row.upload = ToUpload(start);
  row.content_id = ids_.Take();
  row.created_unix_seconds = UnixSeconds(clock_.Now());
  const Status status = Change([&](Index& index, Freed*) -> Status {
    ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, start.object.bucket()));
    RETURN_IF_ERROR(CheckWrite(index, bucket, start.object.name(), start.preconditions));
    ASSIGN_OR_RETURN(const size_t open, index.CountOpenUploads());
    if (open >= kOpenUploadLimit) {
      return ResourceExhausted("Too many unfinished uploads; finish or cancel some first.")
          .WithReason("rateLimitExceeded");
    }
    return index.PutUpload(row);
  });
  ids_.Done(row.content_id);
  RETURN_IF_ERROR(status);
  return id;
}

Result<std::shared_ptr<LiveUpload>> IndexedStore::FindUpload(std::string_view id,
                                                             std::string_view principal) {
  const std::string key = KeyOf(id);
  std::shared_ptr<LiveUpload> upload;
  {
    std::lock_guard lock(uploads_mutex_);
    if (const auto it = uploads_.find(key); it != uploads_.end()) upload = it->second;
  }
  if (upload == nullptr) {
    ASSIGN_OR_RETURN(upload, LoadUpload(key));
  }
  const int64_t expires =
      upload->created_unix_seconds + std::chrono::seconds(kUploadLifetime).count();
  if (upload->principal != principal || UnixSeconds(clock_.Now()) >= expires) {
    return NoSuchUpload();
  }
  std::lock_guard lock(uploads_mutex_);
  upload->last_use = clock_.Monotonic();
  return upload;
}

Result<std::shared_ptr<LiveUpload>> IndexedStore::LoadUpload(const std::string& key) {
  auto upload = std::make_shared<LiveUpload>(&md5_threads_, tools_.digest_key);
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(std::optional<UploadRow> row, index.FindUpload(key));
    if (!row) return NoSuchUpload();
    upload->row = *std::move(row);
    return OkStatus();
  }));
  upload->key = key;
  upload->principal = upload->row.upload.principal();
  upload->created_unix_seconds = upload->row.created_unix_seconds;
  if (upload->row.state == UploadRow::State::kFinished) return upload;  // nothing to go on with
  EvictIdleUploads();
  std::lock_guard lock(uploads_mutex_);
  // Somebody else may have loaded it meanwhile: there must be one only.
  const auto [it, inserted] = uploads_.emplace(key, upload);
  return it->second;
}

// Only uploads that nobody holds; what had arrived of them is made durable first.
void IndexedStore::EvictIdleUploads() {
  std::shared_ptr<LiveUpload> oldest;
  {
    std::lock_guard lock(uploads_mutex_);
    if (uploads_.size() < kLiveUploadLimit) return;
    for (const auto& [key, upload] : uploads_) {
      if (upload.use_count() != 1) continue;
      if (oldest == nullptr || upload->last_use < oldest->last_use) oldest = upload;
    }
  }
  if (oldest == nullptr) return;
  {
    std::lock_guard lock(oldest->mutex);
    if (!SyncUpload(oldest.get()).ok()) return;
  }
  std::lock_guard lock(uploads_mutex_);
  // Two: this function and the map. Otherwise somebody came back to it.
  if (oldest.use_count() == 2) uploads_.erase(oldest->key);
}

// Opens the file and recomputes the hashes of its durable part.
Status IndexedStore::RehashUpload(LiveUpload* upload) {
  const UploadRow& row = upload->row;
  Result<UniqueFd> fd = row.stored_bytes == 0 ? contents_.CreateFile(row.content_id)
                                              : contents_.ReopenFile(row.content_id);
  if (row.stored_bytes == 0 && fd.status().code() == Code::kAlreadyExists) {
    fd = contents_.ReopenFile(row.content_id);
  }
  RETURN_IF_ERROR_CTX(fd.status(), "open the upload");
  // Bytes past the durable end may be anything after a crash.
  if (ftruncate(fd->get(), static_cast<off_t>(row.stored_bytes)) != 0) {
    return ErrnoStatus(errno, "truncate upload");
  }
  Md5Stream md5(&md5_threads_);
  ContentDigest digest(tools_.digest_key);
  const ContentRow content{row.content_id, row.stored_bytes, row.stored_crc32c, 0, 0, 0, ""};
  RETURN_IF_ERROR_CTX(ReadContent(content,
                                  [&](std::string_view piece) {
                                    md5.Update(piece);
                                    digest.Update(piece);
                                    return OkStatus();
                                  }),
                      "read the upload back");
  upload->md5 = std::move(md5);
  upload->digest = std::move(digest);
  upload->crc32c = row.stored_crc32c;
  upload->stored_bytes = row.stored_bytes;
  upload->flushed_bytes = row.stored_bytes;
  upload->fd = *std::move(fd);
  return OkStatus();
}

Status IndexedStore::SyncUpload(LiveUpload* upload) {
  if (upload->dropped || upload->stored_bytes == upload->row.stored_bytes) return OkStatus();
  RETURN_IF_ERROR(contents_.SyncFile(upload->row.content_id, upload->fd.get()));
  UploadRow row = upload->row;
  row.stored_bytes = upload->stored_bytes;
  row.stored_crc32c = upload->crc32c;
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("object.upload.record"));
  RETURN_IF_ERROR(Change([&](Index& index, Freed*) -> Status {
    RETURN_IF_ERROR(CheckStillThere(index, row.key));
    return index.PutUpload(row);
  }));
  upload->row = std::move(row);
  return OkStatus();
}

Result<UploadStatus> IndexedStore::GetUpload(std::string_view id, std::string_view principal) {
  ASSIGN_OR_RETURN(const std::shared_ptr<LiveUpload> upload, FindUpload(id, principal));
  std::lock_guard lock(upload->mutex);
  if (upload->dropped) return NoSuchUpload();
  UploadStatus out;
  if (upload->row.state == UploadRow::State::kFinished) {
    out.object = upload->row.result;
    out.stored_bytes = upload->row.result.size();
    out.total_size = out.stored_bytes;
    return out;
  }
  if (upload->fd) RETURN_IF_ERROR(SyncUpload(upload.get()));
  out.stored_bytes = upload->row.stored_bytes;
  if (upload->row.upload.has_expected_size()) out.total_size = upload->row.upload.expected_size();
  return out;
}

Result<UploadStart> IndexedStore::DescribeUpload(std::string_view id, std::string_view principal) {
  ASSIGN_OR_RETURN(const std::shared_ptr<LiveUpload> upload, FindUpload(id, principal));
  std::lock_guard lock(upload->mutex);
  if (upload->dropped) return NoSuchUpload();
  return ToStart(upload->row.upload);
}

Status IndexedStore::AppendUpload(std::string_view id, std::string_view principal, uint64_t offset,
                                  std::string_view bytes) {
  ASSIGN_OR_RETURN(const std::shared_ptr<LiveUpload> upload, FindUpload(id, principal));
  std::lock_guard lock(upload->mutex);
  if (upload->dropped) return NoSuchUpload();
  const bool finished = upload->row.state == UploadRow::State::kFinished;
  if (!finished && !upload->fd) RETURN_IF_ERROR(RehashUpload(upload.get()));
  const uint64_t stored = finished ? upload->row.result.size() : upload->stored_bytes;
  if (offset > stored) {
    return OutOfRange(
               fmt::format("The upload has {} bytes; a chunk cannot start at {}.", stored, offset))
        .WithReason("invalid");
  }
  const uint64_t skip = std::min<uint64_t>(stored - offset, bytes.size());
  bytes.remove_prefix(skip);
  if (bytes.empty()) return OkStatus();
  if (finished) return OutOfRange("The upload is finished.").WithReason("invalid");
  if (stored + bytes.size() > kObjectSizeLimit) {
    return InvalidArgument("Objects must not exceed 5 TiB.").WithReason("uploadTooLarge");
  }
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("object.upload.write"));
  RETURN_IF_ERROR_CTX(WriteAt(upload->fd.get(), bytes, stored), "keep an upload's bytes");
  upload->md5.Update(bytes);
  upload->digest.Update(bytes);
  upload->crc32c = Crc32c(upload->crc32c, bytes);
  upload->stored_bytes += bytes.size();
  if (upload->stored_bytes - upload->flushed_bytes >= kWritebackBytes) {
    StartWriteback(upload->fd.get(), upload->flushed_bytes, upload->stored_bytes);
    upload->flushed_bytes = upload->stored_bytes;
  }
  return OkStatus();
}

Result<Object> IndexedStore::FinishUpload(std::string_view id, std::string_view principal,
                                          uint64_t total_size, const ExpectedContent& expected) {
  ASSIGN_OR_RETURN(const std::shared_ptr<LiveUpload> upload, FindUpload(id, principal));
  std::lock_guard lock(upload->mutex);
  if (upload->dropped) return NoSuchUpload();
  if (upload->row.state == UploadRow::State::kFinished) {
    if (upload->row.result.size() != total_size) {
      return OutOfRange("The upload is finished with another size.").WithReason("invalid");
    }
    return upload->row.result;
  }
  if (!upload->fd) RETURN_IF_ERROR(RehashUpload(upload.get()));
  if (upload->stored_bytes != total_size) {
    return OutOfRange(
               fmt::format("The upload has {} of {} bytes.", upload->stored_bytes, total_size))
        .WithReason("invalid");
  }
  return FinishLocked(upload.get(), expected);
}

namespace {

// The bytes of an upload that is being finished.
class UploadContent : public NewContent {
 public:
  UploadContent(LiveUpload* upload, ContentFacts facts, ContentStore* contents)
      : upload_(*upload), facts_(std::move(facts)), contents_(*contents) {}

  // A small object goes where small objects are; its file is given back.
  void SetSmall(std::string bytes) { small_ = std::move(bytes); }
  bool kept_file() const { return kept_ && !small_; }

  const ContentFacts& facts() const override { return facts_; }
  bool large() const override { return !small_; }
  Status Sync() override {
    return contents_.FinishFile(upload_.row.content_id, upload_.fd.get(), facts_.size_bytes);
  }
  Result<int64_t> Store(Index& index, const std::string& digest) override {
    ContentRow row{upload_.row.content_id, facts_.size_bytes, facts_.crc32c, 0, 0, 1, digest};
    if (small_) RETURN_IF_ERROR(StoreSmall(index, contents_, *small_, &row));
    RETURN_IF_ERROR(index.PutContent(row));
    return row.id;
  }
  void Keep() override {
    kept_ = true;
    if (!small_) contents_.KeepFile(upload_.row.content_id, facts_.size_bytes);
  }

 private:
  LiveUpload& upload_;
  const ContentFacts facts_;
  ContentStore& contents_;
  std::optional<std::string> small_;
  bool kept_ = false;
};

}  // namespace

Status IndexedStore::InstallUpload(LiveUpload* upload, const std::string& md5, UploadRow* row) {
  const UploadStart start = ToStart(row->upload);
  Object object = TakeMetadata(start.object);
  object.set_size(upload->stored_bytes);
  object.set_md5_hash(md5);
  object.set_crc32c(upload->crc32c);
  const ContentRow file{row->content_id, upload->stored_bytes, upload->crc32c, 0, 0, 1, ""};
  UploadContent content(upload, {upload->stored_bytes, upload->crc32c, upload->digest.Final()},
                        &contents_);
  upload->digest = ContentDigest(tools_.digest_key);
  if (upload->stored_bytes <= parts_.small_object_bytes) {
    std::string bytes;
    RETURN_IF_ERROR(ReadContent(file, [&bytes](std::string_view piece) {
      bytes += piece;
      return OkStatus();
    }));
    content.SetSmall(std::move(bytes));
  }
  ContentSharing sharing(&content);
  RETURN_IF_ERROR(PrepareSharing(&sharing));
  row->state = UploadRow::State::kFinished;
  row->stored_bytes = upload->stored_bytes;
  row->stored_crc32c = upload->crc32c;
  RETURN_IF_ERROR(
      ChangeWith(&sharing, [&](Index& index, const PlaceFunction& place, Freed* freed) -> Status {
        RETURN_IF_ERROR(CheckStillThere(index, row->key));
        ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, start.object.bucket()));
        RETURN_IF_ERROR(CheckWrite(index, bucket, start.object.name(), start.preconditions));
        ASSIGN_OR_RETURN(const int64_t placed, place());
        ASSIGN_OR_RETURN(row->result, Install(index, bucket, object, placed, freed));
        return index.PutUpload(*row);
      }));
  if (!content.kept_file()) contents_.RemoveFile(row->content_id);
  return OkStatus();
}

Result<Object> IndexedStore::FinishLocked(LiveUpload* upload, const ExpectedContent& expected) {
  // A failure after this needs the hash again: it is recomputed from the file then.
  const std::string md5 = upload->md5.Final();
  upload->md5 = Md5Stream(&md5_threads_);
  Status hashes = CheckExpected(ToStart(upload->row.upload).expected, upload->stored_bytes, md5,
                                upload->crc32c);
  if (hashes.ok()) hashes = CheckExpected(expected, upload->stored_bytes, md5, upload->crc32c);
  if (!hashes.ok()) {
    upload->dropped = true;
    (void)DropUpload(upload->key);
    return hashes;
  }
  UploadRow row = upload->row;
  const Status status = InstallUpload(upload, md5, &row);
  if (!status.ok()) {
    // The upload goes on as it was: the next request reads the hashes back from the file.
    const Status synced = SyncUpload(upload);
    upload->fd.Reset();
    return synced.ok() ? status : synced;
  }
  upload->row = std::move(row);
  upload->fd.Reset();
  std::lock_guard lock(uploads_mutex_);
  uploads_.erase(upload->key);
  return upload->row.result;
}

// Forgets the upload and its bytes.
Status IndexedStore::DropUpload(const std::string& key) {
  {
    std::lock_guard lock(uploads_mutex_);
    uploads_.erase(key);
  }
  return Change(
      [&](Index& index, Freed* freed) -> Status {
        ASSIGN_OR_RETURN(const std::optional<UploadRow> row, index.FindUpload(key));
        if (!row) return OkStatus();
        if (row->state == UploadRow::State::kOpen) {
          freed->contents.push_back(ContentRow{row->content_id, 0, 0, 0, 0, 0, ""});
        }
        return index.RemoveUpload(key);
      },
      WriteKind::kFrees);
}

Status IndexedStore::CancelUpload(std::string_view id, std::string_view principal) {
  ASSIGN_OR_RETURN(const std::shared_ptr<LiveUpload> upload, FindUpload(id, principal));
  std::lock_guard lock(upload->mutex);
  if (upload->dropped) return NoSuchUpload();
  upload->dropped = true;
  upload->fd.Reset();
  return DropUpload(upload->key);
}

}  // namespace hodei::store
