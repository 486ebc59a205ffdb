#include "wire/json/parse_json.h"

#include <fmt/format.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <simdjson.h>

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/json_integers.h"
#include "wire/json/field_text.h"
#include "wire/json/well_known.h"

namespace hodei::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::Reflection;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr std::string_view kInvalidPayload = "Invalid JSON payload received. ";
// A parser's buffers are about fifteen times its text; above this they are not worth keeping.
constexpr size_t kKeptParserBytes = 64 * 1024;

std::string ShowScalar(const element& value) {
  switch (value.type()) {
    case element_type::STRING:
      return QuoteForError(std::string_view(value.get_string().value_unsafe()));
    case element_type::OBJECT:
      return "Starting an object on a scalar field";
    case element_type::ARRAY:
      return "Starting a list on a scalar field";
    default:
      return simdjson::minify(value);
  }
}

bool IsNullValueEnum(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
         field.enum_type()->full_name() == "google.protobuf.NullValue";
}

// null stands for itself in these, and for "absent" everywhere else.
bool TakesNull(const FieldDescriptor& field) {
  if (field.is_repeated()) return false;
  return IsNullValueEnum(field) || (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                                    WellKnownOf(*field.message_type()) == WellKnown::kValue);
}

// Walks the document with the message. Depth is bounded by the JSON parser before this runs.
class Filler {
 public:
  explicit Filler(const ParseOptions& options) : options_(options), path_(options.path) {}

  Status Run(const element& root, Message* message) {
    Value(root, *message->GetDescriptor(), message);
    if (violations_.empty()) return OkStatus();
    std::string text;
    for (const FieldViolation& violation : violations_) {
      if (!text.empty()) text += '\n';
      text += violation.description;
    }
    Status status = InvalidArgument(std::move(text));
    for (FieldViolation& violation : violations_) status.WithViolation(std::move(violation));
    return status;
  }

 private:
  bool Full() const { return violations_.size() >= kViolationLimit; }

  void Report(std::string description) {
    if (!Full()) violations_.push_back({path_, std::move(description)});
  }
  void ReportName(std::string_view name, std::string_view reason) {
    const std::string at = path_.empty() ? "" : fmt::format(" at '{}'", path_);
    Report(
        fmt::format("{}Unknown name {}{}: {}", kInvalidPayload, QuoteForError(name), at, reason));
  }
  void ReportStatus(const Status& status) { Report(status.message()); }
  void ReportMessage(const Descriptor& type, const element& value) {
    Report(fmt::format("Invalid value at '{}' (type.googleapis.com/{}), {}", path_,
                       type.full_name(), ShowScalar(value)));
  }

  // False, once, when the document holds more than the limit.
  bool Count() {
    if (++values_ <= options_.value_limit) return true;
    if (values_ == options_.value_limit + 1) {
      Report(fmt::format("{}More than {} values.", kInvalidPayload, options_.value_limit));
    }
    return false;
  }

  // Any JSON value into a message of any kind.
  void Value(const element& value, const Descriptor& type, Message* message) {
    switch (WellKnownOf(type)) {
      case WellKnown::kNone:
        if (value.is_object())
          return Object(value.get_object().value_unsafe(), type, message, false);
        if (path_.empty()) {
          return ReportName("", "Root element must be a message.");
        }
        return ReportMessage(type, value);
      case WellKnown::kAny:
        return Any(value, static_cast<google::protobuf::Any*>(message));
      case WellKnown::kStruct:
        if (!value.is_object()) return ReportMessage(type, value);
        return Struct(value.get_object().value_unsafe(),
                      static_cast<google::protobuf::Struct*>(message));
      case WellKnown::kValue:
        return StructValue(value, static_cast<google::protobuf::Value*>(message));
      case WellKnown::kListValue:
        if (!value.is_array()) return ReportMessage(type, value);
        return StructList(value.get_array().value_unsafe(),
                          static_cast<google::protobuf::ListValue*>(message));
      case WellKnown::kWrapper:
        return Scalar(value, *type.field(0), message);
      default: {
        std::string_view text;
        if (value.get(text) != simdjson::SUCCESS || !SetMessageFromText(text, message).ok()) {
          ReportMessage(type, value);
        }
      }
    }
  }

  void Object(const object& members, const Descriptor& type, Message* message, bool skip_type) {
    std::vector<bool> seen(type.field_count());
    for (const auto [name, value] : members) {
      if (Full() || !Count()) return;
      if (skip_type && name == "@type") continue;
      const FieldDescriptor* field = FindField(type, name);
      if (field == nullptr) {
        if (!options_.ignore_unknown) ReportName(name, "Cannot find field.");
        continue;
      }
      if (seen[field->index()]) {
        ReportName(name, "The field is already set.");
        continue;
      }
      seen[field->index()] = true;
      if (value.is_null() && !TakesNull(*field)) continue;
      if (!OneofIsFree(*field, *message)) continue;
      const size_t length = path_.size();
      if (value.is_array() && (field->is_map() || !field->is_repeated()) && !TakesList(*field)) {
        ReportName(name, "Proto field is not repeating, cannot start list.");
        continue;
      }
      if (!path_.empty()) path_ += '.';
      path_ += field->name();
      Field(value, *field, message);
      path_.resize(length);
    }
  }

  static bool TakesList(const FieldDescriptor& field) {
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return false;
    const WellKnown kind = WellKnownOf(*field.message_type());
    return kind == WellKnown::kListValue || kind == WellKnown::kValue;
  }

  bool OneofIsFree(const FieldDescriptor& field, const Message& message) {
    const auto* oneof = field.real_containing_oneof();
    if (oneof == nullptr || !message.GetReflection()->HasOneof(message, oneof)) return true;
    Report(fmt::format(
        "Invalid value at '{}' (oneof), oneof field '{}' is already set. Cannot set '{}'", path_,
        oneof->name(), field.json_name()));
    return false;
  }

  void Field(const element& value, const FieldDescriptor& field, Message* message) {
    if (field.is_map()) {
      if (!value.is_object()) return ReportMessage(*field.message_type(), value);
      return Map(value.get_object().value_unsafe(), field, message);
    }
    if (!field.is_repeated()) return Scalar(value, field, message);
    if (!value.is_array()) return ReportStatus(InvalidValue(field, path_, ShowScalar(value)));
    const size_t length = path_.size();
    size_t index = 0;
    // Named: a loop over a part of a temporary outlives the temporary.
    const array items = value.get_array().value_unsafe();
    for (const element item : items) {
      if (Full() || !Count()) return;
      path_ += fmt::format("[{}]", index++);
      Scalar(item, field, message);
      path_.resize(length);
    }
  }

  void Map(const object& members, const FieldDescriptor& field, Message* message) {
    const Reflection& reflection = *message->GetReflection();
    const FieldDescriptor& key_field = *field.message_type()->map_key();
    const FieldDescriptor& value_field = *field.message_type()->map_value();
    std::set<std::string_view> seen;
    const size_t length = path_.size();
    for (const auto [name, value] : members) {
      if (Full() || !Count()) return;
      if (!seen.insert(name).second) {
        ReportName(name, "The map key is already set.");
        continue;
      }
      Message* entry = reflection.AddMessage(message, &field);
      const Status status = SetFieldFromText(key_field, name, path_, entry);
      if (!status.ok()) {
        ReportStatus(status);
        continue;
      }
      path_ += fmt::format("[{}]", QuoteForError(name));
      Scalar(value, value_field, entry);
      path_.resize(length);
    }
  }

  // One value into a singular field, or as a further element of a repeated one.
  void Scalar(const element& value, const FieldDescriptor& field, Message* message) {
    const Reflection& reflection = *message->GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message* child = field.is_repeated() ? reflection.AddMessage(message, &field)
                                           : reflection.MutableMessage(message, &field);
      return Value(value, *field.message_type(), child);
    }
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) {
      const Status status = SetFieldFromText(field, text, path_, message);
      if (!status.ok()) ReportStatus(status);
      return;
    }
    if (!Number(value, field, message)) {
      ReportStatus(InvalidValue(field, path_, ShowScalar(value)));
    }
  }

  // A JSON number, true, false or null into a field that can hold it.
  static bool Number(const element& value, const FieldDescriptor& field, Message* message) {
    const Reflection& reflection = *message->GetReflection();
    const bool is_bool = field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL;
    switch (value.type()) {
      case element_type::BOOL:
        if (!is_bool) return false;
        field.is_repeated() ? reflection.AddBool(message, &field, value.get_bool().value_unsafe())
                            : reflection.SetBool(message, &field, value.get_bool().value_unsafe());
        return true;
      case element_type::NULL_VALUE:
        if (!IsNullValueEnum(field)) return false;
        field.is_repeated() ? reflection.AddEnumValue(message, &field, 0)
                            : reflection.SetEnumValue(message, &field, 0);
        return true;
      case element_type::INT64:
      case element_type::UINT64:
      case element_type::DOUBLE:
        if (is_bool || field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) return false;
        // The digits again: one place decides ranges and roundings.
        return SetFieldFromText(field, std::string(simdjson::minify(value)), "", message).ok();
      default:
        return false;
    }
  }

  void Any(const element& value, google::protobuf::Any* any) {
    object members;
    if (value.get(members) != simdjson::SUCCESS) return ReportMessage(*any->GetDescriptor(), value);
    if (members.size() == 0) return;
    std::string_view url;
    if (members["@type"].get(url) != simdjson::SUCCESS) {
      return Report(
          fmt::format("Invalid value at '{}' (type.googleapis.com/google.protobuf.Any), "
                      "missing @type",
                      path_));
    }
    const Descriptor* type = DescriptorPool::generated_pool()->FindMessageTypeByName(
        std::string(url.substr(url.find_last_of('/') + 1)));
    if (type == nullptr) {
      return Report(
          fmt::format("Invalid value at '{}' (type.googleapis.com/google.protobuf.Any), "
                      "unknown type {}",
                      path_, QuoteForError(url)));
    }
    const std::unique_ptr<Message> content(
        MessageFactory::generated_factory()->GetPrototype(type)->New());
    if (WellKnownOf(*type) == WellKnown::kNone) {
      Object(members, *type, content.get(), true);
    } else {
      element bare;
      if (members["value"].get(bare) == simdjson::SUCCESS) Value(bare, *type, content.get());
    }
    any->set_type_url(std::string(url));
    any->set_value(content->SerializeAsString());
  }

  void Struct(const object& members, google::protobuf::Struct* out) {
    for (const auto [name, value] : members) {
      if (Full() || !Count()) return;
      const auto [it, added] = out->mutable_fields()->insert({std::string(name), {}});
      if (!added) {
        ReportName(name, "The map key is already set.");
        continue;
      }
      StructValue(value, &it->second);
    }
  }

  void StructList(const array& items, google::protobuf::ListValue* out) {
    for (const element item : items) {
      if (Full() || !Count()) return;
      StructValue(item, out->add_values());
    }
  }

  void StructValue(const element& value, google::protobuf::Value* out) {
    switch (value.type()) {
      case element_type::OBJECT:
        return Struct(value.get_object().value_unsafe(), out->mutable_struct_value());
      case element_type::ARRAY:
        return StructList(value.get_array().value_unsafe(), out->mutable_list_value());
      case element_type::STRING:
        return out->set_string_value(std::string(value.get_string().value_unsafe()));
      case element_type::BOOL:
        return out->set_bool_value(value.get_bool().value_unsafe());
      case element_type::NULL_VALUE:
        return out->set_null_value(google::protobuf::NULL_VALUE);
      default:
        return out->set_number_value(value.get_double().value_unsafe());
    }
  }

  const ParseOptions& options_;
  std::string path_;
  std::vector<FieldViolation> violations_;
  size_t values_ = 0;
};

Status SyntaxError(simdjson::error_code code, int depth_limit) {
  std::string reason;
  switch (code) {
    case simdjson::DEPTH_ERROR:
      reason = fmt::format("Nesting deeper than {} levels.", depth_limit);
      break;
    case simdjson::EMPTY:
      reason = "Unexpected end of string.";
      break;
    case simdjson::UTF8_ERROR:
      reason = "The text is not valid UTF-8.";
      break;
    case simdjson::NUMBER_ERROR:
      reason = "Unexpected token: a number is malformed or out of range.";
      break;
    case simdjson::STRING_ERROR:
    case simdjson::UNCLOSED_STRING:
    case simdjson::UNESCAPED_CHARS:
      reason = "Unexpected token: a string is malformed or not closed.";
      break;
    default:
      reason = "Unexpected token.";
  }
  const std::string message = fmt::format("{}{}", kInvalidPayload, reason);
  return InvalidArgument(message).WithViolation({"", message});
}

Status ParseWith(simdjson::dom::parser& parser, std::string_view text, Message* message,
                 const ParseOptions& options) {
  const auto depth = static_cast<size_t>(options.depth_limit);
  if (parser.capacity() < text.size() || parser.max_depth() != depth) {
    const auto error = parser.allocate(std::max<size_t>(text.size(), 4096), depth);
    if (error != simdjson::SUCCESS) return ResourceExhausted("no memory to parse JSON");
  }
  element root;
  const auto error = ParseWithWideIntegers(&parser, text).get(root);
  if (error != simdjson::SUCCESS) return SyntaxError(error, options.depth_limit);
  return Filler(options).Run(root, message);
}

}  // namespace

Status ParseJson(std::string_view text, Message* message, const ParseOptions& options) {
  message->Clear();
  if (text.size() > options.size_limit_bytes) {
    const std::string error = fmt::format("{}The text is longer than {} bytes.", kInvalidPayload,
                                          options.size_limit_bytes);
    return InvalidArgument(error).WithViolation({"", error});
  }
  if (text.size() > kKeptParserBytes) {
    simdjson::dom::parser parser;
    return ParseWith(parser, text, message, options);
  }
  // Scratch memory, not state: nothing of one call is read by the next.
  thread_local simdjson::dom::parser parser;
  return ParseWith(parser, text, message, options);
}

}  // namespace hodei::wire
