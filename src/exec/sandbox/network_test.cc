#include "exec/sandbox/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "base/testing/status_matchers.h"
#include "exec/sandbox/run_program.h"
#include "exec/testing/child_verdict.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NetworkTest, GroupAddressesAreDistinctAndInOneNetwork) {
  EXPECT_EQ(GroupAddress(0), "100.96.0.10");
  EXPECT_EQ(GroupAddress(245), "100.96.0.255");
  EXPECT_EQ(GroupAddress(246), "100.96.1.0");
  EXPECT_EQ(GroupAddress(kMaxGroupSize - 1), "100.96.16.9");
}

TEST(NetworkTest, OnlyNameServersThatAReplicaCanReachAreUsed) {
  EXPECT_THAT(ForwardableResolvers("nameserver 127.0.0.53\noptions edns0\n"), IsEmpty());
  EXPECT_THAT(
      ForwardableResolvers("# c\nnameserver 10.0.0.2\nnameserver ::1\nnameserver 192.0.2.1"),
      ElementsAre("10.0.0.2", "192.0.2.1"));
  EXPECT_THAT(ForwardableResolvers("nameserver 10.0.0.2;drop\nnameserver\n"), IsEmpty());
}

TEST(NetworkTest, NothingButAddressesGetsIntoTheRules) {
  const std::string rules = NftRuleset({}, {"10.0.0.1:443", "1.1.1.1 accept; drop", "x"}, {"eth0"});
  EXPECT_THAT(rules, HasSubstr("ip daddr 10.0.0.1 tcp dport 443 accept"));
  EXPECT_THAT(rules, ::testing::Not(HasSubstr("1.1.1.1")));
  EXPECT_THAT(rules, HasSubstr("iifname \"eth0\" drop"));
}

TEST(NetworkTest, TheUplinkIsTheBestDefaultRoute) {
  const std::string head =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
  const std::string near = "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
  const std::string wifi = "wlan0\t00000000\t0102000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n";
  const std::string cable = "eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
  const std::string refused = "*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n";
  EXPECT_EQ(UplinkOf(head + near + wifi + cable + refused), "eth0");
  EXPECT_EQ(UplinkOf(head + wifi), "wlan0");
  EXPECT_EQ(UplinkOf(head + near + refused), "");
  EXPECT_EQ(UplinkOf(""), "");
}

// A small world of its own: "host" is this process's new namespace with an uplink to "outside",
// where addresses of every kind have a listener. Runs `body` in a child and passes its verdict.
constexpr char kOutside[] =
    "import socket,threading\n"
    "def serve(a,p):\n"
    "  s=socket.create_server((a,p))\n"
    "  while True:\n"
    "    c,_=s.accept(); c.sendall(b'x'); c.close()\n"
    "for a,p in [('203.0.113.1',80),('203.0.113.1',53),('10.9.9.9',80),('10.9.9.9',53),"
    "('10.9.9.9',443),('169.254.169.254',80),('192.168.7.7',80),('100.64.1.1',80)]:\n"
    "  threading.Thread(target=serve,args=(a,p)).start()\n";

std::string InOwnWorld(const std::function<std::string()>& body) {
  return ChildVerdict([&]() -> std::string {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("t", "/run", "tmpfs", 0, "") != 0) {
      return "cannot make a world";
    }
    return body();
  });
}

std::string BuildWorld() {
  const Status made =
      RunProgram({"/bin/sh", "-ec",
                  "export PATH=/usr/sbin:/usr/bin\n"
                  "ip link set lo up; ip netns add outside\n"
                  "ip link add up0 type veth peer name up1 netns outside\n"
                  "ip addr add 203.0.113.2/24 dev up0; ip link set up0 up\n"
                  "ip addr add 10.1.1.1/32 dev lo\n"
                  "ip -n outside addr add 203.0.113.1/24 dev up1; ip -n outside link set up1 up\n"
                  "ip -n outside link set lo up\n"
                  "for a in 10.9.9.9 169.254.169.254 192.168.7.7 100.64.1.1; do\n"
                  "  ip -n outside addr add $a/32 dev lo; done\n"
                  "ip route add default via 203.0.113.1\n"})
          .status();
  return made.ok() ? "" : made.message();
}

// "203.0.113.1:80=yes 10.9.9.9:80=no …" from inside the replica's namespace.
std::string Probe(const UniqueFd& netns, const std::string& targets) {
  RunOptions options;
  options.network_namespace = netns.get();
  options.input =
      "import socket\nfor t in '" + targets +
      "'.split():\n  a,p=t.split(':')\n  try:\n    "
      "s=socket.create_connection((a,int(p)),timeout=0.7); r='yes'\n  except OSError: r='no'\n"
      "  print(t+'='+r,end=' ')\n";
  const auto out = RunProgram({"/usr/bin/python3", "-"}, options);
  return out.ok() ? *out : out.status().message();
}

TEST(NetworkTest, InternetMeansThePublicInternetAlone) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: makes network namespaces";
  const std::string verdict = InOwnWorld([]() -> std::string {
    if (std::string problem = BuildWorld(); !problem.empty()) return problem;
    const pid_t outside = fork();
    if (outside == 0) {
      execl("/usr/sbin/ip", "ip", "netns", "exec", "outside", "/usr/bin/python3", "-c", kOutside,
            nullptr);
      _exit(1);
    }
    const pid_t host_port = fork();
    if (host_port == 0) {
      execl("/usr/bin/python3", "python3", "-c",
            "import socket\ns=socket.create_server(('0.0.0.0',9999))\n"
            "while True:\n  c,_=s.accept(); c.close()\n",
            nullptr);
      _exit(1);
    }
    usleep(800'000);
    LaunchPlan plan;
    plan.spec.network.egress = Egress::kInternet;
    plan.network_lock = "/run/lock-network";
    plan.resolvers = {"10.9.9.9"};
    plan.egress_allow = {"10.9.9.9:443"};
    auto one = MakeReplicaNetwork(plan);
    if (!one.ok()) return one.status().message();
    const auto two = MakeReplicaNetwork(plan);
    if (!two.ok()) return two.status().message();
    std::string out = Probe(*one,
                            "203.0.113.1:80 10.9.9.9:53 10.9.9.9:443 10.9.9.9:80 "
                            "169.254.169.254:80 192.168.7.7:80 100.64.1.1:80 203.0.113.2:9999 "
                            "100.127.0.1:9999 10.1.1.1:9999 100.127.0.6:9999");
    const auto forwarding = [](const char* name) {
      return ReadFile(std::string("/proc/sys/net/ipv4/conf/") + name + "/forwarding").value_or("?");
    };
    out += "up0=" + forwarding("up0");
    const Status kept = RemoveUnusedEgress(plan.network_lock);
    out += FileExists("/proc/sys/net/ipv4/conf/hodei0") ? "kept " : "gone ";
    one->Reset();
    const_cast<UniqueFd&>(*two).Reset();
    for (int i = 0; i < 100 && FileExists("/proc/sys/net/ipv4/conf/hodei1"); ++i) usleep(50'000);
    for (int i = 0; i < 100 && FileExists("/proc/sys/net/ipv4/conf/hodei0"); ++i) usleep(50'000);
    const Status removed = RemoveUnusedEgress(plan.network_lock);
    out += (kept.ok() && removed.ok() ? "" : removed.message()) + "up0=" + forwarding("up0");
    out += RunProgram({"/usr/sbin/nft", "list", "tables"}).value_or("?");
    kill(outside, SIGKILL);
    kill(host_port, SIGKILL);
    return out;
  });
  EXPECT_EQ(verdict,
            "203.0.113.1:80=yes 10.9.9.9:53=yes 10.9.9.9:443=yes 10.9.9.9:80=no "
            "169.254.169.254:80=no 192.168.7.7:80=no 100.64.1.1:80=no 203.0.113.2:9999=no "
            "100.127.0.1:9999=no 10.1.1.1:9999=no 100.127.0.6:9999=no up0=1\nkept up0=0\n");
}

// The table of a namespace of our own after each step: its handle changes whenever it is made anew.
std::string TableHandle() {
  const auto out = RunProgram({"/usr/sbin/nft", "-a", "list", "table", "inet", "hodei"});
  if (!out.ok()) return "none";
  const size_t at = out->find("handle ");
  return at == std::string::npos ? "?" : out->substr(at, out->find('\n', at) - at);
}

TEST(NetworkTest, RulesAreLoadedOnceAndAgainWhenAnybodyChangedAny) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: makes network namespaces";
  const std::string verdict = InOwnWorld([]() -> std::string {
    if (std::string problem = BuildWorld(); !problem.empty()) return problem;
    LaunchPlan plan;
    plan.spec.network.egress = Egress::kInternet;
    plan.network_lock = "/run/lock-network";
    std::vector<UniqueFd> kept;
    std::string error;
    const auto start = [&] {
      auto made = MakeReplicaNetwork(plan);
      if (!made.ok()) return error = made.status().message(), error;
      kept.push_back(*std::move(made));
      return TableHandle();
    };
    const auto nft = [](const std::string& rules) {
      (void)RunProgram({"/usr/sbin/nft", "-f", "-"}, {.input = rules}).ok();
    };
    std::string out;
    const std::string first = start();
    out += start() == first ? "same " : "loaded ";
    nft("table ip other { }\n");
    const std::string second = start();
    out += second == first ? "same " : "loaded ";
    out += start() == second ? "same " : "loaded ";
    nft("flush ruleset\n");
    out += start() != "none" ? "loaded " : "none ";
    plan.resolvers = {"10.9.9.9"};
    const std::string before = TableHandle();
    out += start() == before ? "same " : "loaded ";
    return error.empty() ? out : error;
  });
  EXPECT_EQ(verdict, "same loaded same loaded loaded ");
}

}  // namespace
}  // namespace hodei::exec
