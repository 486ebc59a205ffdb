#include "exec/record/record.h"

#include <charconv>
#include <cstdio>

#include "base/digest.h"

namespace hodei::exec {
namespace {

constexpr char kHex[] = "0123456789abcdef";
// "crc=" + 8 digits + line feed.
constexpr size_t kCrcLineBytes = 13;

bool NeedsEscape(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f || c == '%';
}

void AppendEscaped(std::string_view value, std::string* out) {
  for (char c : value) {
    if (!NeedsEscape(c)) {
      *out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    *out += '%';
    *out += kHex[byte >> 4];
    *out += kHex[byte & 15];
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool Unescape(std::string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (NeedsEscape(text[i])) return false;
      *out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return false;
    const char byte = static_cast<char>(high * 16 + low);
    // One spelling per value, so that Serialize(Parse(x)) == x.
    if (!NeedsEscape(byte)) return false;
    *out += byte;
    i += 2;
  }
  return true;
}

bool IsKey(std::string_view key) {
  if (key.empty()) return false;
  for (char c : key) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (!good) return false;
  }
  return true;
}

std::string CrcLine(std::string_view body) {
  char line[kCrcLineBytes + 1];
  std::snprintf(line, sizeof line, "crc=%08x\n", Crc32c(0, body));
  return line;
}

std::string FirstLine(std::string_view kind) { return "hodei " + std::string(kind) + " 1\n"; }

}  // namespace

void Record::Add(std::string_view key, std::string_view value) {
  fields_.emplace_back(std::string(key), std::string(value));
}

void Record::AddInt(std::string_view key, int64_t value) { Add(key, std::to_string(value)); }

std::string_view Record::Get(std::string_view key) const {
  for (const auto& [name, value] : fields_) {
    if (name == key) return value;
  }
  return "";
}

bool Record::Has(std::string_view key) const {
  for (const auto& [name, value] : fields_) {
    if (name == key) return true;
  }
  return false;
}

std::vector<std::string> Record::All(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : fields_) {
    if (name == key) values.push_back(value);
  }
  return values;
}

Result<int64_t> Record::GetInt(std::string_view key, int64_t otherwise) const {
  if (!Has(key)) return otherwise;
  const std::string_view text = Get(key);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return DataLoss("record field '" + std::string(key) + "' is not a number");
  }
  return value;
}

std::string Record::Serialize() const {
  std::string out = FirstLine(kind_);
  for (const auto& [key, value] : fields_) {
    out += key;
    out += '=';
    AppendEscaped(value, &out);
    out += '\n';
  }
  out += CrcLine(out);
  return out;
}

Result<Record> Record::Parse(std::string_view kind, std::string_view bytes) {
  const std::string first = FirstLine(kind);
  if (bytes.size() > kRecordMaxBytes) return DataLoss("record is too large");
  if (!bytes.starts_with(first)) return DataLoss("not a '" + std::string(kind) + "' record");
  if (bytes.size() < first.size() + kCrcLineBytes) return DataLoss("record is cut short");
  std::string_view body = bytes.substr(0, bytes.size() - kCrcLineBytes);
  if (bytes.substr(body.size()) != CrcLine(body)) return DataLoss("record checksum is wrong");
  body.remove_prefix(first.size());
  Record record{std::string(kind)};
  while (!body.empty()) {
    const size_t end = body.find('\n');
    if (end == std::string_view::npos) return DataLoss("record line has no end");
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(end + 1);
    const size_t equals = line.find('=');
    std::string value;
    if (equals == std::string_view::npos || !IsKey(line.substr(0, equals)) ||
        !Unescape(line.substr(equals + 1), &value)) {
      return DataLoss("record line is malformed");
    }
    if (record.fields_.size() == kRecordMaxFields) return DataLoss("record has too many fields");
    record.fields_.emplace_back(std::string(line.substr(0, equals)), std::move(value));
  }
  return record;
}

}  // namespace hodei::exec
