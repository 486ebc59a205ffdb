#include "store/meta/write_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/encoding.h"

namespace hodei::store {
namespace {

bool IsKind(std::string_view kind) {
  return !kind.empty() && kind.size() <= 64 && std::all_of(kind.begin(), kind.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
  });
}

}  // namespace

Status CheckWrites(const std::vector<Write>& writes) {
  if (writes.empty()) return InvalidArgument("a commit without writes");
  if (writes.size() > kMaxWritesPerCommit) {
    return InvalidArgument(
        fmt::format("a commit of {} writes; at most {}", writes.size(), kMaxWritesPerCommit));
  }
  for (const Write& write : writes) {
    if (!IsKind(write.kind)) return InvalidArgument(fmt::format("bad kind '{}'", write.kind));
    if (write.name.size() > kMaxNameBytes) {
      return InvalidArgument(fmt::format("a {} name of {} bytes; at most {}", write.kind,
                                         write.name.size(), kMaxNameBytes));
    }
    if (write.value.size() > kMaxValueBytes) {
      return InvalidArgument(fmt::format("{} '{}' has {} bytes; at most {}", write.kind, write.name,
                                         write.value.size(), kMaxValueBytes));
    }
  }
  return OkStatus();
}

Status CheckPrecondition(const Write& write, std::optional<int64_t> current) {
  const bool wants_absent = write.expected_revision == 0;
  if (wants_absent && write.op == Write::Op::kDelete) {
    return InvalidArgument(
        fmt::format("delete of {} '{}' that must not exist", write.kind, write.name));
  }
  if (wants_absent && current) {
    return AlreadyExists(fmt::format("{} '{}' already exists", write.kind, write.name));
  }
  if (wants_absent || !write.expected_revision) return OkStatus();
  if (!current) return RecordNotFound(write.kind, write.name);
  if (*write.expected_revision != *current) {
    return Aborted(
        fmt::format("{} '{}' was changed by somebody else in between", write.kind, write.name));
  }
  return OkStatus();
}

std::string PrintPageToken(bool newest_first, const Record& last) {
  return Base64UrlEncode(newest_first ? fmt::format("c{}", last.create_order) : "n" + last.name);
}

Result<PagePosition> ParsePageToken(bool newest_first, std::string_view token) {
  const Status bad = InvalidArgument("The page token is not valid for this request.");
  Result<std::string> text = Base64Decode(token);
  if (!text.ok() || text->empty() || (*text)[0] != (newest_first ? 'c' : 'n')) return bad;
  PagePosition position;
  if (!newest_first) {
    position.after_name = text->substr(1);
    return position;
  }
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data() + 1, end, position.before_create_order);
  if (error != std::errc() || stop != end) return bad;
  return position;
}

std::optional<std::string> PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

Status RecordNotFound(std::string_view kind, std::string_view name) {
  return NotFound(fmt::format("{} '{}' not found", kind, name));
}

}  // namespace hodei::store
