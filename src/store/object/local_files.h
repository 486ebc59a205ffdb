// A store's folder for programs beside the one that has it open: checking and copying.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "store/object/object_store.h"
#include "store/object/remote_store.h"
#include "sys/unique_fd.h"

namespace hodei::store {

// As long as the result lives the store that has `directory` open removes no content file and no
// segment; it makes up for it later. UNAVAILABLE when somebody else does the same.
Result<UniqueFd> PauseRemovals(const std::string& directory);

// What programs beside a server need of its configuration, and whom they tell how far they are.
struct FolderOptions {
  std::optional<RemoteOptions> remote;  // used when the folder's contents are on that server
  ByteProgress progress;
};

struct ContentCopy {
  uint64_t files = 0;
  uint64_t linked = 0;
};
// Copies what the index at `index_path`, a copy that nobody changes, refers to, from the store's
// folder to another, which becomes a local store's. Files that never change are linked where the
// file system allows; contents on a server are fetched.
Result<ContentCopy> CopyContents(const std::string& index_path, const std::string& from,
                                 const std::string& to, const FolderOptions& options);

// ObjectStore::Fsck() of a folder, whether a server has it open or not.
Result<FsckReport> FsckObjectStoreFolder(const std::string& directory,
                                         const FolderOptions& options);

}  // namespace hodei::store
