#include "net/testing/raw_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "net/unix_address.h"

namespace hodei::net::testing {
namespace {

constexpr std::chrono::seconds kPatience{20};

}  // namespace

RawConnection::RawConnection(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) fd_.Reset();
}

RawConnection::RawConnection(const std::string& unix_path)
    : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  Result<UnixAddress> to = UnixAddress::Make(unix_path);
  if (!to.ok() || connect(fd_.get(), to->name(), to->size()) != 0) fd_.Reset();
}

bool RawConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool RawConnection::Receive(std::chrono::steady_clock::time_point deadline) {
  using std::chrono::duration_cast;
  const auto left =
      duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd ready{fd_.get(), POLLIN, 0};
  if (closed_ || poll(&ready, 1, static_cast<int>(std::max<int64_t>(0, left.count()))) <= 0) {
    return false;
  }
  std::array<char, 65536> bytes;
  const ssize_t n = recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (n <= 0) {
    closed_ = true;
    return false;
  }
  received_.append(bytes.data(), static_cast<size_t>(n));
  return true;
}

std::string RawConnection::ReadToEnd(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (Receive(deadline)) {
  }
  return std::exchange(received_, "");
}

std::string RawConnection::ReadUntil(std::string_view mark) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (received_.find(mark) == std::string::npos) {
    if (!Receive(deadline)) return std::exchange(received_, "");
  }
  const size_t end = received_.find(mark) + mark.size();
  std::string found = received_.substr(0, end);
  received_.erase(0, end);
  return found;
}

std::string RawConnection::ReadExactly(size_t size) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (received_.size() < size && Receive(deadline)) {
  }
  std::string bytes = received_.substr(0, size);
  received_.erase(0, bytes.size());
  return bytes;
}

std::string RawConnection::ReadResponse() {
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  std::string head = ReadUntil("\r\n\r\n");
  const size_t at = head.find(kLength);
  if (at == std::string::npos) return head;
  return head + ReadExactly(std::strtoull(head.c_str() + at + kLength.size(), nullptr, 10));
}

void RawConnection::ShutdownWrite() { shutdown(fd_.get(), SHUT_WR); }

void RawConnection::Reset() {
  const linger now{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fd_.Reset();
}

}  // namespace hodei::net::testing
