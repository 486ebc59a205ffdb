#include "store/object/local_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/clock.h"
#include "store/object/file_bytes.h"
#include "store/object/file_contents.h"
#include "store/object/indexed_store.h"
#include "store/object/remote_store.h"
#include "store/object/sqlite_database.h"
#include "store/sqlite/sqlite_database.h"
#include "sys/file.h"
#include "sys/file_lock.h"

namespace hodei::store {
namespace {

constexpr size_t kCopyPieceBytes = 1 << 20;

Status CopyBytes(const std::string& from, const std::string& to, uint64_t bytes) {
  ASSIGN_OR_RETURN(const UniqueFd in, OpenFile(from, O_RDONLY));
  ASSIGN_OR_RETURN(const UniqueFd out, OpenFile(to, O_WRONLY | O_CREAT | O_EXCL));
  std::string piece(kCopyPieceBytes, '\0');
  for (uint64_t done = 0; done < bytes;) {
    const ssize_t n = pread(in.get(), piece.data(), std::min<uint64_t>(piece.size(), bytes - done),
                            static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read " + from);
    if (n == 0) break;  // fsck of the copy says so
    RETURN_IF_ERROR(WriteAll(out.get(), std::string_view(piece.data(), static_cast<size_t>(n))));
    done += static_cast<uint64_t>(n);
  }
  return fsync(out.get()) == 0 ? OkStatus() : ErrnoStatus(errno, "fsync " + to);
}

Result<uint64_t> SizeOf(const std::string& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) return ErrnoStatus(errno, "stat " + path);
  return static_cast<uint64_t>(facts.st_size);
}

class ContentCopier {
 public:
  ContentCopier(const std::string& from, const std::string& to) : from_(from), to_(to) {}

  Status Keep(const std::string& name) {
    RETURN_IF_ERROR(MakeFolderOf(name));
    ++copied_.files;
    if (link((from_ + name).c_str(), (to_ + name).c_str()) == 0) {
      ++copied_.linked;
      return OkStatus();
    }
    ASSIGN_OR_RETURN(const uint64_t bytes, SizeOf(from_ + name));
    return CopyBytes(from_ + name, to_ + name, bytes);
  }

  // What lies on a server, as a file.
  Status Fetch(ContentStore* contents, int64_t id, uint64_t bytes) {
    const std::string name = ContentFileName(id);
    RETURN_IF_ERROR(MakeFolderOf(name));
    ++copied_.files;
    const ContentRow row{id, bytes, 0, 0, 0, 0, ""};
    ASSIGN_OR_RETURN(LargeContent content, contents->OpenLarge(row));
    const FileSlice slice{std::move(content.fd), 0, bytes, std::move(content.filler)};
    ASSIGN_OR_RETURN(const UniqueFd out, OpenFile(to_ + name, O_WRONLY | O_CREAT | O_EXCL));
    for (uint64_t done = 0; done < bytes; done += kCopyPieceBytes) {
      ASSIGN_OR_RETURN(const std::string piece, ReadSlice(slice, done, kCopyPieceBytes));
      RETURN_IF_ERROR(WriteAll(out.get(), piece));
    }
    return fsync(out.get()) == 0 ? OkStatus() : ErrnoStatus(errno, "fsync " + to_ + name);
  }

  // For files that somebody still appends to.
  Status Copy(const std::string& name, uint64_t bytes) {
    RETURN_IF_ERROR(MakeFolderOf(name));
    ++copied_.files;
    return CopyBytes(from_ + name, to_ + name, bytes);
  }

  Status Sync() {
    for (const std::string& folder : folders_) RETURN_IF_ERROR(SyncDirectory(to_ + folder));
    return OkStatus();
  }
  Status MakeFolder(const std::string& folder) {
    if (!folders_.insert(folder).second) return OkStatus();
    return MakeDirectories(to_ + folder);
  }
  const ContentCopy& copied() const { return copied_; }

 private:
  Status MakeFolderOf(const std::string& name) {
    return MakeFolder(name.substr(0, name.rfind('/')));
  }

  const std::string from_;
  const std::string to_;
  std::set<std::string> folders_;
  ContentCopy copied_;
};

// Contents on a server, for a program beside the one that has them open.
class FetchedContents {
 public:
  // Null for a folder that has its contents in itself.
  static Result<std::unique_ptr<FetchedContents>> Open(const std::string& directory,
                                                       const FolderOptions& options) {
    ASSIGN_OR_RETURN(const std::optional<ContentPlace> place, ReadContentPlace(directory));
    if (!place) return std::unique_ptr<FetchedContents>();
    if (!options.remote) return LivesElsewhere(directory, *place);
    RemoteOptions remote = *options.remote;
    remote.cache_bytes = kFetchedBytes;
    auto opened = std::make_unique<FetchedContents>();
    opened->folder_ = directory + "/cache.beside";
    ASSIGN_OR_RETURN(opened->contents_, OpenRemoteContents(directory, opened->folder_, remote));
    return opened;
  }
  ~FetchedContents() {
    contents_.reset();
    (void)RemoveTree(folder_);
  }
  ContentStore* get() const { return contents_.get(); }
  std::unique_ptr<ContentStore> Take() { return std::move(contents_); }

 private:
  static constexpr uint64_t kFetchedBytes = 1 << 30;
  std::string folder_;
  std::unique_ptr<ContentStore> contents_;
};

// Contents with a file of their own: all of them by id.
Status CopyFiles(SqliteDatabase* index, ContentStore* fetched, const ByteProgress& progress,
                 ContentCopier* copier) {
  ASSIGN_OR_RETURN(const int64_t total,
                   index->QueryInt("SELECT sum(size) FROM contents WHERE segment = 0"));
  uint64_t done = 0;
  ASSIGN_OR_RETURN(BorrowedStatement files,
                   index->Borrow("SELECT id, size FROM contents WHERE segment = 0 ORDER BY id"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, files->Step());
    if (!more) return OkStatus();
    const auto bytes = static_cast<uint64_t>(files->ColumnInt(1));
    if (fetched != nullptr) {
      RETURN_IF_ERROR_CTX(copier->Fetch(fetched, files->ColumnInt(0), bytes), "fetch a content");
    } else {
      RETURN_IF_ERROR(copier->Keep(ContentFileName(files->ColumnInt(0))));
    }
    done += bytes;
    if (progress) progress(done, static_cast<uint64_t>(total));
  }
}

}  // namespace

Result<UniqueFd> PauseRemovals(const std::string& directory) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(directory + kRemovalLockName, O_RDWR | O_CREAT));
  const Status locked = LockFile(fd.get());
  if (locked.ok()) return fd;
  if (locked.code() != Code::kUnavailable) return locked;
  return Unavailable("another backup or check of this folder is running: wait for its end");
}

Result<ContentCopy> CopyContents(const std::string& index_path, const std::string& from,
                                 const std::string& to, const FolderOptions& options) {
  ContentCopier copier(from, to);
  RETURN_IF_ERROR(copier.MakeFolder("/content"));
  RETURN_IF_ERROR(copier.MakeFolder("/segments"));
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteDatabase> index,
                   OpenDatabase(index_path, SqliteDatabase::Mode::kWriter));
  // The copy is one file, without a log beside it.
  RETURN_IF_ERROR(index->Execute("PRAGMA journal_mode = DELETE"));
  ASSIGN_OR_RETURN(const std::unique_ptr<FetchedContents> fetched,
                   FetchedContents::Open(from, options));
  RETURN_IF_ERROR(CopyFiles(index.get(), fetched == nullptr ? nullptr : fetched->get(),
                            options.progress, &copier));
  ASSIGN_OR_RETURN(const int64_t last, index->QueryInt("SELECT max(segment) FROM contents"));
  ASSIGN_OR_RETURN(BorrowedStatement segments,
                   index->Borrow("SELECT DISTINCT segment FROM contents WHERE segment > 0 "
                                 "ORDER BY segment"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, segments->Step());
    if (!more) break;
    const std::string name = SegmentFileName(segments->ColumnInt(0));
    if (fetched != nullptr) {  // only empty contents are in one there
      ASSIGN_OR_RETURN(const UniqueFd empty, OpenFile(to + name, O_WRONLY | O_CREAT));
      continue;
    }
    if (segments->ColumnInt(0) < last) {
      RETURN_IF_ERROR(copier.Keep(name));
      continue;
    }
    // The youngest may be the one that small objects are being appended to.
    ASSIGN_OR_RETURN(const uint64_t bytes, SizeOf(from + name));
    RETURN_IF_ERROR(copier.Copy(name, bytes));
  }
  ASSIGN_OR_RETURN(BorrowedStatement uploads, index->Borrow("SELECT content, stored FROM uploads "
                                                            "WHERE state = 0 AND stored > 0"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, uploads->Step());
    if (!more) break;
    RETURN_IF_ERROR(copier.Copy(ContentFileName(uploads->ColumnInt(0)),
                                static_cast<uint64_t>(uploads->ColumnInt(1))));
  }
  RETURN_IF_ERROR(copier.Sync());
  return copier.copied();
}

Result<FsckReport> FsckObjectStoreFolder(const std::string& directory,
                                         const FolderOptions& options) {
  ASSIGN_OR_RETURN(const UniqueFd pause, PauseRemovals(directory));
  // While a server has the folder, files that no row refers to may be on their way in.
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(directory + "/lock", O_RDWR | O_CREAT));
  const Status alone = LockFile(lock.get(), std::chrono::milliseconds(0));
  if (!alone.ok() && alone.code() != Code::kUnavailable) return alone;
  IndexedStore::Parts parts;
  ASSIGN_OR_RETURN(parts.database, OpenReadOnlySqliteDatabase(directory + "/objects.db"));
  ASSIGN_OR_RETURN(const std::unique_ptr<FetchedContents> fetched,
                   FetchedContents::Open(directory, options));
  if (fetched != nullptr) {
    parts.contents = fetched->Take();
  } else {
    ASSIGN_OR_RETURN(parts.contents, OpenFileContents(directory, 0, 1));
  }
  RETURN_IF_ERROR(parts.database->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(parts.digest_key, index.ContentKey());
    return OkStatus();
  }));
  parts.clock = &SystemClock();
  parts.check_orphans = alone.ok();
  return IndexedStore(std::move(parts)).Fsck(options.progress);
}

}  // namespace hodei::store
