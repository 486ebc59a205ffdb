// A unix socket's address for paths of any length: sun_path holds 107 bytes only, so a longer path
// is named through its folder's descriptor.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::net {

class UnixAddress {
 public:
  static Result<UnixAddress> Make(const std::string& path);

  // Valid while this object lives.
  const sockaddr* name() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const { return sizeof(address_); }

 private:
  sockaddr_un address_{};
  UniqueFd folder_;
};

}  // namespace hodei::net
