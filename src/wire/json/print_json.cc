#include "wire/json/print_json.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "hodei/api/annotations.pb.h"
#include "wire/json/field_selection.h"
#include "wire/json/well_known.h"

namespace hodei::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::Reflection;

// Messages made by our own code nest a few levels; a Struct or an Any inside an Any could hold
// more.
constexpr int kDepthLimit = 128;

// Which bytes AppendJsonString() cannot copy: quotes, controls, '<', '>', DEL, and whatever starts
// a sequence of more than one byte (checked there).
constexpr bool IsPlain(unsigned char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '<' && c != '>';
}

void AppendEscape(unsigned code, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  *out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) *out += kHex[(code >> shift) & 0xF];
}

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none.
size_t SequenceLength(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || text.size() < length || !IsValidUtf8(text.substr(0, length))) return 0;
  return length;
}

// Appends the character at the start of `text`, which is not plain; returns the bytes consumed.
size_t AppendSpecial(std::string_view text, std::string* out) {
  const auto c = static_cast<unsigned char>(text[0]);
  switch (c) {
    case '"':
      *out += "\\\"";
      return 1;
    case '\\':
      *out += "\\\\";
      return 1;
    case '\n':
      *out += "\\n";
      return 1;
    case '\r':
      *out += "\\r";
      return 1;
    case '\t':
      *out += "\\t";
      return 1;
    case '\b':
      *out += "\\b";
      return 1;
    case '\f':
      *out += "\\f";
      return 1;
    default:
      break;
  }
  if (c < 0x80) {
    AppendEscape(c, out);
    return 1;
  }
  const size_t length = SequenceLength(text);
  if (length == 0) {
    *out += "\xEF\xBF\xBD";
    return 1;
  }
  const std::string_view sequence = text.substr(0, length);
  if (sequence == "\xE2\x80\xA8") {
    AppendEscape(0x2028, out);
  } else if (sequence == "\xE2\x80\xA9") {
    AppendEscape(0x2029, out);
  } else {
    *out += sequence;
  }
  return length;
}

template <typename Number>
void AppendNumber(Number value, std::string* out) {
  char digits[40];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, error == std::errc() ? end - digits : 0);
}

template <typename Real>
void AppendReal(Real value, std::string* out) {
  if (std::isnan(value)) {
    *out += "\"NaN\"";
  } else if (std::isinf(value)) {
    *out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    AppendNumber(value, out);
  }
}

void AppendPadded(int64_t value, size_t width, std::string* out) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  const size_t length = end - digits;
  if (length < width) out->append(width - length, '0');
  out->append(digits, length);
}

// ".500", ".123456": at least `digits` of 3, 6 or 9; none where 0 are enough.
void AppendFraction(int32_t nanos, int digits, std::string* out) {
  if (nanos == 0 && digits == 0) return;
  *out += '.';
  if (nanos % 1'000'000 == 0 && digits <= 3) {
    AppendPadded(nanos / 1'000'000, 3, out);
  } else if (nanos % 1'000 == 0 && digits <= 6) {
    AppendPadded(nanos / 1'000, 6, out);
  } else {
    AppendPadded(nanos, 9, out);
  }
}

void AppendTimestamp(const google::protobuf::Timestamp& time, int digits, std::string* out) {
  using std::chrono::days;
  // Years 0001 to 9999, the range of google.protobuf.Timestamp.
  const int64_t seconds = std::clamp<int64_t>(time.seconds(), -62'135'596'800, 253'402'300'799);
  const int64_t day = seconds >= 0 ? seconds / 86'400 : (seconds - 86'399) / 86'400;
  const int64_t in_day = seconds - day * 86'400;
  const std::chrono::year_month_day date{std::chrono::sys_days(days(day))};
  *out += '"';
  AppendPadded(static_cast<int>(date.year()), 4, out);
  *out += '-';
  AppendPadded(static_cast<unsigned>(date.month()), 2, out);
  *out += '-';
  AppendPadded(static_cast<unsigned>(date.day()), 2, out);
  *out += 'T';
  AppendPadded(in_day / 3600, 2, out);
  *out += ':';
  AppendPadded(in_day / 60 % 60, 2, out);
  *out += ':';
  AppendPadded(in_day % 60, 2, out);
  AppendFraction(std::clamp(time.nanos(), 0, 999'999'999), digits, out);
  *out += "Z\"";
}

void AppendDuration(const google::protobuf::Duration& duration, std::string* out) {
  *out += '"';
  if (duration.seconds() < 0 || duration.nanos() < 0) *out += '-';
  constexpr int64_t kSecondsLimit = 315'576'000'000;
  AppendNumber(std::abs(std::clamp(duration.seconds(), -kSecondsLimit, kSecondsLimit)), out);
  AppendFraction(std::abs(std::clamp(duration.nanos(), -999'999'999, 999'999'999)), 0, out);
  *out += "s\"";
}

void AppendMask(const google::protobuf::FieldMask& mask, std::string* out) {
  std::string text;
  for (const std::string& path : mask.paths()) {
    if (!text.empty()) text += ',';
    bool upper = false;
    for (char c : path) {
      if (c == '_') {
        upper = true;
        continue;
      }
      text += static_cast<char>(upper && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      upper = false;
    }
  }
  AppendJsonString(text, out);
}

class Printer {
 public:
  Printer(const PrintOptions& options, std::string* out) : options_(options), out_(*out) {}

  void Value(const Message& message, const FieldSelection* selection) {
    if (++depth_ > kDepthLimit) {
      out_ += "null";
      --depth_;
      return;
    }
    switch (WellKnownOf(*message.GetDescriptor())) {
      case WellKnown::kNone:
        Object(message, selection, {});
        break;
      case WellKnown::kAny:
        Any(static_cast<const google::protobuf::Any&>(message), selection);
        break;
      case WellKnown::kTimestamp:
        AppendTimestamp(static_cast<const google::protobuf::Timestamp&>(message), 0, &out_);
        break;
      case WellKnown::kDuration:
        AppendDuration(static_cast<const google::protobuf::Duration&>(message), &out_);
        break;
      case WellKnown::kFieldMask:
        AppendMask(static_cast<const google::protobuf::FieldMask&>(message), &out_);
        break;
      case WellKnown::kStruct:
        Map(message, *message.GetDescriptor()->field(0), nullptr);
        break;
      case WellKnown::kListValue:
        List(message, *message.GetDescriptor()->field(0), nullptr);
        break;
      case WellKnown::kValue:
        StructValue(static_cast<const google::protobuf::Value&>(message));
        break;
      case WellKnown::kWrapper:
        Scalar(message, *message.GetDescriptor()->field(0), -1, nullptr);
        break;
    }
    --depth_;
  }

 private:
  // `type_url` not empty: the object begins with "@type".
  void Object(const Message& message, const FieldSelection* selection, std::string_view type_url) {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    Open('{');
    bool first = true;
    if (!type_url.empty()) {
      Name("@type", &first);
      AppendJsonString(type_url, &out_);
    }
    for (const FieldDescriptor* field : fields) {
      const FieldSelection* below = nullptr;
      if (selection != nullptr && !selection->all()) {
        below = selection->Child(field->json_name(), field->name());
        if (below == nullptr) continue;
      }
      Name(options_.proto_names ? field->name() : field->json_name(), &first);
      if (field->is_map()) {
        Map(message, *field, below);
      } else if (field->is_repeated()) {
        List(message, *field, below);
      } else {
        Scalar(message, *field, -1, below);
      }
    }
    Close('}', first);
  }

  void List(const Message& message, const FieldDescriptor& field, const FieldSelection* selection) {
    const int size = message.GetReflection()->FieldSize(message, &field);
    Open('[');
    for (int i = 0; i < size; ++i) {
      if (i != 0) out_ += ',';
      NewLine();
      Scalar(message, field, i, selection);
    }
    Close(']', size == 0);
  }

  void Map(const Message& message, const FieldDescriptor& field, const FieldSelection* selection) {
    const Reflection& reflection = *message.GetReflection();
    const int size = reflection.FieldSize(message, &field);
    const FieldDescriptor& key_field = *field.message_type()->map_key();
    const FieldDescriptor& value_field = *field.message_type()->map_value();
    std::vector<std::pair<std::string, const Message*>> entries;
    entries.reserve(size);
    for (int i = 0; i < size; ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      entries.emplace_back(MapKey(entry, key_field), &entry);
    }
    // The order in a protobuf map changes from run to run; ours does not.
    std::sort(entries.begin(), entries.end());
    Open('{');
    bool first = true;
    for (const auto& [key, entry] : entries) {
      const FieldSelection* below = nullptr;
      if (selection != nullptr && !selection->all()) {
        below = selection->Child(key, key);
        if (below == nullptr) continue;
      }
      Name(key, &first);
      Scalar(*entry, value_field, -1, below);
    }
    Close('}', first);
  }

  static std::string MapKey(const Message& entry, const FieldDescriptor& key) {
    const Reflection& reflection = *entry.GetReflection();
    switch (key.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection.GetString(entry, &key);
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection.GetBool(entry, &key) ? "true" : "false";
      case FieldDescriptor::CPPTYPE_INT32:
        return std::to_string(reflection.GetInt32(entry, &key));
      case FieldDescriptor::CPPTYPE_UINT32:
        return std::to_string(reflection.GetUInt32(entry, &key));
      case FieldDescriptor::CPPTYPE_UINT64:
        return std::to_string(reflection.GetUInt64(entry, &key));
      default:
        return std::to_string(reflection.GetInt64(entry, &key));
    }
  }

  void Any(const google::protobuf::Any& any, const FieldSelection* selection) {
    const std::string& url = any.type_url();
    const Descriptor* type = DescriptorPool::generated_pool()->FindMessageTypeByName(
        url.substr(url.find_last_of('/') + 1));
    std::unique_ptr<Message> content;
    if (type != nullptr) {
      content.reset(MessageFactory::generated_factory()->GetPrototype(type)->New());
      if (!content->ParseFromString(any.value())) content.reset();
    }
    if (content != nullptr && WellKnownOf(*type) == WellKnown::kNone) {
      Object(*content, selection, url);
      return;
    }
    Open('{');
    bool first = true;
    if (!url.empty()) {
      Name("@type", &first);
      AppendJsonString(url, &out_);
    }
    if (content != nullptr) {
      Name("value", &first);
      Value(*content, nullptr);
    }
    Close('}', first);
  }

  void StructValue(const google::protobuf::Value& value) {
    switch (value.kind_case()) {
      case google::protobuf::Value::kNumberValue:
        AppendReal(value.number_value(), &out_);
        break;
      case google::protobuf::Value::kStringValue:
        AppendJsonString(value.string_value(), &out_);
        break;
      case google::protobuf::Value::kBoolValue:
        out_ += value.bool_value() ? "true" : "false";
        break;
      case google::protobuf::Value::kStructValue:
        Value(value.struct_value(), nullptr);
        break;
      case google::protobuf::Value::kListValue:
        Value(value.list_value(), nullptr);
        break;
      default:
        out_ += "null";
    }
  }

// Get or GetRepeated, by whether `index` names an element.
#define HODEI_GET(Type)                              \
  (index < 0 ? reflection.Get##Type(message, &field) \
             : reflection.GetRepeated##Type(message, &field, index))

  void Scalar(const Message& message, const FieldDescriptor& field, int index,
              const FieldSelection* selection) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return AppendNumber(HODEI_GET(Int32), &out_);
      case FieldDescriptor::CPPTYPE_UINT32:
        return AppendNumber(HODEI_GET(UInt32), &out_);
      case FieldDescriptor::CPPTYPE_INT64:
        out_ += '"';
        AppendNumber(HODEI_GET(Int64), &out_);
        out_ += '"';
        return;
      case FieldDescriptor::CPPTYPE_UINT64:
        out_ += '"';
        AppendNumber(HODEI_GET(UInt64), &out_);
        out_ += '"';
        return;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return AppendReal(HODEI_GET(Double), &out_);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return AppendReal(HODEI_GET(Float), &out_);
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ += HODEI_GET(Bool) ? "true" : "false";
        return;
      case FieldDescriptor::CPPTYPE_ENUM:
        return Enum(field, HODEI_GET(EnumValue));
      case FieldDescriptor::CPPTYPE_STRING:
        return String(message, field, index);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Child(field, HODEI_GET(Message), selection);
    }
  }
#undef HODEI_GET

  void Child(const FieldDescriptor& field, const Message& message,
             const FieldSelection* selection) {
    if (WellKnownOf(*field.message_type()) != WellKnown::kTimestamp) {
      return Value(message, selection);
    }
    AppendTimestamp(static_cast<const google::protobuf::Timestamp&>(message),
                    field.options().GetExtension(hodei::api::fraction_digits), &out_);
  }

  void Enum(const FieldDescriptor& field, int number) {
    if (field.enum_type()->full_name() == "google.protobuf.NullValue") {
      out_ += "null";
      return;
    }
    const EnumValueDescriptor* value = field.enum_type()->FindValueByNumber(number);
    if (value == nullptr) return AppendNumber(number, &out_);
    out_ += '"';
    out_ += value->name();
    out_ += '"';
  }

  void String(const Message& message, const FieldDescriptor& field, int index) {
    const Reflection& reflection = *message.GetReflection();
    std::string scratch;
    const std::string& text =
        index < 0 ? reflection.GetStringReference(message, &field, &scratch)
                  : reflection.GetRepeatedStringReference(message, &field, index, &scratch);
    if (field.type() == FieldDescriptor::TYPE_BYTES) {
      out_ += '"';
      out_ += Base64Encode(text);
      out_ += '"';
    } else {
      AppendJsonString(text, &out_);
    }
  }

  void Open(char bracket) {
    out_ += bracket;
    ++indent_;
  }
  void Close(char bracket, bool empty) {
    --indent_;
    if (!empty) NewLine();
    out_ += bracket;
  }
  void Name(std::string_view name, bool* first) {
    if (!*first) out_ += ',';
    *first = false;
    NewLine();
    AppendJsonString(name, &out_);
    out_ += options_.pretty ? ": " : ":";
  }
  void NewLine() {
    if (!options_.pretty) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(indent_) * 2, ' ');
  }

  const PrintOptions& options_;
  std::string& out_;
  int indent_ = 0;
  int depth_ = 0;
};

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  *out += '"';
  size_t start = 0;
  size_t i = 0;
  while (i < text.size()) {
    if (IsPlain(static_cast<unsigned char>(text[i]))) {
      ++i;
      continue;
    }
    out->append(text, start, i - start);
    i += AppendSpecial(text.substr(i), out);
    start = i;
  }
  out->append(text, start, i - start);
  *out += '"';
}

void AppendJson(const Message& message, const PrintOptions& options, std::string* out) {
  Printer(options, out).Value(message, options.fields);
  if (options.pretty) *out += '\n';
}

std::string PrintJson(const Message& message, const PrintOptions& options) {
  std::string out;
  AppendJson(message, options, &out);
  return out;
}

}  // namespace hodei::wire
