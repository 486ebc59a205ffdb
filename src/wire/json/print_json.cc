#include "wire/json/print_json.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "hodei/api/annotations.pb.h"
#include "wire/json/field_selection.h"
#include "wire/json/json_text.h"
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
