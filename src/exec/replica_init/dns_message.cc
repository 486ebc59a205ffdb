#include "exec/replica_init/dns_message.h"

#include <arpa/inet.h>

#include <cstring>

namespace hodei::exec {
namespace {

constexpr size_t kMaxLabelBytes = 63;
constexpr size_t kMaxNameBytes = 253;
constexpr uint8_t kResponseBit = 0x80;  // byte 2
constexpr uint8_t kOpcodeBits = 0x78;
constexpr uint8_t kRecursionDesiredBit = 0x01;
constexpr uint8_t kRecursionAvailableBit = 0x80;  // byte 3
constexpr uint32_t kAnswerSeconds = 60;

uint16_t Number16(std::string_view message, size_t at) {
  return static_cast<uint16_t>(static_cast<unsigned char>(message[at]) << 8 |
                               static_cast<unsigned char>(message[at + 1]));
}

void Append16(uint16_t number, std::string* out) {
  *out += static_cast<char>(number >> 8);
  *out += static_cast<char>(number & 0xff);
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Reads labels from `at` on; the first byte after them, or 0. A question is never compressed.
size_t ReadName(std::string_view message, size_t at, std::string* name) {
  while (at < message.size()) {
    const auto size = static_cast<unsigned char>(message[at++]);
    if (size == 0) return at;
    if (size > kMaxLabelBytes || at + size > message.size()) return 0;
    if (!name->empty()) *name += '.';
    for (size_t i = 0; i < size; ++i) {
      const char c = message[at + i];
      // A dot within a label would make two names look the same.
      if (c == '.') return 0;
      *name += Lower(c);
    }
    if (name->size() > kMaxNameBytes) return 0;
    at += size;
  }
  return 0;
}

std::string Header(const DnsQuery& query, DnsCode code, uint16_t answers) {
  std::string out;
  Append16(query.id, &out);
  out += static_cast<char>(kResponseBit | (query.recursion_desired ? kRecursionDesiredBit : 0));
  out += static_cast<char>(kRecursionAvailableBit | static_cast<uint8_t>(code));
  Append16(1, &out);
  Append16(answers, &out);
  Append16(0, &out);
  Append16(0, &out);
  return out + query.question;
}

}  // namespace

std::optional<DnsQuery> ParseDnsQuery(std::string_view message) {
  if (message.size() < kDnsHeaderBytes) return std::nullopt;
  const auto flags = static_cast<unsigned char>(message[2]);
  if ((flags & (kResponseBit | kOpcodeBits)) != 0 || Number16(message, 4) != 1) return std::nullopt;
  DnsQuery query;
  query.id = Number16(message, 0);
  query.recursion_desired = (flags & kRecursionDesiredBit) != 0;
  const size_t end = ReadName(message, kDnsHeaderBytes, &query.name);
  if (end == 0 || end + 4 > message.size()) return std::nullopt;
  query.type = Number16(message, end);
  query.class_ = Number16(message, end + 2);
  query.question = message.substr(kDnsHeaderBytes, end + 4 - kDnsHeaderBytes);
  return query;
}

std::string DnsAnswer(const DnsQuery& query, DnsCode code) { return Header(query, code, 0); }

std::string DnsAnswer(const DnsQuery& query, const char* address) {
  in_addr bytes{};
  if (inet_pton(AF_INET, address, &bytes) != 1) return DnsAnswer(query, DnsCode::kServerFailed);
  std::string out = Header(query, DnsCode::kOk, 1);
  Append16(0xc000 | kDnsHeaderBytes, &out);  // the question's name
  Append16(kDnsTypeA, &out);
  Append16(kDnsClassIn, &out);
  Append16(kAnswerSeconds >> 16, &out);
  Append16(kAnswerSeconds & 0xffff, &out);
  Append16(sizeof bytes, &out);
  char raw[sizeof bytes];
  std::memcpy(raw, &bytes, sizeof bytes);
  return out.append(raw, sizeof raw);
}

std::optional<uint8_t> CodeOfAnswer(const DnsQuery& query, std::string_view message) {
  if (message.size() < kDnsHeaderBytes || Number16(message, 0) != query.id) return std::nullopt;
  if ((static_cast<unsigned char>(message[2]) & kResponseBit) == 0) return std::nullopt;
  // Servers that refuse may leave the question out.
  if (Number16(message, 4) != 0 &&
      message.substr(kDnsHeaderBytes, query.question.size()) != query.question) {
    return std::nullopt;
  }
  return static_cast<uint8_t>(message[3]) & 0x0f;
}

bool IsInZones(std::string_view name, const std::vector<std::string>& zones) {
  for (const std::string& zone : zones) {
    if (name == zone) return true;
    if (name.size() > zone.size() && name.ends_with(zone) &&
        name[name.size() - zone.size() - 1] == '.') {
      return true;
    }
  }
  return false;
}

}  // namespace hodei::exec
