// Turns a replica's raw output into log frames in segment files. One thread.
//
// Bounded: at most one unfinished line of kLogFrameMaxText bytes per stream is held. Never waits
// for quota: output beyond it is counted, and a kFlagDropped frame says how much. Frames reach the
// page cache with each Append(); fdatasync happens when a segment ends and in Finish().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log_frame.h"
#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

struct LogWriterOptions {
  int64_t bytes_limit = 1LL << 30;        // of text, for the replica's whole life
  int64_t bytes_per_second = 16LL << 20;  // with a burst of one second's worth
  int64_t segment_bytes = 64LL << 20;
};

class LogWriter {
 public:
  // Writes segment-000001.log … into the folder `dir_fd`, which it takes over. `clock` outlives it.
  LogWriter(UniqueFd dir_fd, const LogWriterOptions& options, const Clock& clock);

  // Output as read from the pipe; any cut. A write error (disk full) counts as dropped output.
  void Append(LogStream stream, std::string_view bytes);
  // Once in a while (a second): reports drops although nothing new is accepted.
  void Tick();
  // Flushes unfinished lines, reports drops, syncs. Nothing may follow.
  void Finish();

  int64_t dropped_bytes() const { return dropped_total_; }

 private:
  struct Line {
    std::string text;
    bool dropping = false;  // the rest of this line is dropped too
  };
  void TakeLines(LogStream stream, std::string_view bytes, Line* line);
  // false: refused, and counted as dropped.
  bool Emit(LogStream stream, std::string_view text, bool continues, Line* line);
  void DropRest(LogStream stream, std::string_view bytes, Line* line);
  void Drop(LogStream stream, int64_t bytes);
  void ReportDrops();
  void AddFrame(LogStream stream, uint8_t flags, std::string_view text);
  bool Admit(int64_t bytes);
  void Write();
  bool OpenSegment();

  const Clock& clock_;
  UniqueFd dir_;
  LogWriterOptions options_;
  UniqueFd segment_;
  int segment_number_ = 0;
  int64_t segment_size_ = 0;
  uint64_t next_seq_ = 1;
  int64_t last_nanos_ = 0;
  Line lines_[2];
  std::string batch_;  // frames not yet written
  int64_t batch_text_bytes_ = 0;
  int64_t written_text_bytes_ = 0;
  bool exhausted_ = false;  // the limit refused something: the log ends there
  int64_t tokens_ = 0;
  Nanoseconds refilled_{0};
  int64_t pending_drop_[2] = {0, 0};
  int64_t dropped_total_ = 0;
};

}  // namespace hodei::exec
