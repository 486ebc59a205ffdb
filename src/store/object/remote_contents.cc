#include "store/object/remote_contents.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "store/object/file_contents.h"
#include "sys/file.h"

namespace hodei::store {

Result<std::unique_ptr<RemoteContents>> RemoteContents::Create(Parts parts) {
  RETURN_IF_ERROR(MakeDirectories(parts.directory + "/content"));
  RETURN_IF_ERROR(SyncDirectory(parts.directory));
  S3Client* server = parts.server.get();
  const std::string prefix = parts.prefix;
  ASSIGN_OR_RETURN(
      std::unique_ptr<ContentCache> cache,
      ContentCache::Create(parts.cache_folder, parts.cache_bytes,
                           [server, prefix](int64_t id, uint64_t offset, uint64_t length,
                                            const std::function<Status(std::string_view)>& sink) {
                             return server->Get(fmt::format("{}content/{:016x}", prefix, id),
                                                offset, length, sink);
                           }));
  return std::unique_ptr<RemoteContents>(new RemoteContents(std::move(parts), std::move(cache)));
}

RemoteContents::RemoteContents(Parts parts, std::unique_ptr<ContentCache> cache)
    : parts_(std::move(parts)), cache_(std::move(cache)), gate_(parts_.directory) {
  for (int i = 0; i < kRemovingThreads; ++i) {
    removers_.emplace_back([this](const std::stop_token& stop) { RemoveLoop(stop); });
  }
}

RemoteContents::~RemoteContents() {
  for (std::jthread& remover : removers_) remover.request_stop();
  parts_.server->Stop();
  wake_.notify_all();
}

std::string RemoteContents::KeyOf(int64_t id) const {
  return fmt::format("{}content/{:016x}", parts_.prefix, id);
}

std::string RemoteContents::FileOf(int64_t id) const {
  return parts_.directory + ContentFileName(id);
}

Result<UniqueFd> RemoteContents::CreateFile(int64_t id) {
  const std::string path = FileOf(id);
  Result<UniqueFd> fd = OpenFile(path, O_RDWR | O_CREAT | O_EXCL);
  if (fd.status().code() == Code::kNotFound) {
    RETURN_IF_ERROR(MakeDirectories(path.substr(0, path.rfind('/'))));
    RETURN_IF_ERROR(SyncDirectory(parts_.directory + "/content"));
    fd = OpenFile(path, O_RDWR | O_CREAT | O_EXCL);
  }
  RETURN_IF_ERROR(fd.status());
  std::lock_guard lock(files_mutex_);
  unsent_.insert(id);
  return fd;
}

Result<UniqueFd> RemoteContents::ReopenFile(int64_t id) { return OpenFile(FileOf(id), O_RDWR); }

// Of an upload that is not finished: it belongs here until it is.
Status RemoteContents::SyncFile(int64_t id, int fd) {
  if (fdatasync(fd) != 0) return ErrnoStatus(errno, "fdatasync content");
  const std::string path = FileOf(id);
  return SyncDirectory(path.substr(0, path.rfind('/')));
}

Status RemoteContents::FinishFile(int64_t id, int fd, uint64_t size) {
  {
    std::lock_guard lock(files_mutex_);
    unsent_.erase(id);
  }
  const Status status = parts_.server->PutFile(KeyOf(id), fd, size);
  // What the server says is not there is no object that somebody asked for.
  return status.code() == Code::kNotFound ? Unavailable(status.message()) : status;
}

void RemoteContents::KeepFile(int64_t id, uint64_t size) {
  // What cannot be kept is fetched when it is asked for.
  if (!cache_->Adopt(id, size, FileOf(id)).ok()) unlink(FileOf(id).c_str());
}

void RemoteContents::RemoveFile(int64_t id) {
  unlink(FileOf(id).c_str());
  cache_->Forget(id);
  {
    std::lock_guard lock(files_mutex_);
    if (unsent_.erase(id) > 0) return;
  }
  {
    std::lock_guard lock(removals_mutex_);
    if (removing_.size() >= parts_.removals_waiting || !removing_.insert(id).second) return;
    removals_.push_back(id);
  }
  wake_.notify_one();
}

void RemoteContents::FinishRemovals() {
  {
    std::lock_guard lock(removals_mutex_);
    removals_.insert(removals_.end(), put_off_.begin(), put_off_.end());
    put_off_.clear();
  }
  wake_.notify_all();
}

void RemoteContents::RemoveLoop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    int64_t id = 0;
    {
      std::unique_lock lock(removals_mutex_);
      wake_.wait(lock, stop, [this] { return !removals_.empty(); });
      if (stop.stop_requested() || removals_.empty()) return;
      id = removals_.front();
      removals_.pop_front();
    }
    const bool gone = RemoveStored(id);
    std::lock_guard lock(removals_mutex_);
    if (gone) {
      removing_.erase(id);
    } else {
      put_off_.push_back(id);
    }
  }
}

// Somebody who opened the content before it was removed reads on.
bool RemoteContents::RemoveStored(int64_t id) {
  if (cache_->InUse(id)) return false;
  bool allowed = false;
  {
    std::lock_guard lock(gate_mutex_);
    gate_.Pass([&allowed] { allowed = true; });
  }
  return allowed && parts_.server->Delete(KeyOf(id)).ok();
}

Result<SegmentPlace> RemoteContents::AppendSmall(std::string_view bytes) {
  if (!bytes.empty()) return Internal("only empty contents have no file");
  return SegmentPlace{kSegment, 0};
}

Result<std::string> RemoteContents::ReadSmall(const ContentRow& row) {
  if (row.size_bytes != 0) return DataLoss("only empty contents have no file");
  return std::string();
}

Result<LargeContent> RemoteContents::OpenLarge(const ContentRow& row) {
  // On its way, or just there.
  Result<UniqueFd> unfinished = OpenFile(FileOf(row.id), O_RDONLY);
  if (unfinished.ok()) return LargeContent{*std::move(unfinished), nullptr};
  ASSIGN_OR_RETURN(ContentCache::Opened opened,
                   cache_->Open(row.id, row.size_bytes, row.size_bytes <= kFetchedWholeBytes));
  return LargeContent{std::move(opened.fd), std::move(opened.filler), opened.fetched};
}

bool RemoteContents::DropCopy(int64_t id) {
  cache_->Forget(id);
  return true;
}

Result<bool> RemoteContents::Vouches(const ContentRow& row) {
  ASSIGN_OR_RETURN(const uint64_t size, parts_.server->Size(KeyOf(row.id)));
  return size == row.size_bytes;
}

std::vector<int64_t> RemoteContents::IdsOf(const S3Page& page, int64_t limit) const {
  std::vector<int64_t> ids;
  const size_t start = parts_.prefix.size() + std::string_view("content/").size();
  for (const S3Entry& entry : page.entries) {
    if (entry.key.size() < start) continue;
    const int64_t id = ParseContentName(std::string_view(entry.key).substr(start));
    if (id >= 0 && id < limit) ids.push_back(id);
  }
  return ids;
}

Result<std::vector<int64_t>> RemoteContents::ListFiles() {
  std::vector<int64_t> ids;
  std::string token;
  do {
    ASSIGN_OR_RETURN(const S3Page page, parts_.server->List(parts_.prefix + "content/", token));
    const std::vector<int64_t> more = IdsOf(page, INT64_MAX);
    ids.insert(ids.end(), more.begin(), more.end());
    token = page.next_token;
  } while (!token.empty());
  std::sort(ids.begin(), ids.end());
  // What is about to go is as good as gone.
  std::lock_guard lock(removals_mutex_);
  std::erase_if(ids, [this](int64_t id) { return removing_.contains(id); });
  return ids;
}

Result<std::vector<int64_t>> RemoteContents::ListLeftovers() {
  return ListContentFiles(parts_.directory);
}

// Of contents that nobody will finish: their ids were given out before the start. They cost room
// and harm nothing, so a server that cannot list them is no error.
void RemoteContents::AbortUploads() {
  uploads_aborted_ = true;
  const Result<std::vector<S3Upload>> uploads =
      parts_.server->ListUploads(parts_.prefix + "content/");
  if (!uploads.ok()) return;
  for (const S3Upload& upload : *uploads) {
    const S3Page page{{S3Entry{upload.key, 0}}, ""};
    if (!IdsOf(page, parts_.next_content_id).empty()) (void)parts_.server->AbortUpload(upload);
  }
}

Result<std::optional<std::vector<int64_t>>> RemoteContents::NextStored() {
  using Page = std::optional<std::vector<int64_t>>;
  if (listed_all_) return Page();
  if (!uploads_aborted_) AbortUploads();
  ASSIGN_OR_RETURN(const S3Page page, parts_.server->List(parts_.prefix + "content/", next_page_));
  next_page_ = page.next_token;
  listed_all_ = next_page_.empty();
  return Page(IdsOf(page, parts_.next_content_id));
}

}  // namespace hodei::store
