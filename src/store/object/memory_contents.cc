#include "store/object/memory_contents.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace hodei::store {
namespace {

Result<UniqueFd> Duplicate(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return ErrnoStatus(errno, "dup");
  return copy;
}

}  // namespace

Result<UniqueFd> MemoryContents::CreateFile(int64_t id) {
  UniqueFd fd(memfd_create("object", MFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "memfd_create");
  ASSIGN_OR_RETURN(UniqueFd copy, Duplicate(fd.get()));
  std::lock_guard lock(mutex_);
  files_[id] = std::move(fd);
  return copy;
}

Result<UniqueFd> MemoryContents::ReopenFile(int64_t id) {
  std::lock_guard lock(mutex_);
  const auto it = files_.find(id);
  if (it == files_.end()) return NotFound("content file");
  return Duplicate(it->second.get());
}

void MemoryContents::RemoveFile(int64_t id) {
  std::lock_guard lock(mutex_);
  files_.erase(id);
}

Result<SegmentPlace> MemoryContents::AppendSmall(std::string_view bytes) {
  auto held = std::make_shared<const std::string>(bytes);
  std::lock_guard lock(mutex_);
  const uint64_t offset = next_offset_++;
  small_[offset] = std::move(held);
  return SegmentPlace{kSegment, offset};
}

void MemoryContents::ReleaseSmall(const ContentRow& row) {
  std::lock_guard lock(mutex_);
  small_.erase(row.offset);
}

Result<LargeContent> MemoryContents::OpenLarge(const ContentRow& row) {
  ASSIGN_OR_RETURN(UniqueFd fd, ReopenFile(row.id));
  return LargeContent{std::move(fd), nullptr};
}

Result<std::string> MemoryContents::ReadSmall(const ContentRow& row) {
  std::shared_ptr<const std::string> held;  // copied outside the lock
  {
    std::lock_guard lock(mutex_);
    const auto it = small_.find(row.offset);
    if (it == small_.end()) return NotFound("small content");
    held = it->second;
  }
  return *held;
}

std::optional<std::string> MemoryContents::ReadSmallNow(const ContentRow& row) {
  Result<std::string> bytes = ReadSmall(row);
  return bytes.ok() ? std::optional(*std::move(bytes)) : std::nullopt;
}

Result<std::vector<int64_t>> MemoryContents::ListFiles() {
  std::lock_guard lock(mutex_);
  std::vector<int64_t> ids;
  for (const auto& [id, fd] : files_) ids.push_back(id);
  return ids;
}

}  // namespace hodei::store
