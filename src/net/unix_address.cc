#include "net/unix_address.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace hodei::net {

Result<UnixAddress> UnixAddress::Make(const std::string& path) {
  UnixAddress address;
  address.address_.sun_family = AF_UNIX;
  std::string name = path;
  if (name.size() >= sizeof(address.address_.sun_path)) {
    const std::filesystem::path whole(path);
    const std::string folder = whole.parent_path().string();
    address.folder_ = UniqueFd(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!address.folder_) return ErrnoStatus(errno, fmt::format("open '{}'", folder));
    name = fmt::format("/proc/self/fd/{}/{}", address.folder_.get(), whole.filename().string());
  }
  if (name.empty() || name.size() >= sizeof(address.address_.sun_path)) {
    return InvalidArgument(fmt::format("'{}' cannot be a unix socket's path", path));
  }
  std::memcpy(address.address_.sun_path, name.c_str(), name.size() + 1);
  return address;
}

}  // namespace hodei::net
