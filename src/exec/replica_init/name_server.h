// Answers a replica's name look-ups: the private names lead to one address, everything else is
// asked of the host's name servers, or does not exist where there are none. UDP and TCP, so that
// every resolver library works. One thread, driven by an epoll loop.
//
// A look-up goes to all servers at once and the first useful answer is passed on; a client whose
// look-up got lost asks again by itself, so no timer is needed here.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "exec/replica_init/byte_pipes.h"
#include "exec/replica_init/dns_message.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

struct NameServerOptions {
  std::string address;  // where to listen, and what the private names lead to
  uint16_t port = 53;   // 0 chooses one; port() tells
  std::vector<std::string> zones;
  std::vector<std::string> resolvers;  // IPv4 addresses
  uint16_t resolver_port = 53;
};

class NameServer {
 public:
  // The oldest look-up is forgotten when there are more.
  static constexpr size_t kMaxPending = 128;
  static constexpr size_t kMaxTcpConnections = 32;
  static constexpr size_t kMaxQueryBytes = 1232;

  explicit NameServer(NameServerOptions options) : options_(std::move(options)) {}
  // As Forwarder's.
  bool Listen(int epoll_fd);
  bool Handle(int fd, uint32_t events);
  uint16_t port() const { return port_; }
  size_t pending() const { return pending_.size(); }

 private:
  // A look-up that the host's name servers were asked.
  struct Pending {
    UniqueFd socket;
    sockaddr_in client;
    DnsQuery query;
    size_t refusals = 0;
  };
  // A TCP connection whose question has not arrived whole.
  struct Asking {
    UniqueFd socket;
    std::string bytes;
  };

  void ReceiveQueries();
  void Ask(const sockaddr_in& client, DnsQuery query, std::string_view message);
  void ReceiveAnswer(std::list<Pending>::iterator pending);
  void AcceptTcp();
  void ReceiveTcp(std::map<int, Asking>::iterator asking);
  void AnswerTcp(UniqueFd client, const std::string& message);
  // What can be said without asking; empty when somebody must be asked.
  std::string OwnAnswer(const DnsQuery& query) const;
  bool Watch(int fd) const;

  const NameServerOptions options_;
  int epoll_fd_ = -1;
  uint16_t port_ = 0;
  UniqueFd udp_;
  UniqueFd tcp_;
  std::list<Pending> pending_;  // oldest first
  std::map<int, Asking> asking_;
  BytePipes relayed_;  // TCP questions that somebody else answers
};

}  // namespace hodei::exec
