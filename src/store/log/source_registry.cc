#include "store/log/source_registry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/failpoint.h"
#include "base/log_frame.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr size_t kRegistryLimitBytes = size_t{1} << 30;

// Fields in order, each ended by NUL, which none of them can hold.
std::string Encode(const LogSource& source, const std::string& dir) {
  std::string out;
  for (const std::string* field : {&source.project, &source.job_id, &source.task_name,
                                   &source.trial_id, &source.source_id, &dir}) {
    out += *field;
    out += '\0';
  }
  return out;
}

bool Decode(std::string_view text, LogSource* source) {
  for (std::string* field : {&source->project, &source->job_id, &source->task_name,
                             &source->trial_id, &source->source_id, &source->dir}) {
    const size_t end = text.find('\0');
    if (end == std::string_view::npos) return false;
    *field = std::string(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return text.empty();
}

std::string NewName(const std::string& path) { return path + ".new"; }

// The file that is to replace `path`, whole and synced, open for appending.
Result<UniqueFd> WriteBeside(const std::string& path, std::string_view bytes) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(NewName(path), O_RDWR | O_CREAT | O_TRUNC | O_APPEND));
  RETURN_IF_ERROR(WriteAll(fd.get(), bytes));
  if (fdatasync(fd.get()) != 0) return ErrnoStatus(errno, "fdatasync");
  return fd;
}

}  // namespace

Result<SourceRegistry> SourceRegistry::Open(const std::string& path, const std::string& base_dir) {
  SourceRegistry out;
  out.path_ = path;
  out.base_dir_ = base_dir + "/";
  ASSIGN_OR_RETURN(out.fd_, OpenFile(path, O_RDWR | O_CREAT | O_APPEND));
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kRegistryLimitBytes));
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ParsedLogFrame parsed = ParseLogFrame(rest);
    LogSource source;
    if (parsed.kind == ParsedLogFrame::Kind::kIncomplete) break;
    if (parsed.kind == ParsedLogFrame::Kind::kCorrupt || !Decode(parsed.frame.text, &source)) {
      return DataLoss(
          fmt::format("log registry '{}' is damaged at byte {}: restore it from a "
                      "backup, or move it away to start without old logs",
                      path, bytes.size() - rest.size()));
    }
    if (!source.dir.starts_with('/')) source.dir = out.base_dir_ + source.dir;
    out.sources_.push_back(std::move(source));
    rest.remove_prefix(parsed.size_bytes);
  }
  if (!rest.empty() &&
      ftruncate(out.fd_.get(), static_cast<off_t>(bytes.size() - rest.size())) != 0) {
    return ErrnoStatus(errno, fmt::format("cut the torn end of '{}'", path));
  }
  return out;
}

std::string SourceRegistry::Frame(const LogSource& source, uint64_t seq) const {
  std::string dir = source.dir;
  if (dir.starts_with(base_dir_)) dir = dir.substr(base_dir_.size());
  std::string frame;
  const std::string text = Encode(source, dir);
  AppendLogFrame({.seq = seq, .stream = LogStream::kService, .text = text}, &frame);
  return frame;
}

Status SourceRegistry::Append(const LogSource& source) {
  const std::string frame = Frame(source, sources_.size() + 1);
  const off_t before = lseek(fd_.get(), 0, SEEK_END);
  Status status = WriteAll(fd_.get(), frame);
  if (status.ok()) status = HODEI_FAILPOINT_STATUS("log.registry.sync");
  if (status.ok() && fdatasync(fd_.get()) != 0) status = ErrnoStatus(errno, "fdatasync");
  if (!status.ok()) {
    // Half a record in the middle would look like damage later: take it back.
    if (ftruncate(fd_.get(), before) != 0) return DataLoss("cut a failed log registry record");
    return Annotate(status, "append to the log registry");
  }
  sources_.push_back(source);
  return OkStatus();
}

Status SourceRegistry::Keep(const std::function<bool(const LogSource&)>& wanted) {
  std::vector<LogSource> kept = sources_;
  std::erase_if(kept, [&](const LogSource& source) { return !wanted(source); });
  if (kept.size() == sources_.size()) return OkStatus();
  std::string bytes;
  for (size_t i = 0; i < kept.size(); ++i) bytes += Frame(kept[i], i + 1);
  ASSIGN_OR_RETURN_CTX(UniqueFd fd, WriteBeside(path_, bytes), "write the log registry anew");
  if (rename(NewName(path_).c_str(), path_.c_str()) != 0) {
    return ErrnoStatus(errno, fmt::format("rename to '{}'", path_));
  }
  // From here on the new file is the registry, durable or not.
  fd_ = std::move(fd);
  sources_ = std::move(kept);
  return SyncDirectory(path_.substr(0, path_.rfind('/')));
}

}  // namespace hodei::store
