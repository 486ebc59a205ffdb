#include "engine/python_pool.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <simdjson.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "engine/child_process.h"
#include "sys/file.h"

namespace hodei::engine {
namespace {

constexpr int kControlFd = 3;
constexpr int kProgramFd = 4;
constexpr int kExportFd = 5;
constexpr int kSocketBytes = 1 << 20;
constexpr size_t kControlBytesMax = 64 * 1024;
// Forking takes milliseconds; loading again in the fork (custom code) as long as it took before.
constexpr std::chrono::minutes kForkDeadline{10};

struct FrameHead {
  uint32_t kind;
  uint32_t head_bytes;
  uint64_t payload_bytes;
};

Status Died() { return Internal("the model's process ended while it worked on the request"); }

// Waits until `fd` is ready; false at the deadline.
bool WaitFor(int fd, short events, Deadline deadline) {
  for (;;) {
    int timeout_ms = -1;
    if (deadline != Deadline::max()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (left.count() < 0) return false;
      timeout_ms = static_cast<int>(std::min<int64_t>(left.count() + 1, 1'000'000));
    }
    pollfd wait{fd, events, 0};
    const int ready = poll(&wait, 1, timeout_ms);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Status SendAll(int fd, std::vector<iovec> parts, Deadline deadline) {
  size_t at = 0;
  while (at < parts.size()) {
    msghdr message{};
    message.msg_iov = parts.data() + at;
    message.msg_iovlen = parts.size() - at;
    const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      if (!WaitFor(fd, POLLOUT, deadline)) return DeadlineExceeded("the model took too long");
      continue;
    }
    if (sent < 0) return Died();
    auto left = static_cast<size_t>(sent);
    while (at < parts.size() && left >= parts[at].iov_len) left -= parts[at++].iov_len;
    if (at < parts.size()) {
      parts[at].iov_base = static_cast<char*>(parts[at].iov_base) + left;
      parts[at].iov_len -= left;
    }
  }
  return OkStatus();
}

Status ReceiveAll(int fd, char* data, size_t size, Deadline deadline) {
  while (size > 0) {
    const ssize_t got = recv(fd, data, size, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      if (!WaitFor(fd, POLLIN, deadline)) return DeadlineExceeded("the model took too long");
      continue;
    }
    if (got <= 0) return Died();
    data += got;
    size -= static_cast<size_t>(got);
  }
  return OkStatus();
}

Result<PythonFrame> ReceiveFrame(int fd, uint64_t payload_bytes_max, Deadline deadline) {
  FrameHead frame{};
  RETURN_IF_ERROR(ReceiveAll(fd, reinterpret_cast<char*>(&frame), sizeof(frame), deadline));
  if (frame.head_bytes > PythonPool::kHeadBytesMax || frame.payload_bytes > payload_bytes_max) {
    return Internal("the model's process sent an answer that is too large");
  }
  PythonFrame received;
  received.kind = frame.kind;
  received.head.resize(frame.head_bytes);
  RETURN_IF_ERROR(ReceiveAll(fd, received.head.data(), received.head.size(), deadline));
  received.payload.resize(frame.payload_bytes);
  RETURN_IF_ERROR(ReceiveAll(fd, received.payload.data(), received.payload.size(), deadline));
  return received;
}

// {"code": …, "message": …} of an error frame or of the first process.
Status ErrorOf(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  int64_t code = 0;
  std::string_view message;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root["code"].get(code) != simdjson::SUCCESS || code < 0 || code > 4 ||
      root["message"].get(message) != simdjson::SUCCESS) {
    return Internal("the model's process sent a malformed error");
  }
  return ModelError(static_cast<Fault>(code), std::string(message));
}

Result<UniqueFd> FileInMemory(const char* name, std::string_view text) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "memfd_create");
  RETURN_IF_ERROR(WriteAll(fd.get(), text));
  return fd;
}

Result<std::pair<UniqueFd, UniqueFd>> SocketPair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  for (int end : ends) {
    setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof(kSocketBytes));
  }
  return std::pair<UniqueFd, UniqueFd>(ends[0], ends[1]);
}

Status SendDescriptor(int control, int fd) {
  char byte = 'F';
  iovec part{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof(space);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  if (sendmsg(control, &message, MSG_NOSIGNAL) != 1) return Died();
  return OkStatus();
}

Result<std::string> ReceivePacket(int control, Deadline deadline) {
  if (!WaitFor(control, POLLIN, deadline)) return DeadlineExceeded("the interpreter is silent");
  std::string packet(kControlBytesMax, '\0');
  const ssize_t got = recv(control, packet.data(), packet.size(), 0);
  if (got <= 0) return Died();
  packet.resize(static_cast<size_t>(got));
  return packet;
}

void End(pid_t pid) {
  if (pid > 0) kill(pid, SIGKILL);
}

}  // namespace

Result<std::unique_ptr<PythonPool>> PythonPool::Start(PythonOptions options) {
  std::unique_ptr<PythonPool> pool(new PythonPool(std::move(options)));
  RETURN_IF_ERROR(pool->StartFirstProcess());
  ASSIGN_OR_RETURN(Worker worker, pool->Fork(Deadline::max()));
  pool->free_.push_back(std::move(worker));
  pool->missing_ = pool->options_.workers - 1;
  return pool;
}

Status PythonPool::ForkAll() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (missing_ == 0) return OkStatus();
      --missing_;
    }
    ASSIGN_OR_RETURN(Worker worker, Fork(Deadline::max()));
    Return(std::move(worker));
  }
}

Status PythonPool::StartFirstProcess() {
  ASSIGN_OR_RETURN(UniqueFd program, FileInMemory("hodei_predict.py", options_.program));
  ASSIGN_OR_RETURN(UniqueFd exporter, FileInMemory("hodei_export.py", options_.export_program));
  ASSIGN_OR_RETURN(auto ends, SocketPair(SOCK_SEQPACKET));
  const std::vector<std::string> argv = {
      options_.python, fmt::format("/proc/self/fd/{}", kProgramFd), options_.config};
  ASSIGN_OR_RETURN(first_, StartProgram(argv, options_.environment,
                                        {{ends.second.get(), kControlFd},
                                         {program.get(), kProgramFd},
                                         {exporter.get(), kExportFd}}));
  ends.second.Reset();
  control_ = std::move(ends.first);
  Result<std::string> packet = ReceivePacket(control_.get(), Deadline::max());
  if (!packet.ok()) {
    int status = 0;
    waitpid(first_, &status, 0);
    first_ = -1;
    return ModelError(Fault::kLoad,
                      fmt::format("the interpreter ended while it loaded the model ({} {})",
                                  WIFSIGNALED(status) ? "signal" : "status",
                                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
  }
  if ((*packet)[0] == 'R') return OkStatus();
  return ErrorOf(std::string_view(*packet).substr(1));
}

PythonPool::~PythonPool() {
  for (Worker& worker : free_) End(worker.pid);
  control_.Reset();
  if (first_ <= 0) return;
  End(first_);
  waitpid(first_, nullptr, 0);
}

Result<PythonPool::Worker> PythonPool::Fork(Deadline deadline) {
  ASSIGN_OR_RETURN(auto ends, SocketPair(SOCK_STREAM));
  Worker worker;
  {
    std::lock_guard lock(fork_mutex_);
    RETURN_IF_ERROR(SendDescriptor(control_.get(), ends.second.get()));
    ends.second.Reset();
    ASSIGN_OR_RETURN(std::string packet, ReceivePacket(control_.get(), deadline));
    const char* end = packet.data() + packet.size();
    if (packet[0] != 'P' || std::from_chars(packet.data() + 1, end, worker.pid).ptr != end) {
      return Internal("the interpreter sent a malformed answer");
    }
  }
  worker.socket = std::move(ends.first);
  Result<PythonFrame> hello = ReceiveFrame(worker.socket.get(), 0, deadline);
  if (hello.ok() && hello->kind == kReady) return worker;
  End(worker.pid);
  if (!hello.ok()) return hello.status();
  return ErrorOf(hello->head);
}

Result<PythonPool::Worker> PythonPool::Borrow(Deadline deadline) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return !free_.empty() || missing_ > 0; };
  if (deadline == Deadline::max()) {
    returned_.wait(lock, ready);
  } else if (!returned_.wait_until(lock, deadline, ready)) {
    return DeadlineExceeded("no worker became free in time");
  }
  if (free_.empty()) {
    --missing_;
    lock.unlock();
    return ForkMissing(deadline);
  }
  Worker worker = std::move(free_.back());
  free_.pop_back();
  return worker;
}

void PythonPool::Return(Worker worker) {
  {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(worker));
  }
  returned_.notify_one();
}

Result<PythonPool::Worker> PythonPool::ForkMissing(Deadline deadline) {
  const Deadline latest = std::chrono::steady_clock::now() + Deadline::duration(kForkDeadline);
  Result<Worker> worker = Fork(std::min(deadline, latest));
  if (worker.ok()) return worker;
  {
    std::lock_guard lock(mutex_);
    ++missing_;
  }
  returned_.notify_one();
  // The first process is the only one that can fork; without it this pool is at its end.
  if (waitpid(first_, nullptr, WNOHANG) != 0 && !broken_.exchange(true) && options_.broken) {
    options_.broken();
  }
  return Internal(fmt::format("no worker can be started: {}", worker.status().message()));
}

void PythonPool::Discard(Worker worker) {
  End(worker.pid);
  ++restarts_;
  {
    std::lock_guard lock(mutex_);
    ++missing_;
  }
  returned_.notify_one();
}

Result<PythonFrame> PythonPool::Call(uint32_t kind, std::string_view head, std::string_view payload,
                                     Deadline deadline) {
  ASSIGN_OR_RETURN(Worker worker, Borrow(deadline));
  FrameHead frame{kind, static_cast<uint32_t>(head.size()), payload.size()};
  std::vector<iovec> parts = {{&frame, sizeof(frame)},
                              {const_cast<char*>(head.data()), head.size()},
                              {const_cast<char*>(payload.data()), payload.size()}};
  const int fd = worker.socket.get();
  const Status sent = SendAll(fd, std::move(parts), deadline);
  Result<PythonFrame> answer =
      sent.ok() ? ReceiveFrame(fd, options_.answer_bytes_max, deadline) : Result<PythonFrame>(sent);
  if (!answer.ok()) {
    Discard(std::move(worker));
    return answer;
  }
  Return(std::move(worker));
  if (answer->kind == kError) return ErrorOf(answer->head);
  return answer;
}

}  // namespace hodei::engine
