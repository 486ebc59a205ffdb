// gs://bucket/object addresses and the wildcards in them.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::cli {

struct GsUrl {
  std::string bucket;
  std::string object;  // empty for the bucket itself; may end with "/"
  std::string Text() const { return "gs://" + bucket + (object.empty() ? "/" : "/" + object); }
};

bool IsGsUrl(std::string_view text);
// INVALID_ARGUMENT unless "gs://BUCKET[/OBJECT]" with a bucket name that may exist.
Result<GsUrl> ParseGsUrl(std::string_view text);
bool HasWildcard(std::string_view text);
// The part of a pattern before its first wildcard: what a listing can be narrowed to.
std::string_view FixedPrefix(std::string_view pattern);
// "*" and "?" stay within one folder, "**" crosses them, "[a-c]" and "[!x]" are sets. Time is
// linear in the product of both lengths.
bool GlobMatches(std::string_view pattern, std::string_view text);
// "12", "1.50 KiB", "3.00 GiB".
std::string ByteText(double bytes);

}  // namespace hodei::cli
