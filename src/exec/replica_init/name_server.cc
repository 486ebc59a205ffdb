#include "exec/replica_init/name_server.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace hodei::exec {
namespace {

constexpr size_t kMaxAnswerBytes = 65535;
constexpr int kMessagesPerTurn = 64;  // then the other descriptors have their turn
constexpr size_t kTcpLengthBytes = 2;

sockaddr_in AddressOf(const std::string& text, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text.c_str(), &address.sin_addr);
  return address;
}

const sockaddr* Generic(const sockaddr_in* address) {
  return reinterpret_cast<const sockaddr*>(address);
}

UniqueFd NewSocket(int type) {
  return UniqueFd(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

bool NameServer::Watch(int fd) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool NameServer::Listen(int epoll_fd) {
  epoll_fd_ = epoll_fd;
  relayed_.Attach(epoll_fd);
  udp_ = NewSocket(SOCK_DGRAM);
  tcp_ = NewSocket(SOCK_STREAM);
  sockaddr_in address = AddressOf(options_.address, options_.port);
  socklen_t size = sizeof address;
  if (bind(udp_.get(), Generic(&address), size) != 0 ||
      getsockname(udp_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return false;
  }
  port_ = ntohs(address.sin_port);
  const int on = 1;
  setsockopt(tcp_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(tcp_.get(), Generic(&address), size) == 0 && listen(tcp_.get(), 16) == 0 &&
         Watch(udp_.get()) && Watch(tcp_.get());
}

bool NameServer::Handle(int fd, uint32_t events) {
  if (fd == udp_.get()) {
    ReceiveQueries();
    return true;
  }
  if (fd == tcp_.get()) {
    AcceptTcp();
    return true;
  }
  const auto pending = std::find_if(pending_.begin(), pending_.end(),
                                    [fd](const Pending& one) { return one.socket.get() == fd; });
  if (pending != pending_.end()) {
    ReceiveAnswer(pending);
    return true;
  }
  const auto asking = asking_.find(fd);
  if (asking != asking_.end()) {
    ReceiveTcp(asking);
    return true;
  }
  return relayed_.Handle(fd, events);
}

std::string NameServer::OwnAnswer(const DnsQuery& query) const {
  if (!IsInZones(query.name, options_.zones)) {
    return options_.resolvers.empty() ? DnsAnswer(query, DnsCode::kNoSuchName) : "";
  }
  const bool address = query.type == kDnsTypeA || query.type == kDnsTypeAny;
  // Every other type: the name exists and has none. Nothing about these names is asked outside.
  return address && query.class_ == kDnsClassIn ? DnsAnswer(query, options_.address.c_str())
                                                : DnsAnswer(query, DnsCode::kOk);
}

void NameServer::ReceiveQueries() {
  char buffer[kMaxQueryBytes];
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    sockaddr_in client{};
    socklen_t size = sizeof client;
    const ssize_t n = recvfrom(udp_.get(), buffer, sizeof buffer, MSG_TRUNC,
                               reinterpret_cast<sockaddr*>(&client), &size);
    if (n < 0) return;
    if (static_cast<size_t>(n) > sizeof buffer) continue;
    const std::string_view message(buffer, static_cast<size_t>(n));
    std::optional<DnsQuery> query = ParseDnsQuery(message);
    if (!query) continue;
    const std::string answer = OwnAnswer(*query);
    if (answer.empty()) {
      Ask(client, *std::move(query), message);
    } else {
      (void)sendto(udp_.get(), answer.data(), answer.size(), 0, Generic(&client), size);
    }
  }
}

void NameServer::Ask(const sockaddr_in& client, DnsQuery query, std::string_view message) {
  // A socket, and so a port, for each look-up: an answer to another one cannot be taken for it.
  Pending pending{NewSocket(SOCK_DGRAM), client, std::move(query)};
  if (!pending.socket || !Watch(pending.socket.get())) return;
  for (const std::string& resolver : options_.resolvers) {
    const sockaddr_in to = AddressOf(resolver, options_.resolver_port);
    if (sendto(pending.socket.get(), message.data(), message.size(), 0, Generic(&to), sizeof to) <
        0) {
      ++pending.refusals;
    }
  }
  if (pending_.size() >= kMaxPending) pending_.pop_front();
  pending_.push_back(std::move(pending));
}

void NameServer::ReceiveAnswer(std::list<Pending>::iterator pending) {
  static char buffer[kMaxAnswerBytes];
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const ssize_t n = recvfrom(pending->socket.get(), buffer, sizeof buffer, 0,
                             reinterpret_cast<sockaddr*>(&from), &size);
  if (n < 0) return;
  const bool asked = std::any_of(
      options_.resolvers.begin(), options_.resolvers.end(), [&](const std::string& resolver) {
        const sockaddr_in known = AddressOf(resolver, options_.resolver_port);
        return known.sin_addr.s_addr == from.sin_addr.s_addr && known.sin_port == from.sin_port;
      });
  if (!asked) return;
  const std::string_view message(buffer, static_cast<size_t>(n));
  const auto code = CodeOfAnswer(pending->query, message);
  if (!code) return;
  const bool useful = *code == static_cast<uint8_t>(DnsCode::kOk) ||
                      *code == static_cast<uint8_t>(DnsCode::kNoSuchName);
  // Another server may know better, unless this was the last.
  if (!useful && ++pending->refusals < options_.resolvers.size()) return;
  (void)sendto(udp_.get(), message.data(), message.size(), 0, Generic(&pending->client),
               sizeof pending->client);
  pending_.erase(pending);
}

void NameServer::AcceptTcp() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    UniqueFd client(accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    // Those who ask nothing must not keep out the others.
    const bool full = asking_.size() + relayed_.size() >= kMaxTcpConnections;
    if (full && asking_.empty()) continue;
    if (full) asking_.erase(asking_.begin());
    if (!Watch(client.get())) continue;
    const int fd = client.get();
    asking_[fd] = Asking{std::move(client), ""};
  }
}

void NameServer::ReceiveTcp(std::map<int, Asking>::iterator asking) {
  char buffer[kTcpLengthBytes + kMaxQueryBytes];
  std::string& bytes = asking->second.bytes;
  const ssize_t n = read(asking->first, buffer, sizeof buffer - bytes.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) bytes.append(buffer, static_cast<size_t>(n));
  const size_t wanted = bytes.size() < kTcpLengthBytes
                            ? sizeof buffer
                            : kTcpLengthBytes + (static_cast<unsigned char>(bytes[0]) << 8 |
                                                 static_cast<unsigned char>(bytes[1]));
  if (n > 0 && bytes.size() < wanted && bytes.size() < sizeof buffer) return;
  UniqueFd client = std::move(asking->second.socket);
  const std::string whole = bytes.size() >= wanted ? bytes.substr(0, wanted) : "";
  asking_.erase(asking);
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, client.get(), nullptr);
  if (!whole.empty()) AnswerTcp(std::move(client), whole);
}

void NameServer::AnswerTcp(UniqueFd client, const std::string& message) {
  const auto query = ParseDnsQuery(std::string_view(message).substr(kTcpLengthBytes));
  if (!query) return;
  std::string answer = OwnAnswer(*query);
  if (!answer.empty()) {
    answer.insert(0, {static_cast<char>(answer.size() >> 8), static_cast<char>(answer.size())});
    // It fits the empty buffer of a new connection.
    (void)send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    return;
  }
  UniqueFd server = NewSocket(SOCK_STREAM);
  const sockaddr_in to = AddressOf(options_.resolvers.front(), options_.resolver_port);
  if (connect(server.get(), Generic(&to), sizeof to) != 0 && errno != EINPROGRESS) return;
  relayed_.Add(std::move(client), std::move(server), message);
}

}  // namespace hodei::exec
