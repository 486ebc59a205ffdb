#include "exec/supervisor/log_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "sys/file.h"

namespace hodei::exec {
namespace {

int IndexOf(LogStream stream) { return stream == LogStream::kStderr ? 1 : 0; }

}  // namespace

LogWriter::LogWriter(UniqueFd dir_fd, const LogWriterOptions& options, const Clock& clock)
    : clock_(clock),
      dir_(std::move(dir_fd)),
      options_(options),
      tokens_(options.bytes_per_second),
      refilled_(clock.Monotonic()) {}

void LogWriter::Append(LogStream stream, std::string_view bytes) {
  TakeLines(stream, bytes, &lines_[IndexOf(stream)]);
  Write();
}

void LogWriter::Tick() {
  ReportDrops();
  Write();
}

void LogWriter::Finish() {
  for (LogStream stream : {LogStream::kStdout, LogStream::kStderr}) {
    Line& line = lines_[IndexOf(stream)];
    if (!line.text.empty()) Emit(stream, line.text, false, &line);
    line.text.clear();
  }
  ReportDrops();
  Write();
  if (segment_) fdatasync(segment_.get());
  segment_.Reset();
}

// Refused output is counted a chunk at a time: a flood must cost the program no more than the copy
// through the pipe.
void LogWriter::DropRest(LogStream stream, std::string_view bytes, Line* line) {
  Drop(stream, static_cast<int64_t>(line->text.size() + bytes.size()));
  line->text.clear();
  line->dropping = !bytes.empty() && bytes.back() != '\n';
}

void LogWriter::TakeLines(LogStream stream, std::string_view bytes, Line* line) {
  if (exhausted_) {
    DropRest(stream, bytes, line);
    return;
  }
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const bool ended = end != std::string_view::npos;
    std::string_view piece = bytes.substr(0, end);
    bytes.remove_prefix(std::min(bytes.size(), piece.size() + 1));
    // Whole lines inside the chunk are not copied into the buffer first.
    if (ended && line->text.empty() && piece.size() <= kLogFrameMaxText) {
      if (!Emit(stream, piece, false, line) && !bytes.empty()) {
        DropRest(stream, bytes, line);
        return;
      }
      continue;
    }
    while (!piece.empty()) {
      // A full buffer is written only when more of its line comes, so the last frame of a line
      // never claims that it goes on.
      if (line->text.size() == kLogFrameMaxText) {
        Emit(stream, line->text, true, line);
        line->text.clear();
      }
      const std::string_view part = piece.substr(0, kLogFrameMaxText - line->text.size());
      line->text.append(part);
      piece.remove_prefix(part.size());
    }
    if (ended) {
      Emit(stream, line->text, false, line);
      line->text.clear();
    }
  }
}

bool LogWriter::Emit(LogStream stream, std::string_view text, bool continues, Line* line) {
  const auto size = static_cast<int64_t>(text.size()) + (continues ? 0 : 1);
  // A line that lost its middle would read as a line that nobody wrote: the rest goes too.
  if (line->dropping || !Admit(size)) {
    line->dropping = continues;
    Drop(stream, size);
    return false;
  }
  ReportDrops();
  AddFrame(stream, continues ? LogFrame::kFlagContinues : uint8_t{0}, text);
  batch_text_bytes_ += size;
  return true;
}

bool LogWriter::Admit(int64_t bytes) {
  const Nanoseconds now = clock_.Monotonic();
  const int64_t millis = (now - refilled_).count() / 1'000'000;
  if (millis > 0) {
    const int64_t per_milli = std::max<int64_t>(1, options_.bytes_per_second / 1000);
    const int64_t gained = std::min<int64_t>(millis, 60'000) * per_milli;
    tokens_ = std::min(options_.bytes_per_second, tokens_ + gained);
    refilled_ += std::chrono::milliseconds(millis);
  }
  if (written_text_bytes_ + batch_text_bytes_ + bytes > options_.bytes_limit) {
    exhausted_ = true;
    return false;
  }
  // A line longer than one second's budget passes on a full bucket.
  if (bytes > tokens_ && tokens_ < options_.bytes_per_second) return false;
  tokens_ -= bytes;
  return true;
}

void LogWriter::Drop(LogStream stream, int64_t bytes) {
  pending_drop_[IndexOf(stream)] += bytes;
  dropped_total_ += bytes;
}

void LogWriter::ReportDrops() {
  for (LogStream stream : {LogStream::kStdout, LogStream::kStderr}) {
    int64_t& dropped = pending_drop_[IndexOf(stream)];
    if (dropped == 0) continue;
    AddFrame(stream, LogFrame::kFlagDropped, std::to_string(dropped));
    dropped = 0;
  }
}

void LogWriter::AddFrame(LogStream stream, uint8_t flags, std::string_view text) {
  LogFrame frame;
  frame.seq = next_seq_++;
  // Strictly increasing whatever the wall clock does, so that time order is sequence order.
  last_nanos_ = std::max(last_nanos_ + 1, clock_.Now().unix_nanos);
  frame.time.unix_nanos = last_nanos_;
  frame.stream = stream;
  frame.flags = flags;
  frame.text = text;
  AppendLogFrame(frame, &batch_);
}

void LogWriter::Write() {
  if (batch_.empty()) return;
  if (segment_ && segment_size_ >= options_.segment_bytes) {
    fdatasync(segment_.get());
    segment_.Reset();
  }
  const bool open = segment_ || OpenSegment();
  if (open && WriteAll(segment_.get(), batch_).ok()) {
    segment_size_ += static_cast<int64_t>(batch_.size());
    written_text_bytes_ += batch_text_bytes_;
  } else {
    // Disk full: nothing half-written stays, the sequence keeps no gap, the loss is counted.
    if (open && ftruncate(segment_.get(), segment_size_) == 0) {
      lseek(segment_.get(), segment_size_, SEEK_SET);
    }
    for (std::string_view rest = batch_; !rest.empty();) {
      const ParsedLogFrame parsed = ParseLogFrame(rest);
      if (parsed.kind != ParsedLogFrame::Kind::kFrame) break;
      --next_seq_;
      const LogFrame& frame = parsed.frame;
      const bool was_report = (frame.flags & LogFrame::kFlagDropped) != 0;
      const bool continues = (frame.flags & LogFrame::kFlagContinues) != 0;
      int64_t lost = static_cast<int64_t>(frame.text.size()) + (continues ? 0 : 1);
      if (was_report) lost = std::atoll(std::string(frame.text).c_str());
      pending_drop_[IndexOf(frame.stream)] += lost;
      if (!was_report) dropped_total_ += lost;
      rest.remove_prefix(parsed.size_bytes);
    }
  }
  batch_.clear();
  batch_text_bytes_ = 0;
}

bool LogWriter::OpenSegment() {
  char name[40];
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::snprintf(name, sizeof name, "segment-%06d.log", segment_number_ + 1);
    segment_ = UniqueFd(
        openat(dir_.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (segment_) break;
    // Left over from a moment of full disk: it holds no frame, so it may be made again.
    unlinkat(dir_.get(), name, 0);
  }
  if (!segment_) return false;
  if (!WriteAll(segment_.get(), kLogMagic).ok()) {
    segment_.Reset();
    return false;
  }
  ++segment_number_;
  segment_size_ = static_cast<int64_t>(kLogMagic.size());
  return true;
}

}  // namespace hodei::exec
