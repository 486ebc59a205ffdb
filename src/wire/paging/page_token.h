// List methods in pages: sizes within limits, and tokens that only this server can make (T31).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace hodei::wire {

struct PageLimits {
  int default_size = 20;  // when the request says 0
  int max_size = 100;     // a larger wish is cut to this
};

// The page size to use. INVALID_ARGUMENT for a negative wish.
Result<int> PageSize(int32_t asked, const PageLimits& limits = {});

// Makes and reads page tokens. A token is a position with a MAC over it and over the query it
// belongs to: one that was altered, invented, or taken to another method, project or filter is
// refused. The position is readable to the client, so it holds nothing secret. Thread-safe.
class PageTokens {
 public:
  static constexpr size_t kTokenBytesLimit = 4096;

  // `key`: at least 16 random bytes, kept between restarts if tokens are to live on.
  explicit PageTokens(Secret key) : key_(std::move(key)) {}

  // `query` says everything that must not change between pages: method, parent, filter, order; the
  // parts are joined with '\n', which none of the first two can contain.
  std::string Seal(std::string_view query, std::string_view position) const;

  // The position in `token`; empty for an empty token (the first page). INVALID_ARGUMENT otherwise.
  Result<std::string> Open(std::string_view query, std::string_view token) const;

 private:
  std::string Mac(std::string_view query, std::string_view position) const;
  Secret key_;
};

}  // namespace hodei::wire
