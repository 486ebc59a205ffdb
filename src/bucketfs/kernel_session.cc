#include "bucketfs/kernel_session.h"

#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace hodei::bucketfs {
namespace {

constexpr size_t kHeaderRoom = 4096;
constexpr uint64_t kCacheSeconds = 1;  // others may change the bucket at any time
constexpr uint32_t kBlockBytes = 4096;
constexpr uint64_t kManyBlocks = uint64_t{1} << 38;
constexpr uint32_t kMaxNameBytes = 255;
constexpr uint32_t kPageBytes = 4096;
constexpr int kNoReply = 1;  // of handlers: the kernel waits for nothing

fuse_attr AttrOf(const Attributes& attributes, uint32_t uid, uint32_t gid) {
  fuse_attr attr{};
  attr.ino = attributes.node;
  attr.size = attributes.size;
  attr.blocks = (attributes.size + 511) / 512;
  attr.mtime = attr.ctime = attr.atime = static_cast<uint64_t>(attributes.modified_seconds);
  attr.mode = attributes.folder ? S_IFDIR | 0755 : S_IFREG | 0644;
  attr.nlink = 1;
  attr.uid = uid;
  attr.gid = gid;
  attr.blksize = KernelSession::kMaxWriteBytes;
  return attr;
}

fuse_entry_out EntryOf(const Attributes& attributes, uint32_t uid, uint32_t gid) {
  fuse_entry_out entry{};
  entry.nodeid = attributes.node;
  entry.entry_valid = kCacheSeconds;
  entry.attr_valid = kCacheSeconds;
  entry.attr = AttrOf(attributes, uid, gid);
  return entry;
}

}  // namespace

struct KernelSession::Request {
  fuse_in_header header;
  const char* body;
  size_t size;

  template <typename T>
  const T* As() const {
    return size >= sizeof(T) ? reinterpret_cast<const T*>(body) : nullptr;
  }
  // The NUL-ended string at `offset` of the body.
  std::string Text(size_t offset = 0) const {
    if (offset >= size) return "";
    return std::string(body + offset, strnlen(body + offset, size - offset));
  }
};

KernelSession::KernelSession(UniqueFd device, FileSystem* files, uint32_t uid, uint32_t gid)
    : device_(std::move(device)), files_(files), uid_(uid), gid_(gid) {}

int KernelSession::Run(int threads) {
  std::vector<std::thread> others;
  others.reserve(static_cast<size_t>(threads));
  for (int i = 1; i < threads; ++i) others.emplace_back([this] { Serve(); });
  const int error = Serve();
  for (std::thread& thread : others) thread.join();
  return error;
}

int KernelSession::Serve() {
  std::vector<char> buffer(kMaxWriteBytes + kHeaderRoom);
  for (;;) {
    const ssize_t n = read(device_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == ENODEV) return 0;  // unmounted
    // ENOENT: the caller was interrupted before we took the request.
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
    if (n < 0) return errno;
    if (static_cast<size_t>(n) < sizeof(fuse_in_header)) return EIO;
    Request request{};
    std::memcpy(&request.header, buffer.data(), sizeof request.header);
    request.body = buffer.data() + sizeof request.header;
    request.size = static_cast<size_t>(n) - sizeof request.header;
    const int error = Dispatch(request);
    if (error != 0 && error != kNoReply) Reply(request, error);
  }
}

// Handlers answer by themselves and return 0, or leave a refusal to Serve() by returning it.
int KernelSession::Dispatch(const Request& request) {
  switch (request.header.opcode) {
    case FUSE_INIT:
      return Init(request);
    case FUSE_DESTROY:
      return Reply(request, 0);
    case FUSE_INTERRUPT:
      return kNoReply;
    case FUSE_FORGET: {
      const auto* in = request.As<fuse_forget_in>();
      if (in != nullptr) files_->Forget(request.header.nodeid, in->nlookup);
      return kNoReply;
    }
    case FUSE_BATCH_FORGET: {
      const auto* in = request.As<fuse_batch_forget_in>();
      const size_t count = in == nullptr ? 0 : in->count;
      const auto* one = reinterpret_cast<const fuse_forget_one*>(request.body + sizeof *in);
      for (size_t i = 0; i < count && sizeof *in + (i + 1) * sizeof *one <= request.size; ++i) {
        files_->Forget(one[i].nodeid, one[i].nlookup);
      }
      return kNoReply;
    }
    case FUSE_STATFS:
      return ReplyStatistics(request);
    case FUSE_LOOKUP:
    case FUSE_MKDIR:
    case FUSE_RMDIR:
    case FUSE_UNLINK:
    case FUSE_RENAME:
    case FUSE_RENAME2:
      return DispatchNames(request);
    default:
      return DispatchFiles(request);
  }
}

int KernelSession::DispatchNames(const Request& request) {
  const uint64_t node = request.header.nodeid;
  Attributes found;
  switch (request.header.opcode) {
    case FUSE_LOOKUP: {
      const int error = files_->Lookup(node, request.Text(), &found);
      return ReplyEntry(request, error, found);
    }
    case FUSE_MKDIR: {
      const int error = files_->MakeFolder(node, request.Text(sizeof(fuse_mkdir_in)), &found);
      return ReplyEntry(request, error, found);
    }
    case FUSE_RMDIR:
      return Reply(request, files_->RemoveFolder(node, request.Text()));
    case FUSE_UNLINK:
      return Reply(request, files_->RemoveFile(node, request.Text()));
    case FUSE_RENAME2: {
      const auto* in = request.As<fuse_rename2_in>();
      // Exchange and no-replace cannot be promised.
      if (in == nullptr || in->flags != 0) return -EINVAL;
      const std::string name = request.Text(sizeof *in);
      return Reply(request, files_->Rename(node, name, in->newdir,
                                           request.Text(sizeof *in + name.size() + 1)));
    }
    default: {
      const auto* in = request.As<fuse_rename_in>();
      if (in == nullptr) return -EINVAL;
      const std::string name = request.Text(sizeof *in);
      return Reply(request, files_->Rename(node, name, in->newdir,
                                           request.Text(sizeof *in + name.size() + 1)));
    }
  }
}

int KernelSession::DispatchFiles(const Request& request) {
  const uint64_t node = request.header.nodeid;
  Attributes attributes;
  switch (request.header.opcode) {
    case FUSE_GETATTR: {
      const int error = files_->GetAttributes(node, &attributes);
      return ReplyAttributes(request, error, attributes);
    }
    case FUSE_SETATTR: {
      const auto* in = request.As<fuse_setattr_in>();
      if (in == nullptr) return -EINVAL;
      // Owner, mode and times are not kept; refusing them would break every copy program.
      const int error = (in->valid & FATTR_SIZE) != 0
                            ? files_->Truncate(node, in->size, &attributes)
                            : files_->GetAttributes(node, &attributes);
      return ReplyAttributes(request, error, attributes);
    }
    case FUSE_OPEN:
      return OpenFile(request);
    case FUSE_CREATE:
      return CreateFile(request);
    case FUSE_READ:
      return Read(request);
    case FUSE_WRITE: {
      const auto* in = request.As<fuse_write_in>();
      if (in == nullptr || in->size > request.size - sizeof *in) return -EINVAL;
      const int error = files_->Write(in->fh, in->offset, request.body + sizeof *in, in->size);
      if (error != 0) return error;
      const fuse_write_out out{in->size, 0};
      return Reply(request, 0, &out, sizeof out);
    }
    case FUSE_FLUSH:
    case FUSE_FSYNC: {
      // Both begin with the handle.
      const auto* in = request.As<fuse_flush_in>();
      return in == nullptr ? -EINVAL : Reply(request, files_->Flush(in->fh));
    }
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR: {
      const auto* in = request.As<fuse_release_in>();
      if (in == nullptr) return -EINVAL;
      files_->Release(in->fh);
      return Reply(request, 0);
    }
    case FUSE_OPENDIR: {
      fuse_open_out out{};
      const int error = files_->OpenFolder(node, &out.fh);
      return error != 0 ? error : Reply(request, 0, &out, sizeof out);
    }
    case FUSE_READDIR:
      return ReadFolder(request);
    default:
      return -ENOSYS;
  }
}

int KernelSession::Init(const Request& request) {
  const auto* in = request.As<fuse_init_in>();
  if (in == nullptr) {
    // Kernels before 7.36 send a shorter one; those of Debian 12 do not.
    return -EPROTO;
  }
  fuse_init_out out{};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = std::min<uint32_t>(in->minor, FUSE_KERNEL_MINOR_VERSION);
  out.max_readahead = in->max_readahead;
  out.flags = in->flags & (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_ATOMIC_O_TRUNC |
                           FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES);
  out.max_background = 16;
  out.congestion_threshold = 12;
  out.max_write = kMaxWriteBytes;
  out.time_gran = 1'000'000'000;
  out.max_pages = kMaxWriteBytes / kPageBytes;
  return Reply(request, 0, &out, sizeof out);
}

int KernelSession::OpenFile(const Request& request) {
  const auto* in = request.As<fuse_open_in>();
  if (in == nullptr) return -EINVAL;
  fuse_open_out out{};
  const int error = files_->Open(request.header.nodeid, static_cast<int>(in->flags), &out.fh);
  return error != 0 ? error : Reply(request, 0, &out, sizeof out);
}

int KernelSession::CreateFile(const Request& request) {
  Attributes made;
  struct {
    fuse_entry_out entry;
    fuse_open_out open;
  } out{};
  const int error = files_->Create(request.header.nodeid, request.Text(sizeof(fuse_create_in)),
                                   &made, &out.open.fh);
  if (error != 0) return error;
  out.entry = EntryOf(made, uid_, gid_);
  return Reply(request, 0, &out, sizeof out);
}

int KernelSession::Read(const Request& request) {
  const auto* in = request.As<fuse_read_in>();
  if (in == nullptr) return -EINVAL;
  std::string bytes;
  const int error =
      files_->Read(in->fh, in->offset, std::min<size_t>(in->size, kMaxWriteBytes), &bytes);
  return error != 0 ? error : Reply(request, 0, bytes.data(), bytes.size());
}

int KernelSession::ReadFolder(const Request& request) {
  const auto* in = request.As<fuse_read_in>();
  if (in == nullptr) return -EINVAL;
  std::string out;
  for (uint64_t index = in->offset;; ++index) {
    DirectoryEntry entry;
    bool found = false;
    const int error = files_->ReadFolder(in->fh, index, &entry, &found);
    if (error != 0) return error;
    const size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + entry.name.size());
    if (!found || out.size() + size > in->size) break;
    fuse_dirent dirent{};
    dirent.ino = index + 2;  // any but 0; the real one comes with a look-up
    dirent.off = index + 1;
    dirent.namelen = static_cast<uint32_t>(entry.name.size());
    dirent.type = entry.folder ? S_IFDIR >> 12 : S_IFREG >> 12;
    const size_t start = out.size();
    out.append(reinterpret_cast<const char*>(&dirent), FUSE_NAME_OFFSET);
    out += entry.name;
    out.resize(start + size, '\0');
  }
  return Reply(request, 0, out.data(), out.size());
}

int KernelSession::ReplyEntry(const Request& request, int error, const Attributes& attributes) {
  if (error != 0) return error;
  const fuse_entry_out out = EntryOf(attributes, uid_, gid_);
  return Reply(request, 0, &out, sizeof out);
}

int KernelSession::ReplyAttributes(const Request& request, int error,
                                   const Attributes& attributes) {
  if (error != 0) return error;
  fuse_attr_out out{};
  out.attr_valid = kCacheSeconds;
  out.attr = AttrOf(attributes, uid_, gid_);
  return Reply(request, 0, &out, sizeof out);
}

int KernelSession::ReplyStatistics(const Request& request) {
  fuse_statfs_out out{};
  out.st.bsize = out.st.frsize = kBlockBytes;
  out.st.blocks = out.st.bfree = out.st.bavail = kManyBlocks;
  out.st.files = out.st.ffree = kManyBlocks;
  out.st.namelen = kMaxNameBytes;
  return Reply(request, 0, &out, sizeof out);
}

int KernelSession::Reply(const Request& request, int error, const void* bytes, size_t size) {
  fuse_out_header header{};
  header.unique = request.header.unique;
  header.error = error;
  header.len = static_cast<uint32_t>(sizeof header + (error == 0 ? size : 0));
  const iovec parts[2] = {{&header, sizeof header}, {const_cast<void*>(bytes), size}};
  // A failure: the caller has gone, or everything was unmounted. Nobody is left to be told.
  (void)!writev(device_.get(), parts, error == 0 && size > 0 ? 2 : 1);
  return 0;
}

}  // namespace hodei::bucketfs
