// Downloads: streamed, continued after a cut, compared with the object's checksum.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "base/digest.h"
#include "base/random_id.h"
#include "cli/storage/transfer.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr std::chrono::hours kStreamDeadline(24);

// Removes the temporary file unless it was given its name.
class PartFile {
 public:
  explicit PartFile(std::string path) : path_(std::move(path)) {}
  ~PartFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  Status Become(const std::string& final_path) {
    if (rename(path_.c_str(), final_path.c_str()) != 0) {
      return ErrnoStatus(errno, fmt::format("rename to '{}'", final_path));
    }
    path_.clear();
    return OkStatus();
  }

 private:
  std::string path_;
};

// One pass over the object's bytes from `offset`; OK when the answer ended well.
Status FetchFrom(Api& api, const ObjectEntry& from, uint64_t offset,
                 const std::function<Status(std::string_view)>& sink) {
  net::ClientRequest request;
  Query query = {{"alt", "media"}};
  if (!from.generation.empty()) query.emplace_back("generation", from.generation);
  request.target = ObjectPath(from.url()) + "?" + EncodeQuery(query);
  if (offset > 0) request.headers.Set("Range", fmt::format("bytes={}-", offset));
  // The object as stored: a transparent decompression would not match size and checksum.
  request.headers.Set("Accept-Encoding", "gzip");
  ASSIGN_OR_RETURN(net::ClientResponse response, api.Send(request, sink, kStreamDeadline));
  if (response.status / 100 == 2) return OkStatus();
  return ErrorFromResponse(response.status, response.body);
}

}  // namespace

Status DownloadTo(Api& api, const ObjectEntry& from,
                  const std::function<Status(std::string_view)>& sink) {
  if (from.size == 0) return OkStatus();
  uint64_t received = 0;
  uint32_t crc = 0;
  Status sink_status;
  auto take = [&](std::string_view piece) -> Status {
    crc = Crc32c(crc, piece);
    received += piece.size();
    sink_status = sink(piece);
    return sink_status;
  };
  Status status;
  for (int failures = 0; failures < kTransferAttempts; ++failures) {
    if (failures > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100 << failures));
    uint64_t before = received;
    status = FetchFrom(api, from, received, take);
    RETURN_IF_ERROR(sink_status);
    if (status.ok() && received >= from.size) break;
    bool refused = status.code() == Code::kNotFound || status.code() == Code::kPermissionDenied ||
                   status.code() == Code::kUnauthenticated || status.reason() == "connect";
    if (refused) break;
    if (status.ok()) status = Aborted("the connection was cut");
    if (received > before) failures = 0;
  }
  RETURN_IF_ERROR_CTX(status, fmt::format("download {}", from.url().Text()));
  bool damaged = received != from.size || (!from.crc32c.empty() && from.crc32c != Crc32cText(crc));
  if (!damaged) return OkStatus();
  return DataLoss(fmt::format("{} arrived damaged: {} of {} bytes, crc32c {} instead of {}",
                              from.url().Text(), received, from.size, Crc32cText(crc),
                              from.crc32c));
}

Status DownloadFile(Api& api, const ObjectEntry& from, const std::string& path,
                    const ByteCount& moved) {
  PartFile part(path + ".hodei-part-" + RandomId(10));
  ASSIGN_OR_RETURN(UniqueFd fd,
                   OpenFile(part.path(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  RETURN_IF_ERROR(DownloadTo(api, from, [&](std::string_view piece) -> Status {
    RETURN_IF_ERROR(WriteAll(fd.get(), piece));
    moved(piece.size());
    return OkStatus();
  }));
  return part.Become(path);
}

}  // namespace hodei::cli
