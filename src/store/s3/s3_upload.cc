// Files on their way to the S3 server: in one request, or in parts, several at a time.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include "base/digest.h"
#include "base/encoding.h"
#include "store/s3/s3_client.h"

namespace hodei::store {
namespace {

constexpr size_t kPieceBytes = 256 << 10;

Result<std::string> ReadAt(int fd, uint64_t offset, size_t size) {
  std::string piece(size, '\0');
  while (true) {
    const ssize_t n = pread(fd, piece.data(), size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read the bytes to store");
    if (n == 0) return DataLoss("the file of the bytes to store is cut short");
    piece.resize(static_cast<size_t>(n));
    return piece;
  }
}

// Pieces of [offset, offset + size), then an empty one.
class FileSource {
 public:
  FileSource(int fd, uint64_t offset, uint64_t size) : fd_(fd), at_(offset), end_(offset + size) {}
  Result<std::string> operator()() {
    if (at_ == end_) return std::string();
    ASSIGN_OR_RETURN(std::string piece,
                     ReadAt(fd_, at_, std::min<uint64_t>(kPieceBytes, end_ - at_)));
    at_ += piece.size();
    return piece;
  }

 private:
  const int fd_;
  uint64_t at_;
  const uint64_t end_;
};

Result<std::string> HexDigest(FileSource source) {
  DigestStream digest(DigestStream::Kind::kSha256);
  while (true) {
    ASSIGN_OR_RETURN(const std::string piece, source());
    if (piece.empty()) return HexEncode(digest.Final());
    digest.Update(piece);
  }
}

}  // namespace

Status S3Client::PutPiece(const std::string& key, const Parameters& query, int fd, uint64_t offset,
                          uint64_t size, std::string* etag) {
  Call call{"PUT", key, query, ""};
  call.make_source = [=]() -> std::function<Result<std::string>()> {
    return FileSource(fd, offset, size);
  };
  call.body_length = size;
  ASSIGN_OR_RETURN(call.payload_sha256, HexDigest(FileSource(fd, offset, size)));
  ASSIGN_OR_RETURN(const net::ClientResponse response, Send(call));
  if (etag != nullptr) *etag = std::string(response.headers.Get("ETag"));
  return OkStatus();
}

Status S3Client::PutFile(const std::string& key, int fd, uint64_t size) {
  if (size <= options_.part_bytes) return PutPiece(key, {}, fd, 0, size, nullptr);
  ASSIGN_OR_RETURN(const std::string text, Document({"POST", key, {{"uploads", ""}}, ""}));
  const Result<std::string> id = ReadS3UploadId(text);
  if (!id.ok()) return NotUnderstood(id.status());
  const S3Upload upload{key, *id};
  const Status status = PutParts(upload, fd, size);
  if (!status.ok()) (void)AbortUpload(upload);
  return status;
}

Status S3Client::PutParts(const S3Upload& upload, int fd, uint64_t size) {
  const uint64_t part = std::max(options_.part_bytes, (size + kS3PartLimit - 1) / kS3PartLimit);
  const uint64_t count = (size + part - 1) / part;
  std::vector<std::string> etags(count);
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  Status failed;  // guarded by mutex
  const auto work = [&] {
    for (uint64_t i = next++; i < count; i = next++) {
      const Status sent =
          PutPiece(upload.key, {{"partNumber", std::to_string(i + 1)}, {"uploadId", upload.id}}, fd,
                   i * part, std::min(part, size - i * part), &etags[i]);
      if (sent.ok()) continue;
      next = count;
      std::lock_guard lock(mutex);
      if (failed.ok()) failed = sent;
    }
  };
  {
    std::vector<std::jthread> others;
    for (uint64_t i = 1; i < std::min<uint64_t>(kS3PartsAtATime, count); ++i) {
      others.emplace_back(work);
    }
    work();
  }
  RETURN_IF_ERROR(failed);
  return Complete(upload, etags, size);
}

// An answer that is lost says nothing about what was done: then the object itself does. And a 200
// may carry an error, because the server begins to answer before it has finished.
Status S3Client::Complete(const S3Upload& upload, const std::vector<std::string>& etags,
                          uint64_t size) {
  std::string xml = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < etags.size(); ++i) {
    std::string etag;
    for (const char c : etags[i]) {
      if (c == '"') etag += "&quot;";
      if (c > 0x20 && c < 0x7f && c != '<' && c != '>' && c != '&' && c != '"') etag += c;
    }
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, etag);
  }
  xml += "</CompleteMultipartUpload>";
  Call call{"POST", upload.key, {{"uploadId", upload.id}}, ""};
  call.body = std::move(xml);
  bool answered_before = false;
  const Result<net::ClientResponse> response = Send(call, &answered_before);
  if (response.ok()) {
    const S3Error error = ReadS3Error(response->body);
    if (error.code.empty()) return OkStatus();
    return Unavailable(
        fmt::format("the {} could not put '{}' together: {}", place(), upload.key, error.code));
  }
  if (answered_before && response.status().code() == Code::kNotFound) {
    const Result<uint64_t> there = Size(upload.key);
    if (there.ok() && *there == size) return OkStatus();
  }
  return response.status();
}

}  // namespace hodei::store
