#include "wire/json/yaml.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/yaml.h>

#include <set>
#include <string>

#include "wire/json/field_text.h"
#include "wire/json/well_known.h"

namespace hodei::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kSizeLimitBytes = 4 * 1024 * 1024;
constexpr int kDepthLimit = 32;
// Aliases may name one node many times; this bounds what they unfold to.
constexpr int kNodeLimit = 200'000;

Status At(const YAML::Node& node, std::string_view what) {
  // Nodes made by the library itself have no mark.
  const int line = node.Mark().is_null() ? 0 : node.Mark().line + 1;
  return InvalidArgument(fmt::format("line {}: {}", line, what));
}

// ENUM_NAMES as people write them: "fit", "low-cost".
std::string EnumName(const FieldDescriptor& field, const std::string& text) {
  if (field.enum_type()->FindValueByName(text) != nullptr) return text;
  std::string upper;
  for (char c : text) {
    upper += static_cast<char>(c == '-' ? '_' : c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return field.enum_type()->FindValueByName(upper) != nullptr ? upper : text;
}

std::string EnumChoices(const FieldDescriptor& field) {
  std::string choices;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    if (!choices.empty()) choices += ", ";
    choices += field.enum_type()->value(i)->name();
  }
  return choices;
}

std::string Expectation(const FieldDescriptor& field) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return "one of " + EnumChoices(field);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return field.message_type()->name();
  return field.type_name();
}

class Filler {
 public:
  Status Object(const YAML::Node& node, Message* message, int depth) {
    const Descriptor& type = *message->GetDescriptor();
    if (!node.IsMap()) {
      return At(node, fmt::format("expected the keys of {}, got {}", type.name(), Shown(node)));
    }
    if (depth > kDepthLimit) return At(node, "nested too deeply");
    std::set<const FieldDescriptor*> seen;
    for (const auto& item : node) {
      if (!item.first.IsScalar()) return At(item.first, "a key is a plain word");
      const std::string& key = item.first.Scalar();
      const FieldDescriptor* field = FindField(type, key);
      if (field == nullptr) {
        return At(item.first,
                  fmt::format("unknown key '{}'; {} has {}", key, type.name(), Keys(type)));
      }
      if (!seen.insert(field).second)
        return At(item.first, fmt::format("'{}' is given twice", key));
      if (item.second.IsNull()) continue;
      RETURN_IF_ERROR(Field(item.second, *field, message, depth));
    }
    return OkStatus();
  }

 private:
  Status Field(const YAML::Node& node, const FieldDescriptor& field, Message* message, int depth) {
    if (field.is_map()) return Map(node, field, message, depth);
    if (!field.is_repeated()) return Value(node, field, message, depth);
    if (!node.IsSequence()) {
      return At(node, fmt::format("'{}' takes a list, got {}", field.name(), Shown(node)));
    }
    for (const YAML::Node& item : node) RETURN_IF_ERROR(Value(item, field, message, depth));
    return OkStatus();
  }

  Status Map(const YAML::Node& node, const FieldDescriptor& field, Message* message, int depth) {
    if (!node.IsMap()) {
      return At(node, fmt::format("'{}' takes keys and values, got {}", field.name(), Shown(node)));
    }
    std::set<std::string> seen;
    for (const auto& item : node) {
      if (!item.first.IsScalar()) return At(item.first, "a key is a plain word");
      if (!seen.insert(item.first.Scalar()).second) {
        return At(item.first, fmt::format("'{}' is given twice", item.first.Scalar()));
      }
      Message* entry = message->GetReflection()->AddMessage(message, &field);
      RETURN_IF_ERROR(Value(item.first, *field.message_type()->map_key(), entry, depth));
      RETURN_IF_ERROR(Value(item.second, *field.message_type()->map_value(), entry, depth));
    }
    return OkStatus();
  }

  Status Value(const YAML::Node& node, const FieldDescriptor& field, Message* message, int depth) {
    if (++nodes_ > kNodeLimit) return At(node, "too many values");
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        !HasTextForm(*field.message_type())) {
      if (WellKnownOf(*field.message_type()) != WellKnown::kNone) {
        return At(node, fmt::format("'{}' cannot be written in YAML", field.name()));
      }
      const Reflection& reflection = *message->GetReflection();
      Message* child = field.is_repeated() ? reflection.AddMessage(message, &field)
                                           : reflection.MutableMessage(message, &field);
      return Object(node, child, depth + 1);
    }
    const Status status =
        node.IsScalar() ? Scalar(node.Scalar(), field, message) : InvalidArgument("not a scalar");
    if (status.ok()) return status;
    return At(node,
              fmt::format("'{}' takes {}, got {}", field.name(), Expectation(field), Shown(node)));
  }

  static Status Scalar(const std::string& text, const FieldDescriptor& field, Message* message) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      return SetFieldFromText(field, EnumName(field, text), field.name(), message);
    }
    return SetFieldFromText(field, text, field.name(), message);
  }

  static std::string Shown(const YAML::Node& node) {
    if (node.IsScalar()) return QuoteForError(node.Scalar());
    return node.IsMap() ? "keys and values" : node.IsSequence() ? "a list" : "nothing";
  }

  static std::string Keys(const Descriptor& type) {
    std::string keys;
    for (int i = 0; i < type.field_count(); ++i) {
      if (i != 0) keys += ", ";
      keys += type.field(i)->name();
    }
    return keys.empty() ? "no keys" : keys;
  }

  int nodes_ = 0;
};

}  // namespace

Status ParseYaml(std::string_view text, Message* message) {
  message->Clear();
  if (text.size() > kSizeLimitBytes) {
    return InvalidArgument(fmt::format("the text is longer than {} bytes", kSizeLimitBytes));
  }
  // yaml-cpp reports by exception; none leaves this file.
  try {
    const YAML::Node root = YAML::Load(std::string(text));
    if (!root.IsDefined() || root.IsNull()) return OkStatus();
    return Filler().Object(root, message, 0);
  } catch (const YAML::Exception& error) {
    return InvalidArgument(fmt::format("line {}: {}", error.mark.line + 1, error.msg));
  }
}

}  // namespace hodei::wire
