// Globs and page tokens from strangers.
// Input: a pattern, a line feed, then a name (or a token).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/object/glob.h"
#include "store/object/names.h"
#include "store/object/page_token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::store;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view pattern = text.substr(0, end);
  const std::string_view name = text.substr(std::min(end + 1, text.size()));
  (void)CheckBucketName(name);
  (void)CheckObjectName(name);
  const auto glob = Glob::Compile(pattern);
  if (glob.ok() && name.size() <= 1024 && glob->Matches(name) &&
      !name.starts_with(glob->literal_prefix())) {
    std::abort();
  }
  const auto position = DecodePageToken(name);
  if (position.ok()) {
    const auto again = DecodePageToken(EncodePageToken(*position));
    if (!again.ok() || again->name != position->name || again->generation != position->generation) {
      std::abort();
    }
  }
  return 0;
}
