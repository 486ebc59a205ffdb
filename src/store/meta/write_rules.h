// What both implementations of MetaStore agree on: limits, the shape of page tokens, and the
// meaning of Write::expected_revision.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "store/meta/meta_store.h"

namespace hodei::store {

inline constexpr size_t kMaxNameBytes = 4096;
inline constexpr size_t kMaxValueBytes = 16 << 20;
inline constexpr size_t kMaxWritesPerCommit = 1000;
// A larger ListOptions::limit is cut to this.
inline constexpr size_t kMaxListLimit = 10'000;

// INVALID_ARGUMENT for an empty commit, a bad kind, and anything over a limit above.
Status CheckWrites(const std::vector<Write>& writes);

// Whether `write` may happen to a record whose revision is `current` (absent: no such record).
// Without an expected revision everything may, a delete of nothing too.
Status CheckPrecondition(const Write& write, std::optional<int64_t> current);

// Where a listing goes on: behind a name, or behind a creation order.
struct PagePosition {
  std::string after_name;
  int64_t before_create_order = 0;
};
std::string PrintPageToken(bool newest_first, const Record& last);
// INVALID_ARGUMENT for anything that PrintPageToken() did not make for the same order.
Result<PagePosition> ParsePageToken(bool newest_first, std::string_view token);

// The smallest string greater than every string that starts with `prefix`; absent when none is.
std::optional<std::string> PrefixEnd(std::string_view prefix);

Status RecordNotFound(std::string_view kind, std::string_view name);

}  // namespace hodei::store
