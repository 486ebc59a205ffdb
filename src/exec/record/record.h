// The small text files in which server and supervisor tell each other about a replica.
//
// Layout (version in the first line, DO NOT CHANGE):
//   hodei <kind> 1
//   key=value            any number, a key may repeat; order is kept
//   crc=xxxxxxxx         CRC-32C of all bytes before this line, eight hex digits; the last line
// In a value every byte below 0x20, 0x7f and '%' is %XX, so a line is a line whatever users write.
// A torn or foreign file does not parse.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hodei::exec {

inline constexpr size_t kRecordMaxBytes = 16 << 20;
inline constexpr size_t kRecordMaxFields = 100'000;

class Record {
 public:
  explicit Record(std::string kind) : kind_(std::move(kind)) {}

  // `key` is [a-z0-9_.]+, chosen by us.
  void Add(std::string_view key, std::string_view value);
  void AddInt(std::string_view key, int64_t value);
  void AddBool(std::string_view key, bool value) { AddInt(key, value ? 1 : 0); }

  // First value of `key`; "" / `otherwise` when absent.
  std::string_view Get(std::string_view key) const;
  bool Has(std::string_view key) const;
  std::vector<std::string> All(std::string_view key) const;
  // A present value that is no decimal int64 makes the record invalid: DATA_LOSS.
  Result<int64_t> GetInt(std::string_view key, int64_t otherwise) const;

  std::string Serialize() const;
  // DATA_LOSS for anything that Serialize() did not make, with what is wrong.
  static Result<Record> Parse(std::string_view kind, std::string_view bytes);

 private:
  std::string kind_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace hodei::exec
