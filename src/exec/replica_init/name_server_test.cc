#include "exec/replica_init/name_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

namespace hodei::exec {
namespace {

constexpr int kPatienceMillis = 10'000;
constexpr int kPortAttempts = 50;

std::string Query(const std::string& name, uint16_t type = kDnsTypeA, char id = 'i') {
  std::string message{id, 'd', 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (size_t at = 0; at <= name.size();) {
    const size_t dot = std::min(name.find('.', at), name.size());
    message += static_cast<char>(dot - at);
    message += name.substr(at, dot - at);
    at = dot + 1;
  }
  return message + std::string{0, static_cast<char>(type >> 8), static_cast<char>(type), 0, 1};
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A socket on loopback, empty when the port is taken; `port` 0 chooses one and tells it.
UniqueFd Bound(int type, uint16_t* port) {
  UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address = Loopback(*port);
  socklen_t size = sizeof address;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return UniqueFd();
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  *port = ntohs(address.sin_port);
  return fd;
}

class NameServerTest : public ::testing::Test {
 protected:
  // With a name server of the host's behind it that the test plays itself.
  void Start(bool with_resolver) {
    NameServerOptions options{.address = "127.0.0.1", .port = 0, .zones = {"example.com"}};
    if (with_resolver) {
      // A port that is free for datagrams may be taken for streams.
      for (int i = 0; i < kPortAttempts && !resolver_tcp_; ++i) {
        options.resolver_port = 0;
        resolver_ = Bound(SOCK_DGRAM, &options.resolver_port);
        resolver_tcp_ = Bound(SOCK_STREAM, &options.resolver_port);
      }
      ASSERT_EQ(listen(resolver_tcp_.get(), 8), 0);
      options.resolvers = {"127.0.0.1"};
    }
    bool listens = false;
    for (int i = 0; i < kPortAttempts && !listens; ++i) {
      server_ = std::make_unique<NameServer>(options);
      listens = server_->Listen(epoll_.get());
    }
    ASSERT_TRUE(listens);
    uint16_t any = 0;
    client_ = Bound(SOCK_DGRAM, &any);
    const sockaddr_in to = Loopback(server_->port());
    ASSERT_EQ(connect(client_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }

  // Serves until `fd` has something to read.
  void ServeUntilReadable(int fd) {
    pollfd ready[] = {{fd, POLLIN, 0}, {epoll_.get(), POLLIN, 0}};
    while (poll(ready, 2, kPatienceMillis) > 0 && (ready[0].revents & (POLLIN | POLLHUP)) == 0) {
      ServeOnce();
    }
    ASSERT_NE(ready[0].revents & (POLLIN | POLLHUP), 0) << "nothing came";
  }
  void ServeOnce() {
    epoll_event events[16];
    const int count = epoll_wait(epoll_.get(), events, 16, 0);
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(server_->Handle(events[i].data.fd, events[i].events));
    }
  }
  void Send(const std::string& message) {
    ASSERT_EQ(send(client_.get(), message.data(), message.size(), 0),
              static_cast<ssize_t>(message.size()));
  }
  std::string Receive() {
    ServeUntilReadable(client_.get());
    char buffer[2048];
    const ssize_t n = recv(client_.get(), buffer, sizeof buffer, 0);
    return std::string(buffer, n > 0 ? static_cast<size_t>(n) : 0);
  }
  // The next question that reaches the host's name server.
  std::string Asked(sockaddr_in* from) {
    ServeUntilReadable(resolver_.get());
    char buffer[2048];
    socklen_t size = sizeof *from;
    const ssize_t n = recvfrom(resolver_.get(), buffer, sizeof buffer, 0,
                               reinterpret_cast<sockaddr*>(from), &size);
    return std::string(buffer, n > 0 ? static_cast<size_t>(n) : 0);
  }
  void Reply(const std::string& message, const sockaddr_in& to) {
    sendto(resolver_.get(), message.data(), message.size(), 0,
           reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  UniqueFd ConnectTcp() {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = Loopback(server_->port());
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    return fd;
  }

  const UniqueFd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  UniqueFd resolver_;
  UniqueFd resolver_tcp_;
  UniqueFd client_;
  std::unique_ptr<NameServer> server_;
};

TEST_F(NameServerTest, PrivateNamesLeadToItselfAndAreNeverAskedOutside) {
  Start(true);
  for (const char* name : {"example.com", "Storage.Example.COM", "bucket.storage.example.com"}) {
    Send(Query(name));
    const std::string answer = Receive();
    EXPECT_EQ(answer, DnsAnswer(*ParseDnsQuery(Query(name)), "127.0.0.1")) << name;
  }
  Send(Query("example.com", 28));
  EXPECT_EQ(Receive(), DnsAnswer(*ParseDnsQuery(Query("example.com", 28)), DnsCode::kOk));
  char byte = 0;
  EXPECT_EQ(recv(resolver_.get(), &byte, 1, 0), -1);
}

TEST_F(NameServerTest, OtherNamesDoNotExistWithoutNameServers) {
  Start(false);
  Send(Query("elsewhere.org"));
  EXPECT_EQ(CodeOfAnswer(*ParseDnsQuery(Query("elsewhere.org")), Receive()), 3);
}

TEST_F(NameServerTest, OtherNamesAreAskedOfTheHostsNameServers) {
  Start(true);
  const std::string question = Query("elsewhere.org");
  Send(question);
  sockaddr_in from{};
  EXPECT_EQ(Asked(&from), question);
  EXPECT_EQ(server_->pending(), 1u);
  const std::string answer = DnsAnswer(*ParseDnsQuery(question), "192.0.2.7");
  Reply(DnsAnswer(*ParseDnsQuery(Query("other.org")), "192.0.2.66"), from);  // to another question
  Reply(answer, from);
  EXPECT_EQ(Receive(), answer);
  EXPECT_EQ(server_->pending(), 0u);
}

TEST_F(NameServerTest, AnAnswerFromSomebodyElseIsNotBelieved) {
  Start(true);
  const std::string question = Query("elsewhere.org");
  Send(question);
  sockaddr_in from{};
  EXPECT_EQ(Asked(&from), question);
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  uint16_t any = 0;
  const UniqueFd stranger = Bound(SOCK_DGRAM, &any);
  const std::string forged = DnsAnswer(*ParseDnsQuery(question), "192.0.2.66");
  sendto(stranger.get(), forged.data(), forged.size(), 0, reinterpret_cast<sockaddr*>(&from),
         sizeof from);
  Reply(DnsAnswer(*ParseDnsQuery(question), "192.0.2.7"), from);
  EXPECT_EQ(Receive(), DnsAnswer(*ParseDnsQuery(question), "192.0.2.7"));
}

TEST_F(NameServerTest, TheOldestLookUpIsForgottenAtTheLimit) {
  Start(true);
  for (size_t i = 0; i <= NameServer::kMaxPending; ++i) {
    Send(Query("n" + std::to_string(i) + ".org"));
    sockaddr_in from{};
    EXPECT_EQ(Asked(&from), Query("n" + std::to_string(i) + ".org"));
  }
  EXPECT_EQ(server_->pending(), NameServer::kMaxPending);
}

TEST_F(NameServerTest, GarbageIsIgnored) {
  Start(true);
  Send("x");
  Send(std::string(NameServer::kMaxQueryBytes + 1, 'x'));
  Send(Query("example.com"));
  EXPECT_EQ(Receive(), DnsAnswer(*ParseDnsQuery(Query("example.com")), "127.0.0.1"));
}

TEST_F(NameServerTest, AnswersOverTcpInOnePieceOrMany) {
  Start(true);
  const std::string question = Query("a.example.com");
  const std::string framed = std::string{0, static_cast<char>(question.size())} + question;
  const UniqueFd tcp = ConnectTcp();
  for (char byte : framed) {
    ASSERT_EQ(send(tcp.get(), &byte, 1, 0), 1);
    ServeOnce();
  }
  ServeUntilReadable(tcp.get());
  char buffer[512];
  const ssize_t n = recv(tcp.get(), buffer, sizeof buffer, 0);
  const std::string answer = DnsAnswer(*ParseDnsQuery(question), "127.0.0.1");
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(n)),
            (std::string{0, static_cast<char>(answer.size())} + answer));
}

TEST_F(NameServerTest, OtherNamesOverTcpAreRelayed) {
  Start(true);
  const std::string question = Query("elsewhere.org");
  const std::string framed = std::string{0, static_cast<char>(question.size())} + question;
  const UniqueFd tcp = ConnectTcp();
  ASSERT_EQ(send(tcp.get(), framed.data(), framed.size(), 0), static_cast<ssize_t>(framed.size()));
  ServeUntilReadable(resolver_tcp_.get());
  const UniqueFd upstream(accept4(resolver_tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ServeUntilReadable(upstream.get());
  char buffer[512];
  ssize_t n = recv(upstream.get(), buffer, sizeof buffer, 0);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(n)), framed);
  ASSERT_EQ(send(upstream.get(), "answer", 6, 0), 6);
  ServeUntilReadable(tcp.get());
  n = recv(tcp.get(), buffer, sizeof buffer, 0);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(n)), "answer");
}

TEST_F(NameServerTest, SilentTcpConnectionsGiveWayToNewOnes) {
  Start(true);
  std::vector<UniqueFd> silent;
  for (size_t i = 0; i < NameServer::kMaxTcpConnections; ++i) {
    silent.push_back(ConnectTcp());
    ServeOnce();
  }
  const std::string question = Query("example.com");
  const std::string framed = std::string{0, static_cast<char>(question.size())} + question;
  const UniqueFd tcp = ConnectTcp();
  ASSERT_EQ(send(tcp.get(), framed.data(), framed.size(), 0), static_cast<ssize_t>(framed.size()));
  ServeUntilReadable(tcp.get());
  char buffer[512];
  EXPECT_GT(recv(tcp.get(), buffer, sizeof buffer, 0), 0);
}

}  // namespace
}  // namespace hodei::exec
