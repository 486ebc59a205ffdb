#include "store/object/file_contents.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "base/failpoint.h"
#include "store/object/file_bytes.h"
#include "store/object/file_remover.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr int kFolders = 256;

// Segments that are open for reading. Thread-safe.
class SegmentFiles {
 public:
  std::shared_ptr<const UniqueFd> FindOpen(int64_t segment) const {
    std::lock_guard lock(mutex_);
    const auto it = open_.find(segment);
    return it == open_.end() ? nullptr : it->second;
  }
  Result<std::shared_ptr<const UniqueFd>> Open(int64_t segment, const std::string& path) {
    std::shared_ptr<const UniqueFd> fd = FindOpen(segment);
    if (fd != nullptr) return fd;
    ASSIGN_OR_RETURN(UniqueFd opened, OpenFile(path, O_RDONLY));
    fd = std::make_shared<const UniqueFd>(std::move(opened));
    std::lock_guard lock(mutex_);
    struct stat facts {};
    // Removed meanwhile: for this reader only.
    if (fstat(fd->get(), &facts) != 0 || facts.st_nlink == 0) return fd;
    if (open_.size() >= kOpenSegmentsMax) open_.clear();
    open_[segment] = fd;
    return fd;
  }
  // After its removal: its space is free when the last reader has closed it.
  void Forget(int64_t segment) {
    std::lock_guard lock(mutex_);
    open_.erase(segment);
  }

 private:
  mutable std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<const UniqueFd>> open_;  // guarded by mutex_
};

class FileContents : public ContentStore {
 public:
  FileContents(std::string directory, uint64_t segment_bytes, int64_t next_segment)
      : directory_(std::move(directory)),
        segment_bytes_(segment_bytes),
        removals_(directory_),
        next_segment_(next_segment) {}

  Result<UniqueFd> CreateFile(int64_t id) override {
    RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("object.content.create"));
    Result<UniqueFd> fd = OpenFile(FilePath(id), O_RDWR | O_CREAT | O_EXCL);
    if (fd.status().code() != Code::kNotFound) return fd;
    RETURN_IF_ERROR(MakeDirectories(FolderPath(id)));
    RETURN_IF_ERROR(SyncDirectory(directory_ + "/content"));
    return OpenFile(FilePath(id), O_RDWR | O_CREAT | O_EXCL);
  }

  Result<UniqueFd> ReopenFile(int64_t id) override { return OpenFile(FilePath(id), O_RDWR); }

  Status SyncFile(int64_t id, int fd) override {
    RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("object.content.sync"));
    if (fdatasync(fd) != 0) return ErrnoStatus(errno, "fdatasync content");
    RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("object.content.sync_directory"));
    return SyncDirectory(FolderPath(id));
  }

  void RemoveFile(int64_t id) override { removals_.Remove(FilePath(id)); }

  Result<SegmentPlace> AppendSmall(std::string_view bytes) override {
    if (open_segment_ == 0 || end_ + pending_.size() >= segment_bytes_) {
      RETURN_IF_ERROR(SyncSegments());
      RETURN_IF_ERROR(OpenSegment());
    }
    const SegmentPlace place{open_segment_, end_ + pending_.size()};
    pending_.append(bytes);
    return place;
  }

  Status SyncSegments() override {
    if (pending_.empty()) return OkStatus();
    Status status = HODEI_FAILPOINT_STATUS("object.segment.write");
    if (status.ok()) {
      status = Annotate(WriteAt(segment_fd_.get(), pending_, end_), "append to a segment");
    }
    if (status.ok()) status = HODEI_FAILPOINT_STATUS("object.segment.sync");
    if (status.ok() && fdatasync(segment_fd_.get()) != 0) {
      status = ErrnoStatus(errno, "fdatasync segment");
    }
    if (!status.ok()) {
      // What a failed sync left on disk is unknown: nothing more goes into this file.
      pending_.clear();
      open_segment_ = 0;
      segment_fd_.Reset();
      return status;
    }
    end_ += pending_.size();
    pending_.clear();
    return OkStatus();
  }

  void RemoveSegment(int64_t segment) override {
    removals_.Remove(SegmentPath(segment));
    segment_files_.Forget(segment);
  }
  void FinishRemovals() override { removals_.Finish(); }

  int64_t open_segment() const override { return open_segment_; }

  // The bytes stay until their segment is empty or compacted.
  void ReleaseSmall(const ContentRow&) override {}

  Result<LargeContent> OpenLarge(const ContentRow& row) override {
    ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(FilePath(row.id), O_RDONLY));
    return LargeContent{std::move(fd), nullptr};
  }

  Result<std::string> ReadSmall(const ContentRow& row) override {
    ASSIGN_OR_RETURN(const std::shared_ptr<const UniqueFd> fd,
                     segment_files_.Open(row.segment, SegmentPath(row.segment)));
    ASSIGN_OR_RETURN_CTX(std::string bytes, ReadAt(fd->get(), row.offset, row.size_bytes),
                         fmt::format("segment {}", row.segment));
    return bytes;
  }

  std::optional<std::string> ReadSmallNow(const ContentRow& row) override {
    const std::shared_ptr<const UniqueFd> fd = segment_files_.FindOpen(row.segment);
    if (fd == nullptr) return std::nullopt;
    std::string bytes(row.size_bytes, '\0');
    iovec part{bytes.data(), bytes.size()};
    const ssize_t n = preadv2(fd->get(), &part, 1, static_cast<off_t>(row.offset), RWF_NOWAIT);
    if (n != static_cast<ssize_t>(bytes.size())) return std::nullopt;
    return bytes;
  }

  bool counts_segments() const override { return true; }

  Result<uint64_t> SegmentBytes(int64_t segment) override {
    struct stat facts {};
    if (stat(SegmentPath(segment).c_str(), &facts) != 0) return ErrnoStatus(errno, "stat segment");
    return static_cast<uint64_t>(facts.st_size);
  }

  Result<std::vector<int64_t>> ListFiles() override { return ListContentFiles(directory_); }

  Result<std::vector<int64_t>> ListSegments() override {
    std::vector<int64_t> ids;
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(directory_ + "/segments"));
    for (const std::string& name : names) {
      if (const int64_t id = ParseContentName(name); id >= 0) ids.push_back(id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  Status MakeFolders() {
    RETURN_IF_ERROR(MakeDirectories(directory_ + "/segments"));
    RETURN_IF_ERROR(MakeDirectories(directory_ + "/content"));
    RETURN_IF_ERROR(SyncDirectory(directory_ + "/content"));
    RETURN_IF_ERROR(SyncDirectory(directory_));
    ASSIGN_OR_RETURN(const std::vector<int64_t> segments, ListSegments());
    if (!segments.empty()) next_segment_ = std::max(next_segment_, segments.back() + 1);
    return OkStatus();
  }

 private:
  std::string FolderPath(int64_t id) const {
    return fmt::format("{}/content/{:02x}", directory_, id & 0xff);
  }
  std::string FilePath(int64_t id) const { return directory_ + ContentFileName(id); }
  std::string SegmentPath(int64_t segment) const { return directory_ + SegmentFileName(segment); }

  Status OpenSegment() {
    const int64_t segment = next_segment_++;
    ASSIGN_OR_RETURN(segment_fd_, OpenFile(SegmentPath(segment), O_WRONLY | O_CREAT | O_EXCL));
    const Status synced = SyncDirectory(directory_ + "/segments");
    if (!synced.ok()) {
      segment_fd_.Reset();
      open_segment_ = 0;
      return synced;
    }
    open_segment_ = segment;
    end_ = 0;
    return OkStatus();
  }

  const std::string directory_;
  const uint64_t segment_bytes_;
  FileRemover removals_;
  SegmentFiles segment_files_;
  // The rest belongs to the index writer.
  int64_t next_segment_;
  int64_t open_segment_ = 0;
  UniqueFd segment_fd_;
  uint64_t end_ = 0;     // written and synced
  std::string pending_;  // appended since
};

}  // namespace

std::string ContentFileName(int64_t id) {
  return fmt::format("/content/{:02x}/{:016x}", id & 0xff, id);
}

int64_t ParseContentName(std::string_view name) {
  if (name.size() != 16) return -1;
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id, 16);
  if (error != std::errc() || end != name.data() + name.size()) return -1;
  return id > INT64_MAX ? -1 : static_cast<int64_t>(id);
}

Result<std::vector<int64_t>> ListContentFiles(const std::string& directory) {
  std::vector<int64_t> ids;
  for (int folder = 0; folder < kFolders; ++folder) {
    const Result<std::vector<std::string>> names =
        ListDirectory(fmt::format("{}/content/{:02x}", directory, folder));
    if (names.status().code() == Code::kNotFound) continue;  // made when first needed
    RETURN_IF_ERROR(names.status());
    for (const std::string& name : *names) {
      if (const int64_t id = ParseContentName(name); id >= 0) ids.push_back(id);
    }
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string SegmentFileName(int64_t segment) { return fmt::format("/segments/{:016x}", segment); }

Result<std::unique_ptr<ContentStore>> OpenFileContents(const std::string& directory,
                                                       uint64_t segment_bytes,
                                                       int64_t next_segment) {
  auto contents = std::make_unique<FileContents>(directory, segment_bytes, next_segment);
  RETURN_IF_ERROR(contents->MakeFolders());
  return std::unique_ptr<ContentStore>(std::move(contents));
}

}  // namespace hodei::store
