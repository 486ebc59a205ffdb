// Whatever the bytes: a refusal, or a token whose parts spell its text again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/encoding.h"
#include "domain/access/jwt.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const hodei::Result<hodei::access::Jwt> jwt = hodei::access::ParseJwt(text);
  if (!jwt.ok()) return 0;
  if (jwt->signing_input + "." + hodei::Base64UrlEncode(jwt->signature) != text) std::abort();
  return 0;
}
