#include "store/log/service_writer.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/log_frame.h"
#include "store/log/log_entry.h"
#include "sys/file.h"

namespace hodei::store {

Result<std::unique_ptr<ServiceWriter>> ServiceWriter::Open(OpenSource* source) {
  auto writer = std::make_unique<ServiceWriter>();
  ASSIGN_OR_RETURN(const std::vector<LogBlock> blocks, source->reader.Blocks());
  size_t segment = 1;
  if (!blocks.empty()) {
    writer->seq_ = blocks.back().last_seq;
    writer->last_ = blocks.back().last_time;
    segment = blocks.back().segment + 2;  // never append after what may be a torn frame
  }
  RETURN_IF_ERROR(MakeDirectories(source->source.dir));
  for (;; ++segment) {
    const std::string path = fmt::format("{}/segment-{:06}.log", source->source.dir, segment);
    Result<UniqueFd> fd = OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND);
    if (fd.status().code() == Code::kAlreadyExists) continue;
    if (!fd.ok()) return fd.status();
    writer->fd_ = std::move(*fd);
    break;
  }
  RETURN_IF_ERROR(WriteAll(writer->fd_.get(), kLogMagic));
  return writer;
}

Status ServiceWriter::Append(WallTime now, google::logging::v2::LogSeverity severity,
                             std::string_view text) {
  std::lock_guard lock(mutex_);
  last_ = std::max(now, last_ + Nanoseconds(1));
  std::string frame;
  AppendLogFrame({.seq = ++seq_,
                  .time = last_,
                  .stream = LogStream::kService,
                  .flags = SeverityToFlags(severity),
                  .text = text.substr(0, kLogFrameMaxText)},
                 &frame);
  return WriteAll(fd_.get(), frame);
}

}  // namespace hodei::store
