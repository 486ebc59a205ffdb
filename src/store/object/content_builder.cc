#include "store/object/content_builder.h"

#include <fcntl.h>

#include "base/failpoint.h"
#include "sys/file.h"

namespace hodei::store {

int64_t ContentIds::Take() {
  std::lock_guard lock(mutex_);
  open_.insert(next_);
  return next_++;
}

void ContentIds::Done(int64_t id) {
  std::lock_guard lock(mutex_);
  open_.erase(id);
}

bool ContentIds::InProgress(int64_t id) const {
  std::lock_guard lock(mutex_);
  return open_.contains(id);
}

void StartWriteback(int fd, uint64_t from, uint64_t to) {
  sync_file_range(fd, static_cast<off_t>(from), static_cast<off_t>(to - from),
                  SYNC_FILE_RANGE_WRITE);
}

ContentBuilder::ContentBuilder(ContentStore* contents, ContentIds* ids, uint64_t small_bytes,
                               Md5Threads* md5_threads)
    : contents_(*contents), ids_(*ids), small_bytes_(small_bytes), id_(ids->Take()) {
  if (md5_threads != nullptr) md5_stream_.emplace(md5_threads);
}

ContentBuilder::~ContentBuilder() {
  if (fd_ && !kept_) contents_.RemoveFile(id_);
  ids_.Done(id_);
}

Status ContentBuilder::Append(std::string_view bytes) {
  if (!fd_ && size_bytes_ + bytes.size() > small_bytes_) RETURN_IF_ERROR(Spill());
  if (fd_) {
    RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("object.content.write"));
    RETURN_IF_ERROR(WriteAll(fd_.get(), bytes));
  } else {
    small_.append(bytes);
  }
  if (md5_stream_) md5_stream_->Update(bytes);
  crc32c_ = Crc32c(crc32c_, bytes);
  size_bytes_ += bytes.size();
  if (fd_ && size_bytes_ - flushed_bytes_ >= kWritebackBytes) {
    StartWriteback(fd_.get(), flushed_bytes_, size_bytes_);
    flushed_bytes_ = size_bytes_;
  }
  return OkStatus();
}

Status ContentBuilder::Spill() {
  ASSIGN_OR_RETURN(fd_, contents_.CreateFile(id_));
  RETURN_IF_ERROR(WriteAll(fd_.get(), small_));
  small_ = std::string();
  return OkStatus();
}

Status ContentBuilder::Finish() {
  // The disk and the hash finish side by side.
  const Status synced = fd_ ? contents_.SyncFile(id_, fd_.get()) : OkStatus();
  if (md5_stream_) md5_ = md5_stream_->Final();
  return synced;
}

Result<int64_t> ContentBuilder::Store(Index& index) const {
  ContentRow row{id_, size_bytes_, crc32c_, 0, 0, 1};
  if (!fd_) {
    ASSIGN_OR_RETURN(const SegmentPlace place, contents_.AppendSmall(small_));
    row.segment = place.segment;
    row.offset = place.offset;
  }
  RETURN_IF_ERROR(index.PutContent(row));
  return id_;
}

}  // namespace hodei::store
