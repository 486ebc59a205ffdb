#include "cli/storage/local_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <vector>

#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for gzip framing

// A temporary file that goes with its descriptor.
Result<UniqueFd> NamelessFile() {
  const char* folder = std::getenv("TMPDIR");
  std::string name = std::string(folder != nullptr ? folder : "/tmp") + "/hodei-gzip-XXXXXX";
  UniqueFd fd(mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, fmt::format("create '{}'", name));
  unlink(name.c_str());
  return fd;
}

int64_t Nanos(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

// Runs a zlib stream over what `read` gives, block by block, and writes what comes out.
template <typename Read, typename Step>
Status Pump(z_stream* stream, const Read& read, const Step& step, int out) {
  std::vector<char> output(kBlockBytes);
  int code = Z_OK;
  while (code != Z_STREAM_END) {
    ASSIGN_OR_RETURN(std::string input, read());
    stream->next_in = reinterpret_cast<Bytef*>(input.data());
    stream->avail_in = static_cast<uInt>(input.size());
    do {
      stream->next_out = reinterpret_cast<Bytef*>(output.data());
      stream->avail_out = static_cast<uInt>(output.size());
      code = step(stream, input.empty());
      if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
        return DataLoss(fmt::format("zlib error {}", code));
      }
      RETURN_IF_ERROR(WriteAll(out, {output.data(), output.size() - stream->avail_out}));
    } while (stream->avail_out == 0 && code != Z_STREAM_END);
    if (input.empty() && code != Z_STREAM_END) return DataLoss("the gzip stream is cut short");
  }
  return OkStatus();
}

}  // namespace

Result<LocalFile> LocalFile::Open(const std::string& path) {
  LocalFile file;
  file.path_ = path;
  ASSIGN_OR_RETURN(file.fd_, OpenFile(path, O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (fstat(file.fd_.get(), &status) != 0)
    return ErrnoStatus(errno, fmt::format("stat '{}'", path));
  if (!S_ISREG(status.st_mode))
    return InvalidArgument(fmt::format("'{}' is no regular file", path));
  file.size_ = static_cast<uint64_t>(status.st_size);
  file.mtime_nanos_ = Nanos(status.st_mtim);
  return file;
}

Result<std::string> LocalFile::ReadAt(uint64_t offset, size_t limit) const {
  std::string piece(limit, '\0');
  size_t have = 0;
  while (have < limit) {
    ssize_t got =
        pread(fd_.get(), piece.data() + have, limit - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, fmt::format("read '{}'", path_));
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  piece.resize(have);
  return piece;
}

Status LocalFile::CheckUnchanged() const {
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) return ErrnoStatus(errno, fmt::format("stat '{}'", path_));
  bool same =
      static_cast<uint64_t>(status.st_size) == size_ && Nanos(status.st_mtim) == mtime_nanos_;
  return same ? OkStatus() : Aborted(fmt::format("'{}' changed while it was read", path_));
}

Result<LocalFile> LocalFile::OpenCompressed(const std::string& path) {
  ASSIGN_OR_RETURN(LocalFile source, LocalFile::Open(path));
  ASSIGN_OR_RETURN(UniqueFd fd, NamelessFile());
  z_stream stream{};
  constexpr int kMemoryLevel = 8;
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return Internal("zlib cannot start");
  }
  uint64_t at = 0;
  Status status = Pump(
      &stream,
      [&]() -> Result<std::string> {
        ASSIGN_OR_RETURN(std::string piece, source.ReadAt(at, kBlockBytes));
        at += piece.size();
        return piece;
      },
      [](z_stream* z, bool end) { return deflate(z, end ? Z_FINISH : Z_NO_FLUSH); }, fd.get());
  deflateEnd(&stream);
  RETURN_IF_ERROR_CTX(status, fmt::format("compress '{}'", path));
  ASSIGN_OR_RETURN(LocalFile copy, LocalFile::Open(fmt::format("/proc/self/fd/{}", fd.get())));
  copy.path_ = path;
  return copy;
}

Status Gunzip(int in, int out) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return Internal("zlib cannot start");
  off_t at = 0;
  Status status = Pump(
      &stream,
      [&]() -> Result<std::string> {
        std::string piece(kBlockBytes, '\0');
        ssize_t got = pread(in, piece.data(), piece.size(), at);
        if (got < 0) return ErrnoStatus(errno, "read the downloaded gzip stream");
        piece.resize(static_cast<size_t>(got));
        at += got;
        return piece;
      },
      [](z_stream* z, bool) { return inflate(z, Z_NO_FLUSH); }, out);
  inflateEnd(&stream);
  return status;
}

}  // namespace hodei::cli
