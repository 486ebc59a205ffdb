// Links, addresses and routes of a network namespace, by the kernel's own messages (RTNETLINK): a
// replica's start cannot wait for programs to be executed. The namespace is that of the thread
// which opens the socket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

class RouteSocket {
 public:
  static Result<RouteSocket> Open();
  // In the namespace of `netns`, to which the calling thread goes for the moment.
  static Result<RouteSocket> OpenIn(const UniqueFd& netns);

  // A pair of virtual links: `name` here, `peer_name` in the namespace of `peer_netns`.
  // ALREADY_EXISTS when there is a link `name`.
  Status AddVeth(const std::string& name, const std::string& peer_name, const UniqueFd& peer_netns);
  // NOT_FOUND.
  Result<int> IndexOf(const std::string& name);
  Status SetUp(int index);
  // Makes `index` a port of the bridge `master`.
  Status SetMaster(int index, int master);
  // "10.0.0.1", 24.
  Status AddAddress(int index, const std::string& address, int prefix_length);
  Status AddDefaultRoute(const std::string& gateway);

 private:
  // Sends `request` and waits for the kernel's word on it; the answer's payload for a query.
  Result<std::string> Ask(std::string request, std::string_view what);
  UniqueFd fd_;
  uint32_t sequence_ = 0;
};

// How often the packet filter of this thread's namespace was changed, by whomever: while the number
// stays, so do the rules.
Result<uint32_t> PacketFilterGeneration();

}  // namespace hodei::exec
