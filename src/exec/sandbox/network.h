// Networks of replicas (root tiers only; without root a replica has only its own loopback).
//
// Every replica has a network namespace of its own, owned by the host, in which it has no rights.
//   private   kPrivateAddress on its loopback, when the plan has private names
//   group     a namespace per group holds a bridge; each replica hangs on it by a veth pair as eth0
//             with GroupAddress(its place in group_host_names). Nothing routes out of the bridge.
//   internet  a veth pair to the host, masqueraded; the table "inet hodei" drops everything that is
//             not the public internet: private, carrier, link-local (metadata) and multicast
//             ranges, IPv6, every address of the host itself, and other replicas. Name servers of
//             the host are reachable on port 53 alone.
// All interfaces die with the replica's last process; the group's namespace and the table are
// removed by the server when nothing uses them any more.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "exec/record/replica_records.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

inline constexpr size_t kMaxGroupSize = 4096;
// Interfaces of the host that forward only because replicas need it, one a line.
inline constexpr char kForwardingRecord[] = "/run/hodei-forwarding";

// The rules that were loaded last, and the state of the kernel's packet filter since.
inline constexpr char kRulesRecord[] = "/run/hodei-rules";

// Address of the index-th host of a group, "100.96.x.y": the same in every group, since groups
// never meet.
std::string GroupAddress(size_t index);

// The name servers of resolv.conf's text that a replica can ask: IPv4, not loopback.
std::vector<std::string> ForwardableResolvers(const std::string& resolv_conf);

// The interface of the best default route in the text of /proc/net/route; empty: none.
std::string UplinkOf(const std::string& route_table);

// The nft ruleset. `closed` names the interfaces that forward only because of us: nothing but the
// replicas' answers may pass from them. `allow`: LaunchPlan::egress_allow.
std::string NftRuleset(const std::vector<std::string>& resolvers,
                       const std::vector<std::string>& allow,
                       const std::vector<std::string>& closed);

// -- By the supervisor; single-threaded programs only.
// A namespace with everything the plan asks for in it.
Result<UniqueFd> MakeReplicaNetwork(const LaunchPlan& plan);
// Without root: moves this process into a network namespace with loopback and kPrivateAddress, in
// which what it executes has no rights.
Status EnterOwnNetwork();

// -- By the server.
// Makes the group's namespace and bridge if needed.
Status EnsureGroup(const std::string& netns);
Status RemoveGroup(const std::string& netns);
// Names under /run/netns that start with `prefix`.
std::vector<std::string> ListGroups(const std::string& prefix);
// Removes table and forwarding when no replica of any server on this machine needs them.
Status RemoveUnusedEgress(const std::string& lock_path);
// Why replicas cannot reach the internet here; empty when they can.
std::string EgressProblem();

}  // namespace hodei::exec
