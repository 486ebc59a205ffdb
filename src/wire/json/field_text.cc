#include "wire/json/field_text.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/clock.h"
#include "base/encoding.h"
#include "wire/json/field_mask.h"
#include "wire/json/well_known.h"

namespace hodei::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kShownBytesLimit = 200;

std::optional<double> TextToDouble(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  // from_chars also takes the C library's words for infinity, which are not ours.
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos)
    return {};
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

std::optional<float> NarrowToFloat(double value) {
  if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) return {};
  return static_cast<float>(value);
}

template <typename Integer>
std::optional<Integer> TextToInteger(std::string_view text) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  // "1e3" and "5.0" are integers too, where a double holds them exactly.
  const std::optional<double> number = TextToDouble(text);
  if (!number || std::trunc(*number) != *number || std::abs(*number) > 9007199254740992.0)
    return {};
  if (*number < static_cast<double>(std::numeric_limits<Integer>::min()) ||
      *number > static_cast<double>(std::numeric_limits<Integer>::max())) {
    return {};
  }
  return static_cast<Integer>(*number);
}

std::optional<bool> TextToBool(std::string_view text) {
  if (text == "true" || text == "True") return true;  // Python clients write str(True)
  if (text == "false" || text == "False") return false;
  return {};
}

const EnumValueDescriptor* TextToEnum(const FieldDescriptor& field, std::string_view text) {
  const auto* type = field.enum_type();
  if (const auto* value = type->FindValueByName(std::string(text))) return value;
  if (const std::optional<int32_t> number = TextToInteger<int32_t>(text)) {
    return type->FindValueByNumber(*number);
  }
  return nullptr;
}

// Set or Add, by whether the field is repeated.
#define HODEI_PUT(Type, value)                                        \
  (field.is_repeated() ? reflection.Add##Type(message, &field, value) \
                       : reflection.Set##Type(message, &field, value))

Status SetParsedScalar(const FieldDescriptor& field, std::string_view text, std::string_view path,
                       Message* message) {
  const Reflection& reflection = *message->GetReflection();
  const auto wrong = [&] { return InvalidValue(field, path, QuoteForError(text)); };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if (auto v = TextToInteger<int32_t>(text)) return HODEI_PUT(Int32, *v), OkStatus();
      return wrong();
    case FieldDescriptor::CPPTYPE_INT64:
      if (auto v = TextToInteger<int64_t>(text)) return HODEI_PUT(Int64, *v), OkStatus();
      return wrong();
    case FieldDescriptor::CPPTYPE_UINT32:
      if (auto v = TextToInteger<uint32_t>(text)) return HODEI_PUT(UInt32, *v), OkStatus();
      return wrong();
    case FieldDescriptor::CPPTYPE_UINT64:
      if (auto v = TextToInteger<uint64_t>(text)) return HODEI_PUT(UInt64, *v), OkStatus();
      return wrong();
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (auto v = TextToDouble(text)) return HODEI_PUT(Double, *v), OkStatus();
      return wrong();
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (auto v = TextToDouble(text)) {
        if (auto f = NarrowToFloat(*v)) return HODEI_PUT(Float, *f), OkStatus();
      }
      return wrong();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (auto v = TextToBool(text)) return HODEI_PUT(Bool, *v), OkStatus();
      return wrong();
    case FieldDescriptor::CPPTYPE_ENUM:
      if (const auto* v = TextToEnum(field, text)) return HODEI_PUT(Enum, v), OkStatus();
      return wrong();
    default:
      return wrong();
  }
}

Status SetString(const FieldDescriptor& field, std::string_view text, std::string_view path,
                 Message* message) {
  const Reflection& reflection = *message->GetReflection();
  if (field.type() == FieldDescriptor::TYPE_BYTES) {
    Result<std::string> bytes = Base64Decode(text);
    if (!bytes.ok()) {
      return InvalidValue(field, path, "Base64 decoding failed for " + QuoteForError(text));
    }
    HODEI_PUT(String, std::move(bytes).value());
    return OkStatus();
  }
  if (!IsValidUtf8(text)) return InvalidValue(field, path, "not valid UTF-8");
  HODEI_PUT(String, std::string(text));
  return OkStatus();
}

#undef HODEI_PUT

Status SetDuration(std::string_view text, google::protobuf::Duration* duration) {
  const Status wrong = InvalidArgument("a duration is written as in \"3.5s\"");
  if (!text.ends_with('s')) return wrong;
  text.remove_suffix(1);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  std::string_view fraction = dot == std::string_view::npos ? "" : text.substr(dot + 1);
  if (whole.empty() || whole.size() > 12 || fraction.size() > 9) return wrong;
  if (dot != std::string_view::npos && fraction.empty()) return wrong;
  int64_t seconds = 0;
  int64_t nanos = 0;
  for (char c : whole) {
    if (c < '0' || c > '9') return wrong;
    seconds = seconds * 10 + (c - '0');
  }
  for (size_t i = 0; i < 9; ++i) {
    const char c = i < fraction.size() ? fraction[i] : '0';
    if (c < '0' || c > '9') return wrong;
    nanos = nanos * 10 + (c - '0');
  }
  constexpr int64_t kSecondsLimit = 315'576'000'000;  // google.protobuf.Duration's own range
  if (seconds > kSecondsLimit) return wrong;
  duration->set_seconds(negative ? -seconds : seconds);
  duration->set_nanos(static_cast<int32_t>(negative ? -nanos : nanos));
  return OkStatus();
}

Status SetTimestamp(std::string_view text, google::protobuf::Timestamp* timestamp) {
  ASSIGN_OR_RETURN(const WallTime time, ParseRfc3339(text));
  constexpr int64_t kNanos = 1'000'000'000;
  int64_t seconds = time.unix_nanos / kNanos;
  int64_t nanos = time.unix_nanos % kNanos;
  if (nanos < 0) {
    nanos += kNanos;
    --seconds;
  }
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(static_cast<int32_t>(nanos));
  return OkStatus();
}

}  // namespace

const FieldDescriptor* FindField(const Descriptor& type, std::string_view name) {
  const std::string key(name);
  if (const FieldDescriptor* field = type.FindFieldByCamelcaseName(key)) return field;
  if (const FieldDescriptor* field = type.FindFieldByName(key)) return field;
  // The few fields with a JSON name of their own, as consumedMLUnits.
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == name) return type.field(i);
  }
  return nullptr;
}

std::string QuoteForError(std::string_view text) {
  if (text.size() <= kShownBytesLimit) return fmt::format("\"{}\"", text);
  size_t cut = kShownBytesLimit;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return fmt::format("\"{}…\"", text.substr(0, cut));
}

Status InvalidValue(const FieldDescriptor& field, std::string_view path, std::string_view shown) {
  std::string type;
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    type = "type.googleapis.com/" + field.enum_type()->full_name();
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    type = "type.googleapis.com/" + field.message_type()->full_name();
  } else {
    type = "TYPE_";
    for (const char* c = field.type_name(); *c != 0; ++c) {
      type += static_cast<char>(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    }
  }
  const std::string message = fmt::format("Invalid value at '{}' ({}), {}", path, type, shown);
  return InvalidArgument(message).WithViolation({std::string(path), message});
}

bool HasTextForm(const Descriptor& type) {
  switch (WellKnownOf(type)) {
    case WellKnown::kTimestamp:
    case WellKnown::kDuration:
    case WellKnown::kFieldMask:
    case WellKnown::kWrapper:
      return true;
    default:
      return false;
  }
}

Status SetMessageFromText(std::string_view text, Message* message) {
  switch (WellKnownOf(*message->GetDescriptor())) {
    case WellKnown::kTimestamp:
      return SetTimestamp(text, static_cast<google::protobuf::Timestamp*>(message));
    case WellKnown::kDuration:
      return SetDuration(text, static_cast<google::protobuf::Duration*>(message));
    case WellKnown::kFieldMask: {
      ASSIGN_OR_RETURN(*static_cast<google::protobuf::FieldMask*>(message), ParseMask(text));
      return OkStatus();
    }
    case WellKnown::kWrapper:
      return SetFieldFromText(*message->GetDescriptor()->field(0), text, "value", message);
    default:
      return InvalidArgument("a message of this type has no text form");
  }
}

Status SetFieldFromText(const FieldDescriptor& field, std::string_view text, std::string_view path,
                        Message* message) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return SetString(field, text, path, message);
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      if (!HasTextForm(*field.message_type())) {
        return InvalidValue(field, path, QuoteForError(text));
      }
      const Reflection& reflection = *message->GetReflection();
      Message* child = field.is_repeated() ? reflection.AddMessage(message, &field)
                                           : reflection.MutableMessage(message, &field);
      if (!SetMessageFromText(text, child).ok()) {
        return InvalidValue(field, path, QuoteForError(text));
      }
      return OkStatus();
    }
    default:
      return SetParsedScalar(field, text, path, message);
  }
}

}  // namespace hodei::wire
