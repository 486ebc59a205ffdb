// The ways to make an object store that are not remote.
#include "store/object/open_store.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/random_id.h"
#include "store/object/content_digest.h"
#include "store/object/file_contents.h"
#include "store/object/indexed_store.h"
#include "store/object/memory_contents.h"
#include "store/object/memory_index.h"
#include "store/object/remote_store.h"
#include "store/object/sqlite_database.h"
#include "sys/file.h"
#include "sys/file_lock.h"

namespace hodei::store {
namespace {

Result<UniqueFd> LockFolder(const std::string& directory) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(directory + "/lock", O_RDWR | O_CREAT));
  const Status locked = LockFile(fd.get());
  if (locked.ok()) return fd;
  if (locked.code() != Code::kUnavailable) return Annotate(locked, "the object store's folder");
  return FailedPrecondition(
      fmt::format("another server is using the object store in '{}': stop it first", directory));
}

// An index that is gone while contents are there must not look like an empty store.
Status CheckNotLost(const std::string& directory) {
  if (FileExists(directory + "/objects.db") || !FileExists(directory + "/content")) {
    return OkStatus();
  }
  return DataLoss(fmt::format(
      "'{}/objects.db' is missing but contents are there: restore it from a backup", directory));
}

Result<std::unique_ptr<ContentStore>> OpenLocalContents(const LocalObjectStoreOptions& options,
                                                        const Index::Highest& highest,
                                                        int64_t* next_content_id) {
  ASSIGN_OR_RETURN(const std::optional<ContentPlace> place, ReadContentPlace(options.directory));
  if (place) return LivesElsewhere(options.directory, *place);
  ASSIGN_OR_RETURN(std::unique_ptr<ContentStore> contents,
                   OpenFileContents(options.directory, options.segment_bytes, highest.segment + 1));
  // A file without a row may have to stay for a while: its id is not given out again before it
  // goes.
  ASSIGN_OR_RETURN(const std::vector<int64_t> files, contents->ListFiles());
  for (const int64_t id : files) *next_content_id = std::max(*next_content_id, id + 1);
  return contents;
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> OpenStoreFolder(const LocalObjectStoreOptions& options,
                                                     const ContentMaker& make_contents) {
  const std::string& directory = options.directory;
  RETURN_IF_ERROR(MakeDirectories(directory));
  // The folder's own name must survive what is acknowledged in it.
  const std::string parent = std::filesystem::path(directory).parent_path();
  RETURN_IF_ERROR(SyncDirectory(parent.empty() ? "." : parent));
  ASSIGN_OR_RETURN(UniqueFd lock, LockFolder(directory));
  RETURN_IF_ERROR(CheckNotLost(directory));
  // The database's writer syncs the segments before each commit; the contents are made after the
  // database, which knows the highest segment.
  auto contents = std::make_shared<ContentStore*>(nullptr);
  ASSIGN_OR_RETURN(std::unique_ptr<IndexDatabase> database,
                   OpenSqliteDatabase(directory + "/objects.db", [contents] {
                     return *contents == nullptr ? OkStatus() : (*contents)->SyncSegments();
                   }));
  Index::Highest highest;
  IndexedStore::Parts parts;
  RETURN_IF_ERROR(database->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(highest, index.FindHighest());
    ASSIGN_OR_RETURN(parts.digest_key, index.ContentKey());
    return OkStatus();
  }));
  parts.next_content_id = highest.content_id + 1;
  ASSIGN_OR_RETURN(parts.contents, make_contents(highest, &parts.next_content_id));
  *contents = parts.contents.get();
  parts.database = std::move(database);
  parts.clock = options.clock;
  parts.small_object_bytes = options.small_object_bytes;
  parts.segment_bytes = options.segment_bytes;
  parts.lock = std::move(lock);
  auto store = std::make_unique<IndexedStore>(std::move(parts));
  RETURN_IF_ERROR_CTX(store->Recover(), "recover the object store");
  return std::unique_ptr<ObjectStore>(std::move(store));
}

Result<std::unique_ptr<ObjectStore>> OpenLocalObjectStore(const LocalObjectStoreOptions& options) {
  return OpenStoreFolder(options, [&](const Index::Highest& highest, int64_t* next_content_id) {
    return OpenLocalContents(options, highest, next_content_id);
  });
}

std::unique_ptr<ObjectStore> MakeMemoryObjectStore(const Clock* clock) {
  IndexedStore::Parts parts;
  parts.contents = std::make_unique<MemoryContents>();
  parts.database = MakeMemoryDatabase();
  parts.clock = clock;
  parts.digest_key = RandomBytes(kContentKeyBytes);
  // A memory file costs a descriptor: only for what is worth sending by the kernel.
  parts.small_object_bytes = 8 << 20;
  return std::make_unique<IndexedStore>(std::move(parts));
}

}  // namespace hodei::store
