// gs://bucket/object addresses and the wildcards in them.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::cli {

struct GsUrl {
  std::string bucket;
  std::string object;      // empty for the bucket itself; may end with "/"
  std::string generation;  // of "gs://b/o#12"; empty: the live one
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
// "12 B", "1.50 KiB", "3.00 GiB".
std::string ByteText(double bytes);
// The same as gcloud's columns have it: "1.50KiB", "12.00B"…
std::string TightByteText(uint64_t bytes);
// … as gsutil's listings have it: "1.5 KiB", "12 B" …
std::string ShortByteText(uint64_t bytes);
// … and as its closing words have it: "1.5 KiB", "12.0 B".
std::string DecimalByteText(uint64_t bytes);

}  // namespace hodei::cli
