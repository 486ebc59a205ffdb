// The part of the DNS protocol (RFC 1035) that answering for a few names takes: one question in,
// an answer out. Pure; the input is the job's and trusted for nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hodei::exec {

inline constexpr uint16_t kDnsTypeA = 1;
inline constexpr uint16_t kDnsTypeAny = 255;
inline constexpr uint16_t kDnsClassIn = 1;
inline constexpr size_t kDnsHeaderBytes = 12;

enum class DnsCode : uint8_t { kOk = 0, kFormat = 1, kServerFailed = 2, kNoSuchName = 3 };

struct DnsQuery {
  uint16_t id = 0;
  bool recursion_desired = false;
  std::string name;  // lower case, labels joined by dots, without the last dot
  uint16_t type = 0;
  uint16_t class_ = 0;
  std::string question;  // its bytes, which every answer repeats
};

// Absent for what is no standard query with exactly one question; there is then nothing to answer.
std::optional<DnsQuery> ParseDnsQuery(std::string_view message);

// An answer with no record, saying `code`.
std::string DnsAnswer(const DnsQuery& query, DnsCode code);
// An answer with one address ("1.2.3.4"), to be believed for a minute.
std::string DnsAnswer(const DnsQuery& query, const char* address);

// Whether `message` answers `query`, and with what code.
std::optional<uint8_t> CodeOfAnswer(const DnsQuery& query, std::string_view message);

// Whether `name` is one of `zones` or below one.
bool IsInZones(std::string_view name, const std::vector<std::string>& zones);

}  // namespace hodei::exec
