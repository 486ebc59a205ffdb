#include "domain/prediction/batch_answer.h"

#include <fmt/format.h>

#include "base/encoding.h"

namespace hodei::prediction {
namespace {

constexpr size_t kHeadBytes = 5;
constexpr int64_t kCountMax = int64_t{1} << 40;

Status Malformed() { return Unavailable("the serving program's answer is malformed"); }

uint64_t Number(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return number;
}

}  // namespace

Result<BatchAnswer> ParseBatchAnswer(std::string_view body) {
  BatchAnswer answer;
  bool counted = false;
  while (!body.empty()) {
    if (counted || body.size() < kHeadBytes) return Malformed();
    const char type = body[0];
    const uint64_t length = Number(body.substr(1, 4));
    body.remove_prefix(kHeadBytes);
    if (body.size() < length) return Malformed();
    const std::string_view payload = body.substr(0, length);
    body.remove_prefix(length);
    if (type == 'R') {
      if (!payload.empty() && payload.back() != '\n') return Malformed();
      answer.results.push_back(payload);
    } else if (type == 'H') {
      answer.header = payload;
    } else if (type == 'E') {
      if (payload.size() < 8 || payload.size() > 8 + kErrorTextMaxBytes) return Malformed();
      const auto count = static_cast<int64_t>(Number(payload.substr(0, 8)));
      if (count < 0 || count > kCountMax) return Malformed();
      answer.errors.push_back({payload.substr(8), count});
    } else if (type == 'C') {
      if (payload.size() != 16) return Malformed();
      answer.predictions = static_cast<int64_t>(Number(payload.substr(0, 8)));
      answer.errors_total = static_cast<int64_t>(Number(payload.substr(8)));
      if (answer.predictions < 0 || answer.predictions > kCountMax || answer.errors_total < 0 ||
          answer.errors_total > kCountMax) {
        return Malformed();
      }
      counted = true;
    } else {
      return Malformed();
    }
  }
  if (!counted) return Malformed();
  return answer;
}

std::string ErrorLine(std::string_view text, int64_t count) {
  const bool valid = IsValidUtf8(text);
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  std::string line = fmt::format("({}", quote);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || c == quote) {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (c == '\r') {
      line += "\\r";
    } else if (c == '\t') {
      line += "\\t";
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid)) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  line += fmt::format("{}, {})", quote, count);
  return line;
}

}  // namespace hodei::prediction
