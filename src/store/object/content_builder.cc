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

Status StoreSmall(Index& index, ContentStore& contents, std::string_view bytes, ContentRow* row) {
  ASSIGN_OR_RETURN(const SegmentPlace place, contents.AppendSmall(bytes));
  row->segment = place.segment;
  row->offset = place.offset;
  return index.AddLiveBytes(place.segment, static_cast<int64_t>(bytes.size()));
}

void StartWriteback(int fd, uint64_t from, uint64_t to) {
  sync_file_range(fd, static_cast<off_t>(from), static_cast<off_t>(to - from),
                  SYNC_FILE_RANGE_WRITE);
}

ContentBuilder::ContentBuilder(const ContentTools* tools, Md5 md5)
    : tools_(*tools), id_(tools->ids->Take()), digest_(tools->digest_key) {
  if (md5 == Md5::kYes) md5_stream_.emplace(tools->md5_threads);
}

ContentBuilder::~ContentBuilder() {
  if (fd_ && !kept_) tools_.contents->RemoveFile(id_);
  tools_.ids->Done(id_);
}

Status ContentBuilder::Append(std::string_view bytes) {
  if (!fd_ && facts_.size_bytes + bytes.size() > tools_.small_bytes) RETURN_IF_ERROR(Spill());
  if (fd_) {
    RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("object.content.write"));
    RETURN_IF_ERROR(WriteAll(fd_.get(), bytes));
  } else {
    small_.append(bytes);
  }
  if (md5_stream_) md5_stream_->Update(bytes);
  facts_.crc32c = Crc32c(facts_.crc32c, bytes);
  digest_.Update(bytes);
  facts_.size_bytes += bytes.size();
  if (fd_ && facts_.size_bytes - flushed_bytes_ >= kWritebackBytes) {
    StartWriteback(fd_.get(), flushed_bytes_, facts_.size_bytes);
    flushed_bytes_ = facts_.size_bytes;
  }
  return OkStatus();
}

Status ContentBuilder::Spill() {
  ASSIGN_OR_RETURN(fd_, tools_.contents->CreateFile(id_));
  RETURN_IF_ERROR(WriteAll(fd_.get(), small_));
  small_ = std::string();
  return OkStatus();
}

void ContentBuilder::End() { facts_.digest = digest_.Final(); }

const std::string& ContentBuilder::FinishMd5() {
  if (md5_stream_) {
    md5_ = md5_stream_->Final();
    md5_stream_.reset();
  }
  return md5_;
}

Status ContentBuilder::Sync() {
  return tools_.contents->FinishFile(id_, fd_.get(), facts_.size_bytes);
}

void ContentBuilder::Keep() {
  kept_ = true;
  if (fd_) tools_.contents->KeepFile(id_, facts_.size_bytes);
}

Result<int64_t> ContentBuilder::Store(Index& index, const std::string& digest) {
  ContentRow row{id_, facts_.size_bytes, facts_.crc32c, 0, 0, 1, digest};
  if (!fd_) RETURN_IF_ERROR(StoreSmall(index, *tools_.contents, small_, &row));
  RETURN_IF_ERROR(index.PutContent(row));
  return id_;
}

}  // namespace hodei::store
