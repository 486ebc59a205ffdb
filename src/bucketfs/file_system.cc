#include "bucketfs/file_system.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace hodei::bucketfs {

struct FileSystem::Handle {
  enum class Kind { kReader, kWriter, kFolder };
  std::mutex mutex;  // guards everything below that is not const after the handle was made
  Kind kind = Kind::kReader;
  std::string path;   // written while both mutexes are held
  ObjectInfo object;  // of a reader

  // Of a writer: `sent` bytes are in the upload session or, once it was finished, in the object.
  std::string session;
  std::string pending;
  uint64_t sent = 0;
  bool stored = false;   // the object holds the first `sent` bytes
  bool written = false;  // something is to be stored: new file, or bytes since the last time
  int failed = 0;        // a lost piece cannot be made good

  // Of a folder.
  std::vector<DirectoryEntry> entries;
  std::string next_page;
  bool complete = false;
};

namespace {

constexpr size_t kMaxNameBytes = 255;
constexpr size_t kMaxObjectBytes = 1024;

int ErrnoOf(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return 0;
    case Code::kNotFound:
      return -ENOENT;
    case Code::kPermissionDenied:
    case Code::kUnauthenticated:
      return -EACCES;
    case Code::kFailedPrecondition:
      return -EBUSY;
    default:
      return -EIO;
  }
}

bool IsFileName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." && name != ".." &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

FileSystem::FileSystem(std::unique_ptr<BucketClient> buckets) : buckets_(std::move(buckets)) {
  nodes_[kRoot] = {"", 1};
  numbers_[""] = kRoot;
}

FileSystem::~FileSystem() = default;

FileSystem::Place FileSystem::PlaceOf(const std::string& path) {
  const size_t slash = path.find('/');
  if (slash == std::string::npos) return {path, ""};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string FileSystem::PathOf(uint64_t node) {
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(node);
  return it == nodes_.end() ? "" : it->second.path;
}

int FileSystem::ChildPath(uint64_t parent, const std::string& name, std::string* path) {
  if (name.size() > kMaxNameBytes) return -ENAMETOOLONG;
  if (!IsFileName(name)) return -EINVAL;
  const std::string above = PathOf(parent);
  *path = above.empty() ? name : above + "/" + name;
  return PlaceOf(*path).object.size() > kMaxObjectBytes ? -ENAMETOOLONG : 0;
}

uint64_t FileSystem::Remember(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto [it, added] = numbers_.try_emplace(path, next_node_);
  if (added) nodes_[next_node_++].path = path;
  ++nodes_[it->second].lookups;
  return it->second;
}

void FileSystem::Forget(uint64_t node, uint64_t times) {
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(node);
  if (node == kRoot || it == nodes_.end()) return;
  it->second.lookups -= std::min(it->second.lookups, times);
  if (it->second.lookups != 0) return;
  DropName(it->second.path, node);
  nodes_.erase(it);
}

// A name may have passed on to another node meanwhile.
void FileSystem::DropName(const std::string& path, uint64_t node) {
  const auto it = numbers_.find(path);
  if (it != numbers_.end() && it->second == node) numbers_.erase(it);
}

// What gets this name next is another file.
void FileSystem::ForgetName(const std::string& path) {
  const std::lock_guard lock(mutex_);
  numbers_.erase(path);
}

std::shared_ptr<FileSystem::Handle> FileSystem::WriterOf(const std::string& path) {
  const std::lock_guard lock(mutex_);
  // The latest: one that was closed may still be waiting to be released.
  for (auto it = handles_.rbegin(); it != handles_.rend(); ++it) {
    if (it->second->kind == Handle::Kind::kWriter && it->second->path == path) return it->second;
  }
  return nullptr;
}

int FileSystem::Describe(const std::string& path, Attributes* attributes) {
  *attributes = {};
  attributes->folder = true;
  if (path.empty()) return 0;
  const Place place = PlaceOf(path);
  if (place.object.empty()) return ErrnoOf(buckets_->FindBucket(place.bucket));
  if (const auto writer = WriterOf(path)) {
    const std::lock_guard lock(writer->mutex);
    attributes->folder = false;
    attributes->size = writer->sent + writer->pending.size();
    return 0;
  }
  const auto object = buckets_->Find(place.bucket, place.object);
  if (object.ok()) {
    attributes->folder = false;
    attributes->size = object->size;
    attributes->modified_seconds = object->updated_seconds;
    return 0;
  }
  if (object.status().code() != Code::kNotFound) return ErrnoOf(object.status());
  const auto below = buckets_->List(place.bucket, place.object + "/", "", 1);
  if (!below.ok()) return ErrnoOf(below.status());
  return below->objects.empty() && below->prefixes.empty() ? -ENOENT : 0;
}

int FileSystem::Lookup(uint64_t parent, const std::string& name, Attributes* found) {
  std::string path;
  int error = ChildPath(parent, name, &path);
  if (error == -EINVAL) error = -ENOENT;
  if (error == 0) error = Describe(path, found);
  // No bucket has such a name; the server says so in its own way.
  if (error == -EIO && path.find('/') == std::string::npos) error = -ENOENT;
  if (error == 0) found->node = Remember(path);
  return error;
}

int FileSystem::GetAttributes(uint64_t node, Attributes* attributes) {
  const int error = Describe(PathOf(node), attributes);
  attributes->node = node;
  return error;
}

int FileSystem::Truncate(uint64_t node, uint64_t size, Attributes* attributes) {
  const std::string path = PathOf(node);
  const int error = GetAttributes(node, attributes);
  if (error != 0) return error;
  if (attributes->folder) return -EISDIR;
  if (size == attributes->size) return 0;
  // As truncate(2) before a write: nothing stays of the object.
  if (size != 0 || WriterOf(path) != nullptr) return -EOPNOTSUPP;
  const Place place = PlaceOf(path);
  attributes->size = 0;
  return ErrnoOf(buckets_->Put(place.bucket, place.object, "").status());
}

int FileSystem::AddHandle(std::shared_ptr<Handle> handle, uint64_t* number) {
  const std::lock_guard lock(mutex_);
  if (handles_.size() >= kMaxHandles) return -EMFILE;
  if (handle->kind == Handle::Kind::kWriter) {
    const auto writers = std::count_if(handles_.begin(), handles_.end(), [](const auto& other) {
      return other.second->kind == Handle::Kind::kWriter;
    });
    if (static_cast<size_t>(writers) >= kMaxWriters) return -EMFILE;
  }
  *number = next_handle_++;
  handles_[*number] = std::move(handle);
  return 0;
}

std::shared_ptr<FileSystem::Handle> FileSystem::Find(uint64_t handle) {
  const std::lock_guard lock(mutex_);
  const auto it = handles_.find(handle);
  return it == handles_.end() ? nullptr : it->second;
}

int FileSystem::OpenWriter(const std::string& path, uint64_t size, bool exists, uint64_t* handle) {
  auto writer = std::make_shared<Handle>();
  writer->kind = Handle::Kind::kWriter;
  writer->path = path;
  writer->sent = size;
  writer->stored = exists;
  writer->written = !exists;
  return AddHandle(std::move(writer), handle);
}

int FileSystem::Open(uint64_t node, int flags, uint64_t* handle) {
  const std::string path = PathOf(node);
  const Place place = PlaceOf(path);
  if (place.object.empty()) return -EISDIR;
  if ((flags & O_ACCMODE) != O_RDONLY) {
    if ((flags & O_TRUNC) != 0) return OpenWriter(path, 0, false, handle);
    Attributes now;
    const int error = Describe(path, &now);
    if (error != 0) return error;
    if (now.folder) return -EISDIR;
    // What is there cannot be changed in place; more can come behind it.
    return OpenWriter(path, now.size, true, handle);
  }
  auto object = buckets_->Find(place.bucket, place.object);
  if (!object.ok()) return ErrnoOf(object.status());
  auto reader = std::make_shared<Handle>();
  reader->path = path;
  reader->object = *std::move(object);
  return AddHandle(std::move(reader), handle);
}

int FileSystem::Create(uint64_t parent, const std::string& name, Attributes* made,
                       uint64_t* handle) {
  std::string path;
  int error = ChildPath(parent, name, &path);
  if (error != 0) return error;
  if (PlaceOf(path).object.empty()) return -EPERM;  // buckets are made by other means
  error = OpenWriter(path, 0, false, handle);
  if (error != 0) return error;
  *made = {};
  made->node = Remember(path);
  return 0;
}

int FileSystem::Read(uint64_t handle, uint64_t offset, size_t size, std::string* bytes) {
  const auto reader = Find(handle);
  if (reader == nullptr) return -EBADF;
  if (reader->kind != Handle::Kind::kReader) return -EOPNOTSUPP;
  auto read = buckets_->Read(PlaceOf(reader->path).bucket, reader->object, offset, size);
  if (!read.ok()) return ErrnoOf(read.status());
  *bytes = *std::move(read);
  return 0;
}

int FileSystem::SendPiece(Handle* handle) {
  const Place place = PlaceOf(handle->path);
  if (handle->session.empty()) {
    auto session = buckets_->BeginUpload(place.bucket, place.object);
    if (!session.ok()) return ErrnoOf(session.status());
    handle->session = *std::move(session);
  }
  const Status sent = buckets_->UploadPiece(handle->session, handle->sent, handle->pending, false);
  if (!sent.ok()) return ErrnoOf(sent);
  handle->sent += handle->pending.size();
  handle->pending.clear();
  return 0;
}

int FileSystem::Write(uint64_t handle, uint64_t offset, const char* bytes, size_t size) {
  const auto writer = Find(handle);
  if (writer == nullptr || writer->kind != Handle::Kind::kWriter) return -EBADF;
  const std::lock_guard lock(writer->mutex);
  if (writer->failed != 0) return writer->failed;
  if (offset != writer->sent + writer->pending.size()) return -EOPNOTSUPP;
  writer->written = writer->written || size > 0;
  while (size > 0) {
    const size_t part = std::min(size, kPieceBytes - writer->pending.size());
    writer->pending.append(bytes, part);
    bytes += part;
    size -= part;
    if (writer->pending.size() < kPieceBytes) break;
    // Behind an object that is stored already comes a tail, which is appended as a whole.
    writer->failed = writer->stored ? Finish(writer.get()) : SendPiece(writer.get());
    if (writer->failed != 0) return writer->failed;
    writer->written = true;
  }
  return 0;
}

// Afterwards the object holds everything; what is written later is appended to it.
int FileSystem::Finish(Handle* handle) {
  const Place place = PlaceOf(handle->path);
  Status status;
  if (!handle->session.empty()) {
    status = buckets_->UploadPiece(handle->session, handle->sent, handle->pending, true);
  } else if (handle->stored && handle->sent > 0) {
    if (!handle->pending.empty()) {
      status = buckets_->Append(place.bucket, place.object, handle->pending).status();
    }
  } else {
    status = buckets_->Put(place.bucket, place.object, handle->pending).status();
  }
  if (!status.ok()) return ErrnoOf(status);
  handle->session.clear();
  handle->sent += handle->pending.size();
  handle->pending.clear();
  handle->stored = true;
  handle->written = false;
  return 0;
}

int FileSystem::Flush(uint64_t handle) {
  const auto writer = Find(handle);
  if (writer == nullptr) return -EBADF;
  if (writer->kind != Handle::Kind::kWriter) return 0;
  const std::lock_guard lock(writer->mutex);
  if (writer->failed != 0) return writer->failed;
  // A descriptor that was duplicated is closed more than once, often before the first write.
  if (!writer->written || (writer->sent + writer->pending.size() == 0 && writer->stored)) return 0;
  writer->failed = Finish(writer.get());
  return writer->failed;
}

void FileSystem::Release(uint64_t handle) {
  (void)Flush(handle);
  std::shared_ptr<Handle> ended = Find(handle);
  if (ended == nullptr) return;
  {
    const std::lock_guard lock(ended->mutex);
    if (!ended->session.empty()) (void)buckets_->CancelUpload(ended->session).ok();
  }
  const std::lock_guard lock(mutex_);
  handles_.erase(handle);
}

int FileSystem::OpenFolder(uint64_t node, uint64_t* handle) {
  auto folder = std::make_shared<Handle>();
  folder->kind = Handle::Kind::kFolder;
  folder->path = PathOf(node);
  folder->entries = {{".", true}, {"..", true}};
  return AddHandle(std::move(folder), handle);
}

int FileSystem::FetchPage(Handle* handle) {
  if (handle->path.empty()) {
    const auto buckets = buckets_->ListBuckets();
    if (!buckets.ok()) return ErrnoOf(buckets.status());
    for (const std::string& name : *buckets) handle->entries.push_back({name, true});
    handle->complete = true;
    return 0;
  }
  const Place place = PlaceOf(handle->path);
  const std::string prefix = place.object.empty() ? "" : place.object + "/";
  const auto page = buckets_->List(place.bucket, prefix, handle->next_page, kPageEntries);
  if (!page.ok()) return ErrnoOf(page.status());
  // Names that no file can have are left out: "a//b", "..", the folder's own placeholder.
  for (const std::string& below : page->prefixes) {
    const std::string name = below.substr(prefix.size(), below.size() - prefix.size() - 1);
    if (IsFileName(name)) handle->entries.push_back({name, true});
  }
  for (const ObjectInfo& object : page->objects) {
    const std::string name = object.name.substr(std::min(prefix.size(), object.name.size()));
    if (IsFileName(name)) handle->entries.push_back({name, false});
  }
  handle->next_page = page->next;
  handle->complete = page->next.empty();
  return 0;
}

int FileSystem::ReadFolder(uint64_t handle, uint64_t index, DirectoryEntry* entry, bool* found) {
  const auto folder = Find(handle);
  if (folder == nullptr || folder->kind != Handle::Kind::kFolder) return -EBADF;
  const std::lock_guard lock(folder->mutex);
  while (index >= folder->entries.size() && !folder->complete) {
    const int error = FetchPage(folder.get());
    if (error != 0) return error;
  }
  *found = index < folder->entries.size();
  if (*found) *entry = folder->entries[index];
  return 0;
}

int FileSystem::MakeFolder(uint64_t parent, const std::string& name, Attributes* made) {
  std::string path;
  int error = ChildPath(parent, name, &path);
  if (error != 0) return error;
  const Place place = PlaceOf(path);
  if (place.object.empty()) return -EPERM;
  // A placeholder, as Google's own tools leave one for an empty folder.
  error = ErrnoOf(buckets_->Put(place.bucket, place.object + "/", "").status());
  if (error != 0) return error;
  *made = {};
  made->folder = true;
  made->node = Remember(path);
  return 0;
}

int FileSystem::RemoveFolder(uint64_t parent, const std::string& name) {
  std::string path;
  const int error = ChildPath(parent, name, &path);
  if (error != 0) return error;
  const Place place = PlaceOf(path);
  if (place.object.empty()) return -EPERM;
  const std::string prefix = place.object + "/";
  const auto below = buckets_->List(place.bucket, prefix, "", 2);
  if (!below.ok()) return ErrnoOf(below.status());
  const bool placeholder = !below->objects.empty() && below->objects.front().name == prefix;
  if (below->objects.size() > (placeholder ? 1 : 0) || !below->prefixes.empty()) return -ENOTEMPTY;
  ForgetName(path);
  return placeholder ? ErrnoOf(buckets_->Delete(place.bucket, prefix)) : -ENOENT;
}

int FileSystem::RemoveFile(uint64_t parent, const std::string& name) {
  std::string path;
  const int error = ChildPath(parent, name, &path);
  if (error != 0) return error;
  const Place place = PlaceOf(path);
  if (place.object.empty()) return -EISDIR;
  ForgetName(path);
  return ErrnoOf(buckets_->Delete(place.bucket, place.object));
}

int FileSystem::Rename(uint64_t parent, const std::string& name, uint64_t new_parent,
                       const std::string& new_name) {
  std::string from;
  std::string to;
  int error = ChildPath(parent, name, &from);
  if (error == 0) error = ChildPath(new_parent, new_name, &to);
  Attributes moved;
  if (error == 0) error = Describe(from, &moved);
  if (error != 0) return error;
  if (moved.folder) return -EXDEV;
  const Place source = PlaceOf(from);
  const Place target = PlaceOf(to);
  if (target.object.empty()) return -EPERM;
  const auto writer = WriterOf(from);
  if (writer != nullptr) {
    const std::lock_guard lock(writer->mutex);
    error = writer->written ? Finish(writer.get()) : 0;
    if (error != 0) return error;
  }
  error = ErrnoOf(buckets_->Copy(source.bucket, source.object, target.bucket, target.object));
  if (error == 0) error = ErrnoOf(buckets_->Delete(source.bucket, source.object));
  if (error == 0) GiveName(from, to, writer.get());
  return error;
}

// The kernel goes on to use the node under its new name, and so does who still writes.
void FileSystem::GiveName(const std::string& from, const std::string& to, Handle* writer) {
  std::unique_lock<std::mutex> writing;
  if (writer != nullptr) writing = std::unique_lock(writer->mutex);
  const std::lock_guard lock(mutex_);
  if (writer != nullptr) writer->path = to;
  const auto node = numbers_.find(from);
  if (node == numbers_.end()) return;
  const uint64_t number = node->second;
  numbers_.erase(node);
  nodes_[number].path = to;
  numbers_[to] = number;
}

}  // namespace hodei::bucketfs
