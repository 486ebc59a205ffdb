#include "base/random_id.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace hodei {

std::string RandomBytes(size_t size) {
  std::string out(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n = getrandom(out.data() + done, size - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) std::abort();
    done += static_cast<size_t>(n);
  }
  return out;
}

std::string RandomId(size_t characters) {
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string out;
  out.reserve(characters);
  while (out.size() < characters) {
    for (unsigned char byte : RandomBytes(characters)) {
      const unsigned range = out.empty() ? 26 : 36;
      // Bytes past the largest multiple of `range` would bias the choice: draw again.
      if (byte >= 256 / range * range) continue;
      out += kAlphabet[byte % range];
      if (out.size() == characters) break;
    }
  }
  return out;
}

}  // namespace hodei
