// Moves bytes between files and objects, checks them, and runs many such moves at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/storage/storage_client.h"
#include "cli/storage/transfer_progress.h"

namespace hodei::cli {

// Larger files go by a resumable session, which survives cut connections.
constexpr uint64_t kResumableAboveBytes = 8ULL << 20;
constexpr size_t kPieceBytes = 1 << 20;
constexpr int kTransferAttempts = 6;

// Called with the number of further bytes moved.
using ByteCount = std::function<void(uint64_t)>;

// Uploads the regular file at `path`. `content_type` "" is guessed from the name. The answer's size
// and CRC-32C are compared with what was read: DATA_LOSS, and the object deleted, when they differ.
Result<ObjectEntry> UploadFile(Api& api, const std::string& path, const GsUrl& to,
                               const ByteCount& moved, const std::string& content_type = "");
// Downloads into `path` through a temporary file beside it, which a cut connection continues;
// DATA_LOSS and no file when size or CRC-32C differ from the object's.
Status DownloadFile(Api& api, const ObjectEntry& from, const std::string& path,
                    const ByteCount& moved);
// Streams the object's bytes in order.
Status DownloadTo(Api& api, const ObjectEntry& from,
                  const std::function<Status(std::string_view)>& sink);

// "text/csv" for "x.csv"; application/octet-stream when unknown.
std::string GuessContentType(const std::string& name);

struct TransferTask {
  std::string label;  // "Copying file://a to gs://b/a"
  uint64_t bytes = 0;
  std::function<Status(const ByteCount&)> run;
};
// Runs all tasks on up to `threads` threads. Goes on after a failure; returns the first one, and
// all are reported through `progress`.
Status RunTransfers(std::vector<TransferTask> tasks, size_t threads, TransferProgress* progress);

}  // namespace hodei::cli
