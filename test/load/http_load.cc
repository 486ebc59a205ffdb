// Loads an HTTP/1.1 server over keep-alive connections from one thread, so that what is measured is
// the server and not its client.
//
//   http_load --port P [--connections 64] [--requests 20000] [--seconds N] [--first 0] [--pid PID]…
//             REQUEST_FILE
//
// Ends after --requests answers, or after --seconds.
// REQUEST_FILE holds one request as it goes over the wire; "%SERIAL%" in it becomes an eight-digit
// number that counts from --first. Each connection has one request under way. Prints one JSON line:
// the rate, the latencies, and the CPU time per request of the processes named with --pid. Exits
// with 1 when an answer is not 2xx or a connection ends.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "sys/file.h"

namespace hodei::load {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kAnswerWaitMs = 60'000;
constexpr std::string_view kSerial = "%SERIAL%";

struct Options {
  uint16_t port = 0;
  int connections = 64;
  int requests = 20'000;
  std::chrono::seconds seconds{3600};
  int first = 0;
  std::vector<int> pids;
  std::string request_file;
};

[[noreturn]] void Die(const std::string& why) {
  fmt::print(stderr, "http_load: {}\n", why);
  std::exit(1);
}

double CpuSeconds(const std::vector<int>& pids) {
  double seconds = 0;
  for (const int pid : pids) {
    clockid_t clock{};
    timespec time{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
      Die(fmt::format("no process {}", pid));
    }
    seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  return seconds;
}

// Where the body ends, or npos while it is not all there.
size_t EndOfAnswer(std::string_view answer) {
  const size_t head = answer.find("\r\n\r\n");
  if (head == std::string_view::npos) return head;
  std::string lower(answer.substr(0, head + 2));
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return std::tolower(c); });
  const size_t body = head + 4;
  constexpr std::string_view kLength = "\r\ncontent-length:";
  if (const size_t at = lower.find(kLength); at != std::string::npos) {
    const size_t end = body + std::strtoull(lower.c_str() + at + kLength.size(), nullptr, 10);
    return answer.size() >= end ? end : std::string_view::npos;
  }
  if (lower.find("\r\ntransfer-encoding: chunked") != std::string::npos) {
    const size_t last = answer.find("\r\n0\r\n\r\n", head);
    return last == std::string_view::npos ? last : last + 7;
  }
  return lower.starts_with("http/1.1 204") ? body : std::string_view::npos;
}

class Load {
 public:
  Load(const Options& options, std::string request)
      : options_(options), request_(std::move(request)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (size_t at = request_.find(kSerial); at != std::string::npos;
         at = request_.find(kSerial, at + 1)) {
      serials_.push_back(at);
    }
    latencies_us_.reserve(static_cast<size_t>(options.requests));
    peers_.resize(static_cast<size_t>(options.connections));
    for (size_t i = 0; i < peers_.size(); ++i) Connect(i);
  }

  void Run() {
    const double cpu_start = CpuSeconds(options_.pids);
    const Clock::time_point start = Clock::now();
    for (size_t i = 0; i < peers_.size() && sent_ < options_.requests; ++i) Ask(&peers_[i]);
    std::vector<epoll_event> events(peers_.size());
    while (static_cast<int>(latencies_us_.size()) < options_.requests &&
           Clock::now() - start < options_.seconds) {
      const int count =
          epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), kAnswerWaitMs);
      if (count <= 0) Die("no answer");
      for (int i = 0; i < count; ++i) Receive(&peers_[events[static_cast<size_t>(i)].data.u64]);
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    Print(seconds, CpuSeconds(options_.pids) - cpu_start);
  }

 private:
  struct Peer {
    UniqueFd fd;
    std::string answer;
    Clock::time_point asked;
  };

  void Connect(size_t index) {
    Peer& peer = peers_[index];
    peer.fd = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(options_.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(peer.fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) Die("connect");
    const int on = 1;
    setsockopt(peer.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, peer.fd.get(), &event);
  }

  void Ask(Peer* peer) {
    const std::string serial = fmt::format("{:08}", options_.first + sent_);
    for (const size_t at : serials_) request_.replace(at, kSerial.size(), serial);
    ++sent_;
    peer->answer.clear();
    peer->asked = Clock::now();
    if (!WriteAll(peer->fd.get(), request_).ok()) Die("send");
  }

  void Receive(Peer* peer) {
    char bytes[65536];
    const ssize_t n = recv(peer->fd.get(), bytes, sizeof bytes, 0);
    if (n <= 0) Die(fmt::format("the server ended a connection: {}", peer->answer));
    peer->answer.append(bytes, static_cast<size_t>(n));
    if (EndOfAnswer(peer->answer) == std::string_view::npos) return;
    if (!peer->answer.starts_with("HTTP/1.1 2")) Die(peer->answer.substr(0, 600));
    latencies_us_.push_back(
        std::chrono::duration<double, std::micro>(Clock::now() - peer->asked).count());
    if (sent_ < options_.requests) Ask(peer);
  }

  void Print(double seconds, double cpu_seconds) {
    if (latencies_us_.empty()) Die("no answer in time");
    std::sort(latencies_us_.begin(), latencies_us_.end());
    const size_t count = latencies_us_.size();
    fmt::print(
        "{{\"requests\":{},\"seconds\":{:.6f},\"rate\":{:.1f},\"cpu_us\":{:.3f},\"p50_us\":{:.1f},"
        "\"p99_us\":{:.1f}}}\n",
        count, seconds, static_cast<double>(count) / seconds,
        cpu_seconds * 1e6 / static_cast<double>(count), latencies_us_[count / 2],
        latencies_us_[count * 99 / 100]);
  }

  const Options& options_;
  std::string request_;
  std::vector<size_t> serials_;
  UniqueFd epoll_;
  std::vector<Peer> peers_;
  std::vector<double> latencies_us_;
  int sent_ = 0;
};

int Number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) Die("bad number");
  return value;
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--")) {
      options.request_file = word;
      continue;
    }
    if (++i == argc) Die("a flag without a value");
    const int value = Number(argv[i]);
    if (word == "--port") {
      options.port = static_cast<uint16_t>(value);
    } else if (word == "--connections") {
      options.connections = value;
    } else if (word == "--requests") {
      options.requests = value;
    } else if (word == "--seconds") {
      options.seconds = std::chrono::seconds(value);
    } else if (word == "--first") {
      options.first = value;
    } else if (word == "--pid") {
      options.pids.push_back(value);
    } else {
      Die(fmt::format("unknown flag {}", word));
    }
  }
  if (options.port == 0 || options.requests == 0 || options.request_file.empty()) {
    Die("needs --port and a file with the request");
  }
  return options;
}

}  // namespace
}  // namespace hodei::load

int main(int argc, char** argv) {
  using hodei::load::Die;
  const hodei::load::Options options = hodei::load::Parse(argc, argv);
  hodei::Result<std::string> request = hodei::ReadFile(options.request_file);
  if (!request.ok()) Die(request.status().message());
  hodei::load::Load(options, *std::move(request)).Run();
  return 0;
}
