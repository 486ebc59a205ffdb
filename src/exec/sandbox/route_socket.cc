#include "exec/sandbox/route_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr size_t kAnswerBytes = 16 << 10;  // a link with all its statistics is some 2 KiB
constexpr int kAnswerSeconds = 10;

// A netlink request under construction; parts are aligned as the kernel wants them.
class Request {
 public:
  Request(uint16_t type, uint16_t flags) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    Append(header);
  }
  template <typename T>
  Request& Append(const T& part) {
    return AppendBytes(&part, sizeof part);
  }
  template <typename T>
  Request& Attribute(uint16_t type, const T& value) {
    return AttributeBytes(type, &value, sizeof value);
  }
  Request& Text(uint16_t type, const std::string& value) {
    return AttributeBytes(type, value.c_str(), value.size() + 1);
  }
  // What is added until End() is inside.
  size_t Begin(uint16_t type) {
    const size_t at = bytes_.size();
    Append(rtattr{0, type});
    return at;
  }
  void End(size_t at) {
    const auto length = static_cast<unsigned short>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at, &length, sizeof length);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  Request& AttributeBytes(uint16_t type, const void* value, size_t size) {
    Append(rtattr{static_cast<unsigned short>(RTA_LENGTH(size)), type});
    return AppendBytes(value, size);
  }
  Request& AppendBytes(const void* part, size_t size) {
    bytes_.append(static_cast<const char*>(part), size);
    bytes_.resize((bytes_.size() + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO);
    return *this;
  }
  std::string bytes_;
};

Result<UniqueFd> OpenNetlink(int family) {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family));
  if (!fd) return ErrnoStatus(errno, "netlink socket");
  const timeval patience{kAnswerSeconds, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

// Reads until the kernel acknowledges `sequence`; what it said before is the answer.
Result<std::string> Exchange(const UniqueFd& fd, std::string request, uint32_t sequence,
                             std::string_view what) {
  nlmsghdr header;
  std::memcpy(&header, request.data(), sizeof header);
  header.nlmsg_len = static_cast<uint32_t>(request.size());
  header.nlmsg_seq = sequence;
  std::memcpy(request.data(), &header, sizeof header);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(fd.get(), request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&kernel),
             sizeof kernel) < 0) {
    return ErrnoStatus(errno, std::string(what));
  }
  std::string answer;
  alignas(nlmsghdr) char buffer[kAnswerBytes];
  for (;;) {
    const ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, std::string(what));
    auto left = static_cast<unsigned>(n);
    for (auto* one = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(one, left);
         one = NLMSG_NEXT(one, left)) {
      if (one->nlmsg_seq != sequence) continue;
      if (one->nlmsg_type != NLMSG_ERROR) {
        answer.assign(static_cast<const char*>(NLMSG_DATA(one)), NLMSG_PAYLOAD(one, 0));
        continue;
      }
      const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(one))->error;
      if (error == EEXIST) return AlreadyExists(fmt::format("{}: it exists", what));
      if (error == ENODEV) return NotFound(fmt::format("{}: no such link", what));
      if (error != 0) return ErrnoStatus(error, std::string(what));
      return answer;
    }
  }
}

ifinfomsg LinkMessage(int index = 0) {
  ifinfomsg message{};
  message.ifi_family = AF_UNSPEC;
  message.ifi_index = index;
  return message;
}

Result<in_addr> ParseAddress(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) {
    return InvalidArgument(fmt::format("'{}' is no IPv4 address", text));
  }
  return address;
}

}  // namespace

Result<RouteSocket> RouteSocket::Open() {
  RouteSocket opened;
  ASSIGN_OR_RETURN(opened.fd_, OpenNetlink(NETLINK_ROUTE));
  return opened;
}

Result<RouteSocket> RouteSocket::OpenIn(const UniqueFd& netns) {
  ASSIGN_OR_RETURN(const UniqueFd before, OpenFile("/proc/thread-self/ns/net", O_RDONLY));
  if (setns(netns.get(), CLONE_NEWNET) != 0) return ErrnoStatus(errno, "enter network namespace");
  auto opened = Open();
  // Nothing may go on in a namespace that is not this thread's.
  if (setns(before.get(), CLONE_NEWNET) != 0) _exit(125);
  return opened;
}

Result<std::string> RouteSocket::Ask(std::string request, std::string_view what) {
  return Exchange(fd_, std::move(request), ++sequence_, what);
}

Status RouteSocket::AddVeth(const std::string& name, const std::string& peer_name,
                            const UniqueFd& peer_netns) {
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.Append(LinkMessage()).Text(IFLA_IFNAME, name);
  const size_t link = request.Begin(IFLA_LINKINFO);
  request.Text(IFLA_INFO_KIND, "veth");
  const size_t data = request.Begin(IFLA_INFO_DATA);
  const size_t peer = request.Begin(VETH_INFO_PEER);
  request.Append(LinkMessage())
      .Text(IFLA_IFNAME, peer_name)
      .Attribute(IFLA_NET_NS_FD, static_cast<uint32_t>(peer_netns.get()));
  request.End(peer);
  request.End(data);
  request.End(link);
  return Ask(request.Take(), fmt::format("add link '{}'", name)).status();
}

Result<int> RouteSocket::IndexOf(const std::string& name) {
  Request request(RTM_GETLINK, 0);
  request.Append(LinkMessage()).Text(IFLA_IFNAME, name);
  ASSIGN_OR_RETURN(const std::string answer,
                   Ask(request.Take(), fmt::format("look up link '{}'", name)));
  ifinfomsg message{};
  if (answer.size() < sizeof message) return Internal("a link without an index");
  std::memcpy(&message, answer.data(), sizeof message);
  return message.ifi_index;
}

Status RouteSocket::SetUp(int index) {
  ifinfomsg message = LinkMessage(index);
  message.ifi_flags = IFF_UP;
  message.ifi_change = IFF_UP;
  return Ask(Request(RTM_NEWLINK, 0).Append(message).Take(), "raise link").status();
}

Status RouteSocket::SetMaster(int index, int master) {
  return Ask(Request(RTM_NEWLINK, 0)
                 .Append(LinkMessage(index))
                 .Attribute(IFLA_MASTER, static_cast<uint32_t>(master))
                 .Take(),
             "join bridge")
      .status();
}

Status RouteSocket::AddAddress(int index, const std::string& address, int prefix_length) {
  ASSIGN_OR_RETURN(const in_addr parsed, ParseAddress(address));
  ifaddrmsg message{};
  message.ifa_family = AF_INET;
  message.ifa_prefixlen = static_cast<uint8_t>(prefix_length);
  message.ifa_index = static_cast<uint32_t>(index);
  return Ask(Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL)
                 .Append(message)
                 .Attribute(IFA_LOCAL, parsed)
                 .Attribute(IFA_ADDRESS, parsed)
                 .Take(),
             fmt::format("add address {}", address))
      .status();
}

Status RouteSocket::AddDefaultRoute(const std::string& gateway) {
  ASSIGN_OR_RETURN(const in_addr parsed, ParseAddress(gateway));
  rtmsg message{};
  message.rtm_family = AF_INET;
  message.rtm_table = RT_TABLE_MAIN;
  message.rtm_protocol = RTPROT_BOOT;
  message.rtm_scope = RT_SCOPE_UNIVERSE;
  message.rtm_type = RTN_UNICAST;
  return Ask(Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL)
                 .Append(message)
                 .Attribute(RTA_GATEWAY, parsed)
                 .Take(),
             fmt::format("add default route by {}", gateway))
      .status();
}

Result<uint32_t> PacketFilterGeneration() {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenNetlink(NETLINK_NETFILTER));
  nfgenmsg message{};
  message.nfgen_family = AF_UNSPEC;
  message.version = NFNETLINK_V0;
  constexpr uint16_t kType = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN;
  ASSIGN_OR_RETURN(const std::string answer, Exchange(fd, Request(kType, 0).Append(message).Take(),
                                                      1, "ask for the packet filter's state"));
  size_t at = NLMSG_ALIGN(sizeof message);
  while (at + sizeof(rtattr) <= answer.size()) {
    rtattr attribute;
    std::memcpy(&attribute, answer.data() + at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute) break;
    uint32_t value = 0;
    if ((attribute.rta_type & NLA_TYPE_MASK) == NFTA_GEN_ID &&
        at + RTA_LENGTH(sizeof value) <= answer.size()) {
      std::memcpy(&value, answer.data() + at + RTA_LENGTH(0), sizeof value);
      return ntohl(value);
    }
    at += RTA_ALIGN(attribute.rta_len);
  }
  return Internal("the packet filter did not tell its state");
}

}  // namespace hodei::exec
