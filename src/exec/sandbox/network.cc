#include "exec/sandbox/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "exec/sandbox/route_socket.h"
#include "exec/sandbox/run_program.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr char kIp[] = "/usr/sbin/ip";
constexpr char kNft[] = "/usr/sbin/nft";
constexpr char kNetnsDir[] = "/run/netns";
constexpr char kTable[] = "hodei";
constexpr char kInterfacePrefix[] = "hodei";
constexpr int kMaxEgressReplicas = 16'000;  // /30 networks in 100.127.0.0/16
constexpr int kEgressPrefixLength = 30;
constexpr int kGroupPrefixLength = 16;
constexpr size_t kRouteTableBytes = 4 << 20;
constexpr size_t kRulesRecordBytes = 1 << 20;

// Serialises table and forwarding changes of all servers and supervisors of this machine.
class MachineLock {
 public:
  static Result<MachineLock> Take(const std::string& path) {
    ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDWR | O_CREAT));
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    while (fcntl(fd.get(), F_OFD_SETLKW, &whole) != 0) {
      if (errno != EINTR) return ErrnoStatus(errno, fmt::format("lock '{}'", path));
    }
    MachineLock lock;
    lock.fd_ = std::move(fd);
    return lock;
  }

 private:
  UniqueFd fd_;
};

Result<UniqueFd> OpenNetns(const std::string& name) {
  return OpenFile(std::string(kNetnsDir) + "/" + name, O_RDONLY);
}

Status SetLoopbackUp() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (!fd || ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) return ErrnoStatus(errno, "raise lo");
  return OkStatus();
}

Status WriteSysctl(const std::string& path, const std::string& value) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile("/proc/sys/" + path, O_WRONLY));
  return WriteAll(fd.get(), value);
}

// kPrivateAddress on this namespace's loopback, and ports below 1024 for everybody in it: they are
// the replica's own.
Status AddPrivateAddress() {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo:0");
  auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  address->sin_family = AF_INET;
  inet_pton(AF_INET, kPrivateAddress, &address->sin_addr);
  if (!fd || ioctl(fd.get(), SIOCSIFADDR, &request) != 0)
    return ErrnoStatus(errno, "address of lo");
  address->sin_addr.s_addr = INADDR_NONE;  // 255.255.255.255: this address alone
  if (ioctl(fd.get(), SIOCSIFNETMASK, &request) != 0) return ErrnoStatus(errno, "mask of lo");
  return WriteSysctl("net/ipv4/ip_unprivileged_port_start", "0");
}

// A new namespace of this thread's making; the thread stays where it was.
Result<UniqueFd> NewNamespace(bool private_address) {
  ASSIGN_OR_RETURN(const UniqueFd before, OpenFile("/proc/self/ns/net", O_RDONLY));
  if (unshare(CLONE_NEWNET) != 0) return ErrnoStatus(errno, "unshare network");
  auto made = OpenFile("/proc/self/ns/net", O_RDONLY);
  Status up = SetLoopbackUp();
  if (up.ok() && private_address) up = AddPrivateAddress();
  // No address of the other family anywhere: rules and ranges are written for one.
  (void)WriteSysctl("net/ipv6/conf/all/disable_ipv6", "1").ok();
  (void)WriteSysctl("net/ipv6/conf/default/disable_ipv6", "1").ok();
  if (setns(before.get(), CLONE_NEWNET) != 0) _exit(125);
  RETURN_IF_ERROR(up);
  return made;
}

Status JoinGroup(const LaunchPlan& plan, const UniqueFd& replica) {
  const auto& names = plan.spec.network.group_host_names;
  const auto it = std::find(names.begin(), names.end(), plan.spec.network.host_name);
  if (it == names.end()) return InvalidArgument("host_name is not among group_host_names");
  const auto index = static_cast<size_t>(it - names.begin());
  ASSIGN_OR_RETURN(const UniqueFd group, OpenNetns(plan.group_netns));
  ASSIGN_OR_RETURN(RouteSocket outside, RouteSocket::OpenIn(group));
  ASSIGN_OR_RETURN(RouteSocket inside, RouteSocket::OpenIn(replica));
  const std::string port = fmt::format("p{}", index);
  RETURN_IF_ERROR(outside.AddVeth(port, "eth0", replica));
  ASSIGN_OR_RETURN(const int port_index, outside.IndexOf(port));
  ASSIGN_OR_RETURN(const int bridge, outside.IndexOf("br0"));
  RETURN_IF_ERROR(outside.SetMaster(port_index, bridge));
  RETURN_IF_ERROR(outside.SetUp(port_index));
  ASSIGN_OR_RETURN(const int eth0, inside.IndexOf("eth0"));
  RETURN_IF_ERROR(inside.AddAddress(eth0, GroupAddress(index), kGroupPrefixLength));
  return inside.SetUp(eth0);
}

std::string Uplink() {
  return UplinkOf(ReadFile("/proc/thread-self/net/route", kRouteTableBytes).value_or(""));
}

std::string ForwardingPath(const std::string& interface) {
  return "net/ipv4/conf/" + interface + "/forwarding";
}

// Answers come in by the uplink, so it must forward. Whether it did before is remembered.
Result<std::vector<std::string>> OpenForwarding() {
  const std::string uplink = Uplink();
  if (uplink.empty()) return FailedPrecondition("the host has no default route");
  std::vector<std::string> closed;
  if (const auto record = ReadFile(kForwardingRecord, 4096); record.ok()) {
    std::istringstream names(*record);
    for (std::string name; names >> name;) closed.push_back(name);
  }
  const auto now = ReadFile("/proc/sys/" + ForwardingPath(uplink), 16);
  if (!now.ok()) return now.status();
  if (now->starts_with("0")) {
    if (std::find(closed.begin(), closed.end(), uplink) == closed.end()) closed.push_back(uplink);
    std::string text;
    for (const std::string& name : closed) text += name + "\n";
    RETURN_IF_ERROR(WriteFileDurably(kForwardingRecord, text));
    RETURN_IF_ERROR(WriteSysctl(ForwardingPath(uplink), "1"));
  }
  return closed;
}

// What tells this state of the rules from every other: the kernel's count of changes to them, of
// this boot, in this namespace.
Result<std::string> RulesMark(uint32_t generation) {
  ASSIGN_OR_RETURN(const std::string boot, ReadFile("/proc/sys/kernel/random/boot_id", 64));
  struct stat netns {};
  if (stat("/proc/thread-self/ns/net", &netns) != 0) return ErrnoStatus(errno, "stat namespace");
  return fmt::format("{} {} {}", generation, netns.st_ino, boot);
}

// To load rules takes longer than all else of a start. They stay as they are while nobody, not even
// another program of the machine, has changed any since.
Status EnsureRules(const std::string& ruleset) {
  ASSIGN_OR_RETURN(const uint32_t before, PacketFilterGeneration());
  ASSIGN_OR_RETURN(const std::string mark, RulesMark(before));
  const auto record = ReadFile(kRulesRecord, kRulesRecordBytes);
  if (record.ok() && *record == mark + ruleset) return OkStatus();
  unlink(kRulesRecord);
  RETURN_IF_ERROR(RunProgram({kNft, "-f", "-"}, {.input = ruleset}).status());
  ASSIGN_OR_RETURN(const uint32_t after, PacketFilterGeneration());
  // Somebody else changed something at the same time: better loaded once more than believed.
  if (after != before + 1) return OkStatus();
  ASSIGN_OR_RETURN(const std::string new_mark, RulesMark(after));
  return WriteFileDurably(kRulesRecord, new_mark + ruleset);
}

Result<int> AddEgressLink(RouteSocket* outside, const UniqueFd& replica) {
  // The kernel is the referee between all servers of this machine: a name exists once.
  for (int slot = 0; slot < kMaxEgressReplicas; ++slot) {
    const std::string name = fmt::format("{}{}", kInterfacePrefix, slot);
    if (FileExists("/proc/sys/net/ipv4/conf/" + name)) continue;
    const Status added = outside->AddVeth(name, "eth1", replica);
    if (added.ok()) return slot;
    if (added.code() != Code::kAlreadyExists) return added;
  }
  return ResourceExhausted("too many replicas with internet access");
}

Status JoinInternet(const LaunchPlan& plan, const UniqueFd& replica) {
  ASSIGN_OR_RETURN(const MachineLock lock, MachineLock::Take(plan.network_lock));
  ASSIGN_OR_RETURN(const std::vector<std::string> closed, OpenForwarding());
  // The table stands before the link does: there is no moment without rules.
  RETURN_IF_ERROR_CTX(EnsureRules(NftRuleset(plan.resolvers, plan.egress_allow, closed)),
                      "packet filter");
  ASSIGN_OR_RETURN(RouteSocket outside, RouteSocket::Open());
  ASSIGN_OR_RETURN(RouteSocket inside, RouteSocket::OpenIn(replica));
  ASSIGN_OR_RETURN(const int slot, AddEgressLink(&outside, replica));
  const std::string name = fmt::format("{}{}", kInterfacePrefix, slot);
  const std::string net = fmt::format("100.127.{}.", slot / 64);
  const int base = slot % 64 * 4;
  (void)WriteSysctl("net/ipv6/conf/" + name + "/disable_ipv6", "1").ok();
  (void)WriteSysctl("net/ipv4/conf/" + name + "/rp_filter", "1").ok();
  RETURN_IF_ERROR(WriteSysctl(ForwardingPath(name), "1"));
  const std::string gateway = fmt::format("{}{}", net, base + 1);
  ASSIGN_OR_RETURN(const int here, outside.IndexOf(name));
  RETURN_IF_ERROR(outside.AddAddress(here, gateway, kEgressPrefixLength));
  RETURN_IF_ERROR(outside.SetUp(here));
  ASSIGN_OR_RETURN(const int eth1, inside.IndexOf("eth1"));
  RETURN_IF_ERROR(inside.AddAddress(eth1, fmt::format("{}{}", net, base + 2), kEgressPrefixLength));
  RETURN_IF_ERROR(inside.SetUp(eth1));
  return inside.AddDefaultRoute(gateway);
}

bool IsAddressWord(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789./:") == std::string::npos;
}

// "10.0.0.1:443" → "ip daddr 10.0.0.1 tcp dport 443 accept".
std::string AllowRule(const std::string& allow) {
  if (!IsAddressWord(allow)) return "";
  const size_t colon = allow.find(':');
  const std::string address = allow.substr(0, colon);
  if (colon == std::string::npos) return fmt::format("    ip daddr {} accept\n", address);
  return fmt::format("    ip daddr {} tcp dport {} accept\n", address, allow.substr(colon + 1));
}

}  // namespace

std::string GroupAddress(size_t index) {
  const size_t host = index + 10;
  return fmt::format("100.96.{}.{}", host / 256, host % 256);
}

std::vector<std::string> ForwardableResolvers(const std::string& resolv_conf) {
  std::vector<std::string> out;
  std::istringstream lines(resolv_conf);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword;
    std::string address;
    if (!(words >> keyword >> address) || keyword != "nameserver") continue;
    const bool v4 = address.find_first_not_of("0123456789.") == std::string::npos;
    if (v4 && !address.starts_with("127.") && out.size() < 3) out.push_back(address);
  }
  return out;
}

std::string UplinkOf(const std::string& route_table) {
  std::istringstream lines(route_table);
  std::string line;
  std::getline(lines, line);  // the names of the columns
  std::string best;
  int64_t best_metric = 0;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string interface;
    std::string destination;
    std::string gateway;
    unsigned flags = 0;
    int64_t references = 0;
    int64_t used = 0;
    int64_t metric = 0;
    std::string mask;
    words >> interface >> destination >> gateway >> std::hex >> flags >> std::dec >> references >>
        used >> metric >> mask;
    if (!words || destination != "00000000" || mask != "00000000" || (flags & RTF_UP) == 0 ||
        (flags & RTF_REJECT) != 0) {
      continue;
    }
    if (!best.empty() && metric >= best_metric) continue;
    best = interface;
    best_metric = metric;
  }
  return best;
}

std::string NftRuleset(const std::vector<std::string>& resolvers,
                       const std::vector<std::string>& allow,
                       const std::vector<std::string>& closed) {
  std::string from_job;
  for (const std::string& resolver : resolvers) {
    from_job += fmt::format(
        "    ip daddr {0} udp dport 53 accept\n    ip daddr {0} tcp dport 53 accept\n", resolver);
  }
  for (const std::string& one : allow) from_job += AllowRule(one);
  std::string closed_rules;
  for (const std::string& name : closed) {
    closed_rules += fmt::format("    iifname \"{}\" drop\n", name);
  }
  // One transaction: the old table goes and the new one comes at once.
  return fmt::format(R"(table inet {0} {{ }}
delete table inet {0}
table inet {0} {{
  chain forward {{
    type filter hook forward priority -5; policy accept;
    iifname "{1}*" jump from_job
    oifname "{1}*" jump to_job
{3}  }}
  chain from_job {{
    meta nfproto ipv6 drop
    ip saddr != 100.127.0.0/16 drop
    oifname "{1}*" drop
{2}    ip daddr {{ 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, 192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/4, 240.0.0.0/4 }} drop
    accept
  }}
  chain to_job {{
    ct state established,related accept
    drop
  }}
  chain input {{
    type filter hook input priority -5; policy accept;
    iifname "{1}*" drop
  }}
  chain output {{
    type filter hook output priority -5; policy accept;
    oifname "{1}*" drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 100.127.0.0/16 oifname != "{1}*" masquerade
  }}
}}
)",
                     kTable, kInterfacePrefix, from_job, closed_rules);
}

Result<UniqueFd> MakeReplicaNetwork(const LaunchPlan& plan) {
  ASSIGN_OR_RETURN(UniqueFd replica, NewNamespace(!plan.spec.private_names.empty()));
  if (!plan.group_netns.empty()) RETURN_IF_ERROR_CTX(JoinGroup(plan, replica), "join group");
  if (plan.spec.network.egress == Egress::kInternet) {
    RETURN_IF_ERROR_CTX(JoinInternet(plan, replica), "internet");
  }
  return replica;
}

Status EnterOwnNetwork() {
  const std::string ids = fmt::format("{0} {0} 1", getuid());
  const std::string group_ids = fmt::format("{0} {0} 1", getgid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return ErrnoStatus(errno, "unshare network");
  const std::pair<const char*, std::string> files[] = {{"/proc/self/setgroups", "deny"},
                                                       {"/proc/self/uid_map", ids},
                                                       {"/proc/self/gid_map", group_ids}};
  for (const auto& [path, text] : files) {
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_WRONLY));
    RETURN_IF_ERROR(WriteAll(fd.get(), text));
  }
  RETURN_IF_ERROR(SetLoopbackUp());
  return AddPrivateAddress();
}

Status EnsureGroup(const std::string& netns) {
  if (FileExists(std::string(kNetnsDir) + "/" + netns)) return OkStatus();
  RETURN_IF_ERROR(RunProgram({kIp, "netns", "add", netns}).status());
  // Without a querier a snooping bridge forgets who listens; jobs want plain forwarding.
  return RunProgram({kIp, "-n", netns, "-batch", "-"},
                    {.input = "link set lo up\n"
                              "link add br0 type bridge forward_delay 0 mcast_snooping 0\n"
                              "link set br0 up\n"})
      .status();
}

Status RemoveGroup(const std::string& netns) {
  if (!FileExists(std::string(kNetnsDir) + "/" + netns)) return OkStatus();
  return RunProgram({kIp, "netns", "del", netns}).status();
}

std::vector<std::string> ListGroups(const std::string& prefix) {
  std::vector<std::string> out;
  const auto names = ListDirectory(kNetnsDir);
  if (!names.ok()) return out;
  for (const std::string& name : *names) {
    if (name.starts_with(prefix)) out.push_back(name);
  }
  return out;
}

Status RemoveUnusedEgress(const std::string& lock_path) {
  ASSIGN_OR_RETURN(const MachineLock lock, MachineLock::Take(lock_path));
  const auto interfaces = ListDirectory("/proc/sys/net/ipv4/conf");
  if (interfaces.ok()) {
    for (const std::string& name : *interfaces) {
      if (name.starts_with(kInterfacePrefix)) return OkStatus();
    }
  }
  if (const auto record = ReadFile(kForwardingRecord, 4096); record.ok()) {
    std::istringstream names(*record);
    for (std::string name; names >> name;) (void)WriteSysctl(ForwardingPath(name), "0").ok();
    unlink(kForwardingRecord);
  }
  unlink(kRulesRecord);
  // Naming it first makes the removal of an absent table no error.
  return RunProgram({kNft, "-f", "-"},
                    {.input = fmt::format("table inet {0} {{ }}\ndelete table inet {0}\n", kTable)})
      .status();
}

std::string EgressProblem() {
  if (access(kIp, X_OK) != 0) return "iproute2 is not installed";
  if (access(kNft, X_OK) != 0) return "nftables is not installed";
  if (Uplink().empty()) return "the host has no default route";
  return "";
}

}  // namespace hodei::exec
