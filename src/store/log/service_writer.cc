#include "store/log/service_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/log_frame.h"
#include "store/log/log_entry.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr std::string_view kPrefix = "segment-";

// "segment-000012.log" → 12; 0 for any other name.
int64_t NumberOf(std::string_view name) {
  int64_t number = 0;
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(kPrefix.size());
  (void)std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

}  // namespace

Result<std::unique_ptr<ServiceWriter>> ServiceWriter::Open(OpenSource* source,
                                                           const ServiceLogLimits& limits) {
  std::unique_ptr<ServiceWriter> writer(new ServiceWriter(source->source.dir, limits));
  ASSIGN_OR_RETURN(const std::vector<LogBlock> blocks, source->reader.Blocks());
  if (!blocks.empty()) {
    writer->seq_ = blocks.back().last_seq;
    writer->last_ = blocks.back().last_time;
  }
  RETURN_IF_ERROR(MakeDirectories(writer->dir_));
  RETURN_IF_ERROR(writer->NextSegment());
  return writer;
}

// Never after what may be a torn frame: an old segment is not written to again.
Status ServiceWriter::NextSegment() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(dir_));
  int64_t number = 0;
  for (const std::string& name : names) number = std::max(number, NumberOf(name));
  const std::string path = fmt::format("{}/{}{:06}.log", dir_, kPrefix, number + 1);
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND));
  RETURN_IF_ERROR(WriteAll(fd.get(), kLogMagic));
  fd_ = std::move(fd);
  bytes_ = static_cast<int64_t>(kLogMagic.size());
  return MakeRoom(names);
}

// For one more segment beside `names`, which are sorted: the oldest leave.
Status ServiceWriter::MakeRoom(const std::vector<std::string>& names) const {
  std::vector<int64_t> sizes;
  int64_t bytes = limits_.segment_bytes;
  for (const std::string& name : names) {
    struct stat st {};
    const bool seen = stat(fmt::format("{}/{}", dir_, name).c_str(), &st) == 0;
    sizes.push_back(seen ? st.st_size : 0);
    bytes += sizes.back();
  }
  for (size_t i = 0; i < names.size() && bytes > limits_.bytes; ++i) {
    const std::string path = fmt::format("{}/{}", dir_, names[i]);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, fmt::format("remove '{}'", path));
    }
    bytes -= sizes[i];
  }
  return OkStatus();
}

Status ServiceWriter::Append(WallTime now, google::logging::v2::LogSeverity severity,
                             std::string_view text) {
  std::lock_guard lock(mutex_);
  if (bytes_ >= limits_.segment_bytes) RETURN_IF_ERROR(NextSegment());
  last_ = std::max(now, last_ + Nanoseconds(1));
  std::string frame;
  AppendLogFrame({.seq = ++seq_,
                  .time = last_,
                  .stream = LogStream::kService,
                  .flags = SeverityToFlags(severity),
                  .text = text.substr(0, kLogFrameMaxText)},
                 &frame);
  bytes_ += static_cast<int64_t>(frame.size());
  return WriteAll(fd_.get(), frame);
}

}  // namespace hodei::store
