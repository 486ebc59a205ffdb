// Byte-to-text encodings used on the wire: base64 (standard and URL alphabets), hex, percent.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei {

std::string Base64Encode(std::string_view bytes);
// Standard or URL alphabet, padding optional; anything else is INVALID_ARGUMENT.
Result<std::string> Base64Decode(std::string_view text);
// URL alphabet without padding (RFC 7515).
std::string Base64UrlEncode(std::string_view bytes);
std::string HexEncode(std::string_view bytes);
Result<std::string> HexDecode(std::string_view text);
// Escapes all but RFC 3986 unreserved characters; `keep` lists further bytes left as they are.
std::string PercentEncode(std::string_view bytes, std::string_view keep = "");
// Decodes exactly once. `plus_is_space` for query strings. A bad escape is INVALID_ARGUMENT.
Result<std::string> PercentDecode(std::string_view text, bool plus_is_space = false);
// True when `bytes` is well-formed UTF-8 (no surrogates, no overlong forms).
bool IsValidUtf8(std::string_view bytes);

}  // namespace hodei
