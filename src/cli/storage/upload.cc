// Uploads: small files in one multipart request, large ones through a resumable session.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/random_id.h"
#include "cli/storage/transfer.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr std::chrono::hours kStreamDeadline(24);

struct Source {
  UniqueFd fd;
  uint64_t size = 0;
  std::string path;
};

Result<Source> OpenSource(const std::string& path) {
  Source source;
  source.path = path;
  ASSIGN_OR_RETURN(source.fd, OpenFile(path, O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (fstat(source.fd.get(), &status) != 0)
    return ErrnoStatus(errno, fmt::format("stat '{}'", path));
  if (!S_ISREG(status.st_mode))
    return InvalidArgument(fmt::format("'{}' is no regular file", path));
  source.size = static_cast<uint64_t>(status.st_size);
  return source;
}

// Up to `limit` bytes at `offset`; fewer only at the end of the file.
Result<std::string> ReadAt(const Source& source, uint64_t offset, size_t limit) {
  std::string piece(limit, '\0');
  size_t have = 0;
  while (have < limit) {
    ssize_t got = pread(source.fd.get(), piece.data() + have, limit - have,
                        static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, fmt::format("read '{}'", source.path));
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  piece.resize(have);
  return piece;
}

Result<ObjectEntry> CheckStored(Api& api, const net::ClientResponse& response, const GsUrl& to,
                                uint64_t size, uint32_t crc) {
  ASSIGN_OR_RETURN(Json json, ParseJsonText(response.body));
  ObjectEntry entry = ParseObject(json);
  bool crc_differs = !entry.crc32c.empty() && entry.crc32c != Crc32cText(crc);
  if (entry.size == size && !crc_differs) return entry;
  // A wrong copy must not stay where the right one is expected.
  Status removed = DeleteObject(api, to, entry.generation);
  return DataLoss(fmt::format("{} arrived damaged ({} of {} bytes, crc32c {} instead of {}){}",
                              to.Text(), entry.size, size, entry.crc32c, Crc32cText(crc),
                              removed.ok() ? "; it was deleted, copy it again" : ""));
}

Result<ObjectEntry> UploadSmall(Api& api, const Source& source, const GsUrl& to,
                                const std::string& type, const ByteCount& moved) {
  ASSIGN_OR_RETURN(std::string bytes, ReadAt(source, 0, source.size));
  uint32_t crc = Crc32c(0, bytes);
  Json metadata = {{"name", to.object}, {"contentType", type}, {"crc32c", Crc32cText(crc)}};
  std::string boundary = "hodei-" + RandomId();
  net::ClientRequest request;
  request.method = "POST";
  request.target =
      fmt::format("/upload/storage/v1/b/{}/o?uploadType=multipart", PercentEncode(to.bucket));
  request.headers.Set("Content-Type", "multipart/related; boundary=" + boundary);
  request.body = fmt::format(
      "--{0}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{1}\r\n--{0}\r\n"
      "Content-Type: {2}\r\n\r\n",
      boundary, JsonText(metadata), type);
  request.body += bytes;
  request.body += "\r\n--" + boundary + "--\r\n";
  for (int attempt = 1;; ++attempt) {
    Result<net::ClientResponse> response = api.Send(request, {}, kStreamDeadline);
    bool again = !response.ok() ? response.status().reason() != "connect"
                                : response->status == 429 || response->status >= 500;
    if (attempt < kTransferAttempts && again) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100 << attempt));
      continue;
    }
    if (!response.ok()) return response.status();
    if (response->status / 100 != 2) return ErrorFromResponse(response->status, response->body);
    moved(bytes.size());
    return CheckStored(api, *response, to, bytes.size(), crc);
  }
}

// One resumable session from its start to the stored object.
class ResumableUpload {
 public:
  ResumableUpload(Api& api, const Source& source, const GsUrl& to, const ByteCount& moved)
      : api_(api), source_(source), to_(to), moved_(moved) {}

  Result<ObjectEntry> Run(const std::string& type) {
    RETURN_IF_ERROR_CTX(Start(type), fmt::format("start the upload of {}", to_.Text()));
    uint64_t offset = 0;
    Status last;
    for (int failures = 0; failures < kTransferAttempts; ++failures) {
      if (failures > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100 << failures));
        Result<std::optional<uint64_t>> stored = Ask();
        if (!stored.ok()) {
          last = stored.status();
          continue;
        }
        if (!stored->has_value()) return CheckStored(api_, finished_, to_, source_.size, crc_);
        // A server that takes more each time is making progress, however often the line is cut.
        if (**stored > offset) failures = 1;
        offset = **stored;
      }
      Result<net::ClientResponse> response = SendFrom(offset);
      if (!response.ok()) {
        last = response.status();
      } else if (response->status / 100 == 2) {
        return CheckStored(api_, *response, to_, source_.size, crc_);
      } else if (response->status < 500 && response->status != 308 && response->status != 429) {
        return ErrorFromResponse(response->status, response->body);
      } else {
        last = ErrorFromResponse(response->status, response->body);
      }
    }
    return Annotate(
        last, fmt::format("upload {} (gave up after {} attempts)", to_.Text(), kTransferAttempts));
  }

 private:
  Status Start(const std::string& type) {
    net::ClientRequest request;
    request.method = "POST";
    request.target =
        fmt::format("/upload/storage/v1/b/{}/o?uploadType=resumable", PercentEncode(to_.bucket));
    request.headers.Set("Content-Type", "application/json; charset=UTF-8");
    request.headers.Set("X-Upload-Content-Type", type);
    request.headers.Set("X-Upload-Content-Length", std::to_string(source_.size));
    request.body = JsonText({{"name", to_.object}, {"contentType", type}});
    ASSIGN_OR_RETURN(net::ClientResponse response, api_.Send(request));
    if (response.status / 100 != 2) return ErrorFromResponse(response.status, response.body);
    std::string location(response.headers.Get("Location"));
    // Only path and query count: the session is on the server we already talk to.
    size_t scheme = location.find("://");
    size_t slash = location.find('/', scheme == location.npos ? 0 : scheme + 3);
    if (slash == location.npos) return Internal("the server named no upload session");
    session_ = location.substr(slash);
    return OkStatus();
  }

  Result<net::ClientResponse> SendFrom(uint64_t offset) {
    net::ClientRequest request;
    request.method = "PUT";
    request.target = session_;
    uint64_t at = offset;
    request.headers.Set("Content-Range",
                        fmt::format("bytes {}-{}/{}", offset, source_.size - 1, source_.size));
    request.body_length = source_.size - offset;
    request.body_source = [this, at]() mutable -> Result<std::string> {
      size_t want = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, source_.size - at));
      if (want == 0) return std::string();
      ASSIGN_OR_RETURN(std::string piece, ReadAt(source_, at, want));
      if (piece.size() < want) {
        return Aborted(fmt::format("'{}' became shorter while it was read", source_.path));
      }
      Hash(at, piece);
      at += piece.size();
      return piece;
    };
    return api_.Send(std::move(request), {}, kStreamDeadline);
  }

  // Counts and hashes each byte once, however often it is sent.
  void Hash(uint64_t at, std::string_view piece) {
    uint64_t end = at + piece.size();
    if (end <= hashed_) return;
    std::string_view fresh = piece.substr(hashed_ - at);
    crc_ = Crc32c(crc_, fresh);
    hashed_ = end;
    moved_(fresh.size());
  }

  // How many bytes the session holds; nullopt when the object is complete.
  Result<std::optional<uint64_t>> Ask() {
    net::ClientRequest request;
    request.method = "PUT";
    request.target = session_;
    request.headers.Set("Content-Range", fmt::format("bytes */{}", source_.size));
    ASSIGN_OR_RETURN(net::ClientResponse response, api_.Send(request));
    if (response.status / 100 == 2) {
      finished_ = std::move(response);
      return std::optional<uint64_t>();
    }
    if (response.status != 308) return ErrorFromResponse(response.status, response.body);
    std::string_view range = response.headers.Get("Range");  // "bytes=0-LAST"
    size_t dash = range.rfind('-');
    if (dash == range.npos) return std::optional<uint64_t>(0);
    return std::optional<uint64_t>(std::min<uint64_t>(
        std::strtoull(std::string(range.substr(dash + 1)).c_str(), nullptr, 10) + 1, hashed_));
  }

  Api& api_;
  const Source& source_;
  const GsUrl& to_;
  const ByteCount& moved_;
  std::string session_;
  net::ClientResponse finished_;
  uint64_t hashed_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace

Result<ObjectEntry> UploadFile(Api& api, const std::string& path, const GsUrl& to,
                               const ByteCount& moved, const std::string& content_type) {
  ASSIGN_OR_RETURN(Source source, OpenSource(path));
  std::string type = content_type.empty() ? GuessContentType(path) : content_type;
  if (source.size <= kResumableAboveBytes) return UploadSmall(api, source, to, type, moved);
  return ResumableUpload(api, source, to, moved).Run(type);
}

}  // namespace hodei::cli
