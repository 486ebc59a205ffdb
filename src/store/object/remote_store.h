// An object store whose index lies in a local folder and whose bytes lie on an S3-compatible
// server. What is acknowledged is on that server.
//
// Folder and bytes name each other in a ContentPlace, so that a folder is never opened with another
// store's bytes, or by two servers in turn: ids of contents are given out once.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hodei/objects/content_place.pb.h"
#include "store/object/content_store.h"
#include "store/object/index.h"
#include "store/object/object_store.h"
#include "store/s3/s3_client.h"

namespace hodei::store {

using ::hodei::objects::ContentPlace;

// Removals that wait for the server; what is more is found by the listing of the next start.
inline constexpr size_t kRemovalsWaiting = 1'000'000;

struct RemoteOptions {
  S3Options server;
  std::string prefix;                  // of all keys; empty, or with a slash at its end
  uint64_t cache_bytes = 64ULL << 30;  // of the copies in the folder
  size_t removals_waiting = kRemovalsWaiting;
  // Open although another folder was the last to use these bytes: after a restore.
  bool take_over = false;
};

// As OpenLocalObjectStore(). FAILED_PRECONDITION also when folder and bytes are not each other's;
// UNAVAILABLE when the server is.
Result<std::unique_ptr<ObjectStore>> OpenRemoteObjectStore(const std::string& directory,
                                                           const Clock* clock,
                                                           const RemoteOptions& options);

// For programs beside the server that has the folder open. `cache_folder` is theirs alone.
Result<std::unique_ptr<ContentStore>> OpenRemoteContents(const std::string& directory,
                                                         const std::string& cache_folder,
                                                         const RemoteOptions& options);

// Where the folder's contents are when they are not in it; absent for a local store.
Result<std::optional<ContentPlace>> ReadContentPlace(const std::string& directory);
// FAILED_PRECONDITION that says which server to name.
Status LivesElsewhere(const std::string& directory, const ContentPlace& place);

}  // namespace hodei::store
