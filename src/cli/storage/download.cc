// Downloads: streamed, continued after a cut, compared with the object's checksum.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/random_id.h"
#include "cli/storage/local_file.h"
#include "cli/storage/transfer.h"
#include "sys/file.h"
#include "sys/file_lock.h"

namespace hodei::cli {
namespace {

constexpr std::chrono::hours kStreamDeadline(24);

using Sink = std::function<Status(std::string_view)>;

// A file that goes unless it is given its name, or kept for a later run.
class PartFile {
 public:
  explicit PartFile(std::string path) : path_(std::move(path)) {}
  ~PartFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  const std::string& path() const { return path_; }
  void Keep() { path_.clear(); }
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

// The digests of the bytes seen so far. MD5 only where the object has no CRC-32C: it costs more
// than everything else a download does.
class Checksum {
 public:
  explicit Checksum(const ObjectEntry& from) : from_(from) {
    if (from.crc32c.empty() && !from.md5.empty()) md5_.emplace(DigestStream::Kind::kMd5);
  }
  void Add(std::string_view piece) {
    received_ += piece.size();
    if (md5_) {
      md5_->Update(piece);
    } else {
      crc_ = Crc32c(crc_, piece);
    }
  }
  uint64_t received() const { return received_; }
  Status Check() {
    std::string url = from_.url().Text();
    std::string have = md5_ ? Base64Encode(md5_->Final()) : Crc32cText(crc_);
    const std::string& want = md5_ ? from_.md5 : from_.crc32c;
    if (received_ == from_.size && (want.empty() || want == have)) return OkStatus();
    return DataLoss(fmt::format("{} arrived damaged: {} of {} bytes, {} {} instead of {}", url,
                                received_, from_.size, md5_ ? "md5" : "crc32c", have, want));
  }

 private:
  const ObjectEntry& from_;
  uint64_t received_ = 0;
  uint32_t crc_ = 0;
  std::optional<DigestStream> md5_;
};

// One pass over the object's bytes from `offset`, to `last` where given; OK when the answer ended
// well.
Status FetchFrom(Api& api, const ObjectEntry& from, uint64_t offset, std::optional<uint64_t> last,
                 const Sink& sink) {
  net::ClientRequest request;
  Query query = {{"alt", "media"}};
  if (!from.generation.empty()) query.emplace_back("generation", from.generation);
  request.target = ObjectPath(from.url()) + "?" + EncodeQuery(query);
  if (last) {
    request.headers.Set("Range", fmt::format("bytes={}-{}", offset, *last));
  } else if (offset > 0) {
    request.headers.Set("Range", fmt::format("bytes={}-", offset));
  }
  // The object as stored: a transparent decompression would not match size and checksum.
  request.headers.Set("Accept-Encoding", "gzip");
  ASSIGN_OR_RETURN(net::ClientResponse response, api.Send(request, sink, kStreamDeadline));
  if (response.status / 100 == 2) return OkStatus();
  return ErrorFromResponse(response.status, response.body);
}

bool Refused(const Status& status) {
  return status.code() == Code::kNotFound || status.code() == Code::kPermissionDenied ||
         status.code() == Code::kUnauthenticated || status.code() == Code::kOutOfRange ||
         status.reason() == "connect";
}

// Everything from byte `offset` on, however often the line is cut.
Status FetchRest(Api& api, const ObjectEntry& from, uint64_t offset, const Sink& sink) {
  uint64_t received = offset;
  Status sink_status;
  Sink take = [&](std::string_view piece) -> Status {
    received += piece.size();
    sink_status = sink(piece);
    return sink_status;
  };
  Status status;
  for (int failures = 0; failures < kTransferAttempts; ++failures) {
    if (failures > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100 << failures));
    uint64_t before = received;
    status = FetchFrom(api, from, received, std::nullopt, take);
    RETURN_IF_ERROR(sink_status);
    if (status.ok() && received >= from.size) break;
    if (Refused(status)) break;
    if (status.ok()) status = Aborted("the connection was cut");
    if (received > before) failures = 0;
  }
  return status.ok() ? status : Annotate(status, fmt::format("download {}", from.url().Text()));
}

// The bytes in `fd` from an earlier run, hashed; what is over the object's size is cut off.
Status HashExisting(int fd, const ObjectEntry& from, Checksum* checksum,
                    const TransferReport& report) {
  std::string piece(kPieceBytes, '\0');
  while (checksum->received() < from.size) {
    size_t want =
        static_cast<size_t>(std::min<uint64_t>(piece.size(), from.size - checksum->received()));
    ssize_t got = pread(fd, piece.data(), want, static_cast<off_t>(checksum->received()));
    if (got < 0) return ErrnoStatus(errno, "read the partial download");
    if (got == 0) break;
    checksum->Add({piece.data(), static_cast<size_t>(got)});
    report.moved(static_cast<uint64_t>(got));
  }
  if (ftruncate(fd, static_cast<off_t>(checksum->received())) != 0 || lseek(fd, 0, SEEK_END) < 0) {
    return ErrnoStatus(errno, "continue the partial download");
  }
  return OkStatus();
}

Status FetchInto(Api& api, const DownloadRequest& request, int fd, Checksum* checksum,
                 const TransferReport& report) {
  if (checksum->received() < request.from.size) {
    RETURN_IF_ERROR(
        FetchRest(api, request.from, checksum->received(), [&](std::string_view piece) -> Status {
          RETURN_IF_ERROR(WriteAll(fd, piece));
          checksum->Add(piece);
          report.moved(piece.size());
          return OkStatus();
        }));
  }
  return checksum->Check();
}

// The file, its object's time and, where asked, its decompressed content take the final name.
Status Settle(const DownloadRequest& request, int fd, PartFile* part) {
  if (request.decompress && request.from.content_encoding == "gzip") {
    PartFile plain(request.path + ".hodei-part-" + RandomId(10));
    ASSIGN_OR_RETURN(UniqueFd out,
                     OpenFile(plain.path(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    RETURN_IF_ERROR_CTX(Gunzip(fd, out.get()),
                        fmt::format("decompress {}", request.from.url().Text()));
    RETURN_IF_ERROR(plain.Become(request.path));
  } else {
    RETURN_IF_ERROR(part->Become(request.path));
  }
  if (request.preserve_time && request.from.mtime) {
    timespec times[2] = {{*request.from.mtime, 0}, {*request.from.mtime, 0}};
    utimensat(AT_FDCWD, request.path.c_str(), times, 0);
  }
  return OkStatus();
}

Status DownloadSmall(Api& api, const DownloadRequest& request, const TransferReport& report) {
  PartFile part(request.path + ".hodei-part-" + RandomId(10));
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(part.path(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  Checksum checksum(request.from);
  RETURN_IF_ERROR(FetchInto(api, request, fd.get(), &checksum, report));
  return Settle(request, fd.get(), &part);
}

// A large file keeps its part under a name that a later run finds again.
Status DownloadLarge(Api& api, const DownloadRequest& request, const TransferReport& report) {
  PartFile part(request.path + ".hodei-part");
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(part.path(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!LockFile(fd.get(), std::chrono::milliseconds(0)).ok()) {
    part.Keep();
    return Aborted(fmt::format("another copy to '{}' is running", request.path));
  }
  TransferEntry entry;
  std::string version = request.from.VersionText() + " " + request.from.crc32c;
  if (request.journal != nullptr) {
    entry = request.journal->Open("download\n" + api.url() + "\n" + request.path);
  }
  Checksum checksum(request.from);
  if (entry.state() == version) {
    RETURN_IF_ERROR(HashExisting(fd.get(), request.from, &checksum, report));
    if (checksum.received() > 0) report.note("Resuming download for " + request.from.url().Text());
  } else {
    if (ftruncate(fd.get(), 0) != 0) return ErrnoStatus(errno, "empty '" + part.path() + "'");
    RETURN_IF_ERROR(entry.Remember(version));
  }
  Status fetched = FetchInto(api, request, fd.get(), &checksum, report);
  bool resumable = request.journal != nullptr && !fetched.ok() &&
                   fetched.code() != Code::kDataLoss && fetched.code() != Code::kNotFound;
  if (resumable) {
    part.Keep();
  } else {
    entry.Forget();
  }
  RETURN_IF_ERROR(fetched);
  return Settle(request, fd.get(), &part);
}

}  // namespace

Status DownloadTo(Api& api, const ObjectEntry& from, const Sink& sink) {
  if (from.size == 0) return OkStatus();
  Checksum checksum(from);
  RETURN_IF_ERROR(FetchRest(api, from, 0, [&](std::string_view piece) {
    checksum.Add(piece);
    return sink(piece);
  }));
  return checksum.Check();
}

Status DownloadRange(Api& api, const ObjectEntry& from, uint64_t first, uint64_t last,
                     const Sink& sink) {
  uint64_t at = first;
  Status status;
  Status sink_status;
  for (int failures = 0; failures < kTransferAttempts && at <= last; ++failures) {
    if (failures > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100 << failures));
    uint64_t before = at;
    status = FetchFrom(api, from, at, last, [&](std::string_view piece) {
      at += piece.size();
      sink_status = sink(piece);
      return sink_status;
    });
    RETURN_IF_ERROR(sink_status);
    if (Refused(status)) break;
    if (status.ok() && at <= last) status = Aborted("the connection was cut");
    if (at > before) failures = 0;
  }
  return status.ok() ? status : Annotate(status, fmt::format("read {}", from.url().Text()));
}

Status DownloadFile(Api& api, const DownloadRequest& request, const TransferReport& report) {
  bool large = request.from.size > kResumableAboveBytes;
  return large ? DownloadLarge(api, request, report) : DownloadSmall(api, request, report);
}

}  // namespace hodei::cli
