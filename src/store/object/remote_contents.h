// Contents on an S3-compatible server, each under a key of its own:
//   PREFIXcontent/ID     ID in 16 hex digits
// Small contents too: there are no segments. In the store's folder lie
//   content/HH/ID        files on their way there: unfinished uploads
//   cache/content/HH/ID  copies of what was read or written last
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "store/object/content_cache.h"
#include "store/object/content_store.h"
#include "store/object/removal_gate.h"
#include "store/s3/s3_client.h"

namespace hodei::store {

// Contents of up to this size are fetched whole and checked before anybody sees them.
inline constexpr uint64_t kFetchedWholeBytes = kCacheRunBlocks * kCacheBlockBytes;
inline constexpr int kRemovingThreads = 4;

class RemoteContents : public ContentStore {
 public:
  struct Parts {
    std::unique_ptr<S3Client> server;
    std::string prefix;        // of all keys; empty, or with a slash at its end
    std::string directory;     // the store's folder
    std::string cache_folder;  // emptied
    uint64_t cache_bytes = 0;
    size_t removals_waiting = 0;  // at most; what is more is found by the next start's listing
    int64_t next_content_id = 1;  // greater than all given out before the start
  };
  static Result<std::unique_ptr<RemoteContents>> Create(Parts parts);
  ~RemoteContents() override;

  Result<UniqueFd> CreateFile(int64_t id) override;
  Result<UniqueFd> ReopenFile(int64_t id) override;
  Status SyncFile(int64_t id, int fd) override;
  Status FinishFile(int64_t id, int fd, uint64_t size) override;
  void KeepFile(int64_t id, uint64_t size) override;
  void RemoveFile(int64_t id) override;
  void FinishRemovals() override;
  // For empty contents only, which have no bytes to lie anywhere.
  Result<SegmentPlace> AppendSmall(std::string_view bytes) override;
  Status SyncSegments() override { return OkStatus(); }
  void RemoveSegment(int64_t) override {}
  int64_t open_segment() const override { return kSegment; }
  void ReleaseSmall(const ContentRow&) override {}
  Result<LargeContent> OpenLarge(const ContentRow& row) override;
  Result<std::string> ReadSmall(const ContentRow& row) override;
  bool DropCopy(int64_t id) override;
  Result<bool> Vouches(const ContentRow& row) override;
  bool counts_segments() const override { return false; }
  Result<uint64_t> SegmentBytes(int64_t) override { return NotFound("segment"); }
  Result<std::vector<int64_t>> ListFiles() override;
  Result<std::vector<int64_t>> ListSegments() override { return std::vector<int64_t>{}; }
  Result<std::vector<int64_t>> ListLeftovers() override;
  Result<std::optional<std::vector<int64_t>>> NextStored() override;

 private:
  static constexpr int64_t kSegment = 1;
  RemoteContents(Parts parts, std::unique_ptr<ContentCache> cache);
  std::string KeyOf(int64_t id) const;
  std::string FileOf(int64_t id) const;
  // Ids of the page's contents below `limit`.
  std::vector<int64_t> IdsOf(const S3Page& page, int64_t limit) const;
  void AbortUploads();
  void RemoveLoop(const std::stop_token& stop);
  // Whether the content is gone from the server.
  bool RemoveStored(int64_t id);

  const Parts parts_;
  const std::unique_ptr<ContentCache> cache_;

  std::mutex files_mutex_;
  std::set<int64_t> unsent_;  // files of which the server has nothing; guarded by files_mutex_

  std::mutex removals_mutex_;
  std::condition_variable_any wake_;
  std::deque<int64_t> removals_;  // guarded by removals_mutex_
  std::deque<int64_t> put_off_;   // until FinishRemovals(); guarded by removals_mutex_
  std::set<int64_t> removing_;    // in one of these, or under way; guarded by removals_mutex_

  std::mutex gate_mutex_;
  RemovalGate gate_;  // guarded by gate_mutex_

  // Of NextStored().
  bool listed_all_ = false;
  bool uploads_aborted_ = false;
  std::string next_page_;

  std::vector<std::jthread> removers_;  // last: they use what is above
};

}  // namespace hodei::store
