// CPU per request and per byte of the HTTP server against a hand-written epoll loop, in one run:
// rounds alternate, and the figures are ratios of medians, so that a busy machine blurs both alike.
// Prints the rows that tools/bench.sh describes.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "net/testing/epoll_floor.h"
#include "net/testing/function_application.h"
#include "sys/file.h"

namespace hodei::net {
namespace {

constexpr int kRounds = 7;
constexpr int kConnections = 64;
constexpr int kRequests = 60'000;           // a round
constexpr uint64_t kFileBytes = 256 << 20;  // sent four times: 1 GiB
constexpr std::string_view kGet =
    "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n";
constexpr std::string_view kGetPool =
    "GET /pool HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n";

[[noreturn]] void Die(const std::string& why) {
  fmt::print(stderr, "http_server_benchmark: {}\n", why);
  std::exit(1);
}

UniqueFd Connect(uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) Die("connect");
  return fd;
}

// CPU time of this process's threads whose name starts with `prefix`.
double CpuOfThreads(const std::string& prefix) {
  double seconds = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (!name.starts_with(prefix)) continue;
    const int tid = std::stoi(task.path().filename());
    // The kernel's encoding of another thread's CPU clock, as in pthread_getcpuclockid(3).
    const clockid_t clock = static_cast<clockid_t>((~static_cast<unsigned>(tid) << 3) | 6);
    timespec time{};
    if (clock_gettime(clock, &time) != 0) Die("thread clock");
    seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  return seconds;
}

// Keep-alive connections, each with one request under way.
class Load {
 public:
  explicit Load(uint16_t port) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (int i = 0; i < kConnections; ++i) {
      connections_.push_back(Connect(port));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = connections_.back().get();
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event.data.fd, &event);
    }
  }

  void Run(std::string_view request, int requests) {
    int sent = 0;
    int answered = 0;
    for (const UniqueFd& fd : connections_) Ask(fd.get(), request, &sent);
    std::array<epoll_event, kConnections> events;
    std::array<char, 4096> response;
    while (answered < sent) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), 10'000);
      if (count <= 0) Die("no answer");
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        const ssize_t n = recv(fd, response.data(), response.size(), 0);
        if (n <= 0 || !std::string_view(response.data(), 12).starts_with("HTTP/1.1 200")) {
          Die("a wrong answer");
        }
        ++answered;
        if (sent < requests) Ask(fd, request, &sent);
      }
    }
  }

 private:
  static void Ask(int fd, std::string_view request, int* sent) {
    if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) Die("send");
    ++*sent;
  }

  UniqueFd epoll_;
  std::vector<UniqueFd> connections_;
};

void Download(int fd, uint64_t body_bytes) {
  constexpr std::string_view kRequest = "GET /file HTTP/1.1\r\nHost: h\r\n\r\n";
  static std::vector<char> bytes(1 << 20);
  if (send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) Die("send");
  // The head is small and of unknown size: read it byte by byte, then the body without looking.
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char byte = 0;
    if (recv(fd, &byte, 1, 0) != 1) Die("download");
    head.push_back(byte);
  }
  while (body_bytes > 0) {
    const ssize_t n =
        recv(fd, bytes.data(), std::min<uint64_t>(bytes.size(), body_bytes), MSG_TRUNC);
    if (n <= 0) Die("download");
    body_bytes -= static_cast<uint64_t>(n);
  }
}

class Trivial : public RequestHandler {
 public:
  explicit Trivial(Where where) : where_(where) {}
  Where where() const override { return where_; }
  Status OnBody(std::string_view) override { return OkStatus(); }
  HttpResponse OnEnd() override { return TextResponse(200, "application/json", "{}"); }
  HttpResponse OnError(const Status&) override { return TextResponse(400, "text/plain", ""); }

 private:
  const Where where_;
};

class SendFileHandler : public Trivial {
 public:
  explicit SendFileHandler(const std::string& path) : Trivial(Where::kPool), path_(path) {}
  HttpResponse OnEnd() override {
    HttpResponse response;
    FileBody body;
    body.fd = UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    body.length = kFileBytes;
    response.body = std::move(body);
    return response;
  }

 private:
  const std::string path_;
};

void MeasureGets(uint16_t port) {
  // As many bytes as the server's own answer, which carries more fields than the floor needs.
  UniqueFd probe = Connect(port);
  if (send(probe.get(), kGet.data(), kGet.size(), 0) < 0) Die("send");
  std::string answer(4096, 'x');
  answer.resize(
      static_cast<size_t>(std::max<ssize_t>(0, recv(probe.get(), answer.data(), 4096, 0))));
  testing::EpollFloor floor(answer, -1, 0);
  Load ours(port);
  Load theirs(floor.port());
  std::vector<double> floor_us;
  std::vector<double> inline_us;
  std::vector<double> pool_us;
  const double to_us = 1e6 / kRequests;
  for (int round = -1; round < kRounds; ++round) {  // the first warms up
    const double floor_start = floor.cpu_seconds();
    theirs.Run(kGet, kRequests);
    const double floor_cpu = floor.cpu_seconds() - floor_start;
    const double inline_start = CpuOfThreads("http-");
    ours.Run(kGet, kRequests);
    const double inline_cpu = CpuOfThreads("http-") - inline_start;
    const double pool_start = CpuOfThreads("http-");
    ours.Run(kGetPool, kRequests);
    const double pool_cpu = CpuOfThreads("http-") - pool_start;
    if (round < 0) continue;
    floor_us.push_back(floor_cpu * to_us);
    inline_us.push_back(inline_cpu * to_us);
    pool_us.push_back(pool_cpu * to_us);
  }
  for (size_t i = 0; i < floor_us.size(); ++i) {
    fmt::print("bench http_get {:.2f} us peer=epoll:{:.2f} max_ratio=1.5 note=inline handler\n",
               inline_us[i], floor_us[i]);
    fmt::print("bench http_get_pool {:.2f} us peer=epoll:{:.2f} note=handler on the pool\n",
               pool_us[i], floor_us[i]);
  }
}

void MeasureDownload(uint16_t port, const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  testing::EpollFloor floor("HTTP/1.1 200 OK\r\n\r\n", file.get(), kFileBytes);
  const UniqueFd ours = Connect(port);
  const UniqueFd theirs = Connect(floor.port());
  constexpr int kFiles = static_cast<int>((1ULL << 30) / kFileBytes);
  std::vector<double> floor_s;
  std::vector<double> server_s;
  for (int round = -1; round < kRounds; ++round) {
    const double floor_start = floor.cpu_seconds();
    for (int i = 0; i < kFiles; ++i) Download(theirs.get(), kFileBytes);
    const double floor_cpu = floor.cpu_seconds() - floor_start;
    const double start = CpuOfThreads("http-");
    for (int i = 0; i < kFiles; ++i) Download(ours.get(), kFileBytes);
    const double cpu = CpuOfThreads("http-") - start;
    if (round < 0) continue;
    floor_s.push_back(floor_cpu);
    server_s.push_back(cpu);
  }
  for (size_t i = 0; i < floor_s.size(); ++i) {
    fmt::print("bench http_download {:.3f} s/GiB peer=sendfile:{:.3f} max_ratio=1.1\n", server_s[i],
               floor_s[i]);
  }
}

void Main() {
  const TemporaryDirectory dir;
  const std::string path = dir.path() + "/file";
  {
    const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string block(1 << 20, 'f');
    for (uint64_t i = 0; i < kFileBytes / block.size(); ++i) {
      if (!WriteAll(file.get(), block).ok()) Die("write the file to serve");
    }
  }
  ServerOptions options;
  options.pool_threads = 2;
  testing::TestServer server(
      [&path](const RequestHead& head) -> std::unique_ptr<RequestHandler> {
        if (head.target == "/file") return std::make_unique<SendFileHandler>(path);
        return std::make_unique<Trivial>(head.target == "/pool" ? RequestHandler::Where::kPool
                                                                : RequestHandler::Where::kInline);
      },
      options);
  MeasureGets(server.port());
  MeasureDownload(server.port(), path);
}

}  // namespace
}  // namespace hodei::net

int main() {
  hodei::net::Main();
  return 0;
}
