// A replica's two output pipes, read in the order in which output came.
//
// Order between the pipes is the order in which they became readable: what is written to one of
// them while the other has something unread comes after it. This is as much as two pipes can tell:
// when a program writes to stdout, then to stderr, then to stdout again faster than this side
// reads, both pieces of stdout come in one read, before that of stderr. Inside one stream order is
// always exact. (Waiting for each write to be read would tell more, and make every line of a job
// wait for us.)
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "base/log_frame.h"
#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

inline constexpr size_t kOutputReadBytes = 256 << 10;

// One thread.
class OutputPipes {
 public:
  using Sink = std::function<void(LogStream stream, std::string_view bytes)>;
  // Makes both pipes; `out` and `err` get the ends to write to. Call once, before all else.
  Status Open(UniqueFd* out, UniqueFd* err);
  // Readable (poll, epoll) when Drain() has something to do.
  int fd() const { return epoll_.get(); }
  // The read end of stderr, for who looks at it alone before the first Drain(); -1 when closed.
  int stderr_fd() const { return pipes_[1].get(); }
  // One read of each pipe that is readable, in order. A pipe whose writers are gone is closed.
  void Drain(const Sink& sink);
  // Until both pipes have ended.
  bool open() const { return static_cast<bool>(pipes_[0]) || static_cast<bool>(pipes_[1]); }

 private:
  void Read(size_t index, const Sink& sink);

  UniqueFd epoll_;
  UniqueFd pipes_[2];
  std::unique_ptr<char[]> buffer_;  // pages that no read fills stay untouched
};

}  // namespace hodei::exec
