// Moves bytes between files and objects, checks them, and runs many such moves at once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/storage/storage_client.h"
#include "cli/storage/transfer_journal.h"
#include "cli/storage/transfer_progress.h"

namespace hodei::cli {

// Larger files go by a resumable session, which survives cut connections and, with a journal, the
// end of this program.
constexpr uint64_t kResumableAboveBytes = 8ULL << 20;
constexpr size_t kPieceBytes = 1 << 20;
constexpr int kTransferAttempts = 6;

// What a transfer tells while it runs, from its own thread.
struct TransferReport {
  // The number of further bytes moved.
  std::function<void(uint64_t)> moved = [](uint64_t) {};
  // One line worth knowing: "Resuming upload for …".
  std::function<void(const std::string&)> note = [](const std::string&) {};
};

struct UploadRequest {
  std::string path;
  GsUrl to;
  ObjectSettings settings;  // a contentType that is not there is guessed from the name
  bool gzip = false;        // store it compressed, as contentEncoding gzip
  const TransferJournal* journal = nullptr;
};

// Uploads a regular file. The answer's size and CRC-32C are compared with what was read: DATA_LOSS,
// and the object deleted, when they differ.
Result<ObjectEntry> UploadFile(Api& api, const UploadRequest& request,
                               const TransferReport& report);
// Uploads what `read` returns until it returns nothing, of unknown length.
Result<ObjectEntry> UploadStream(Api& api, const GsUrl& to, const ObjectSettings& settings,
                                 const std::function<Result<std::string>(size_t)>& read,
                                 const TransferReport& report);

struct DownloadRequest {
  ObjectEntry from;
  std::string path;
  bool decompress = true;      // an object of contentEncoding gzip becomes what was compressed
  bool preserve_time = false;  // give the file the time its object remembers
  const TransferJournal* journal = nullptr;
};

// Downloads through a temporary file beside `path`, which a cut connection continues; DATA_LOSS and
// no file when size or checksum differ from the object's.
Status DownloadFile(Api& api, const DownloadRequest& request, const TransferReport& report);
// Streams the object's bytes in order and compares their checksum at the end.
Status DownloadTo(Api& api, const ObjectEntry& from,
                  const std::function<Status(std::string_view)>& sink);
// Streams the bytes [first, last] only; nothing to compare them with.
Status DownloadRange(Api& api, const ObjectEntry& from, uint64_t first, uint64_t last,
                     const std::function<Status(std::string_view)>& sink);

// "text/csv" for "x.csv"; application/octet-stream when unknown.
std::string GuessContentType(const std::string& name);

struct TransferTask {
  std::string label;  // "Copying file://a to gs://b/a"
  uint64_t bytes = 0;
  std::function<Status(const TransferReport&)> run;
};
struct TransferOptions {
  size_t threads = 1;
  bool continue_on_error = false;  // otherwise no task starts after one failed
};
// Runs the tasks on up to `threads` threads. Returns the first failure; where there are several
// tasks, each failure is reported through `progress`.
Status RunTransfers(std::vector<TransferTask> tasks, const TransferOptions& options,
                    TransferProgress* progress);

}  // namespace hodei::cli
