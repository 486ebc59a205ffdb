#include "wire/rest/discovery_schema.h"

#include <google/protobuf/descriptor.h>

#include "hodei/api/annotations.pb.h"
#include "wire/json/well_known.h"

namespace hodei::wire::rest {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Struct;

google::protobuf::Value& At(Struct* object, const char* key) {
  return (*object->mutable_fields())[key];
}

// "google.cloud.ml.v1" → "GoogleCloudMlV1".
std::string PackagePrefix(const std::string& package) {
  std::string out;
  bool upper = true;
  for (char c : package) {
    if (c == '.') {
      upper = true;
      continue;
    }
    out += static_cast<char>(upper && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    upper = false;
  }
  return out;
}

std::string SchemaName(const Descriptor& type) {
  std::string name = PackagePrefix(type.file()->package());
  if (type.containing_type() == nullptr) return name + "__" + type.name();
  std::string nested = type.name();
  for (const Descriptor* outer = type.containing_type(); outer != nullptr;
       outer = outer->containing_type()) {
    nested = outer->name() + "_" + nested;
  }
  return name + "_" + nested;
}

void SetType(Struct* out, const char* type, const char* format) {
  At(out, "type").set_string_value(type);
  if (*format != 0) At(out, "format").set_string_value(format);
}

void DescribeEnum(const google::protobuf::EnumDescriptor& type, Struct* out) {
  SetType(out, "string", "");
  auto& names = *At(out, "enum").mutable_list_value();
  auto& descriptions = *At(out, "enumDescriptions").mutable_list_value();
  for (int i = 0; i < type.value_count(); ++i) {
    names.add_values()->set_string_value(type.value(i)->name());
    descriptions.add_values()->set_string_value("");
  }
}

void DescribeWellKnown(const Descriptor& type, Struct* out) {
  switch (WellKnownOf(type)) {
    case WellKnown::kTimestamp:
      return SetType(out, "string", "google-datetime");
    case WellKnown::kDuration:
      return SetType(out, "string", "google-duration");
    case WellKnown::kFieldMask:
      return SetType(out, "string", "google-fieldmask");
    case WellKnown::kWrapper:
      return DescribeScalar(*type.field(0), out);
    case WellKnown::kListValue:
      SetType(out, "array", "");
      At(At(out, "items").mutable_struct_value(), "type").set_string_value("any");
      return;
    case WellKnown::kValue:
      return SetType(out, "any", "");
    default:  // Any and Struct
      SetType(out, "object", "");
      At(At(out, "additionalProperties").mutable_struct_value(), "type").set_string_value("any");
  }
}

bool IsOutputOnly(const FieldDescriptor& field) {
  const auto& options = field.options();
  for (int i = 0; i < options.ExtensionSize(hodei::api::behavior); ++i) {
    if (options.GetExtension(hodei::api::behavior, i) == hodei::api::OUTPUT_ONLY) return true;
  }
  return false;
}

}  // namespace

bool IsPlainMessage(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         WellKnownOf(*field.message_type()) == WellKnown::kNone;
}

void DescribeScalar(const FieldDescriptor& field, Struct* out) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return SetType(out, "integer", "int32");
    case FieldDescriptor::CPPTYPE_UINT32:
      return SetType(out, "integer", "uint32");
    case FieldDescriptor::CPPTYPE_INT64:
      return SetType(out, "string", "int64");
    case FieldDescriptor::CPPTYPE_UINT64:
      return SetType(out, "string", "uint64");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return SetType(out, "number", "double");
    case FieldDescriptor::CPPTYPE_FLOAT:
      return SetType(out, "number", "float");
    case FieldDescriptor::CPPTYPE_BOOL:
      return SetType(out, "boolean", "");
    case FieldDescriptor::CPPTYPE_ENUM:
      return DescribeEnum(*field.enum_type(), out);
    case FieldDescriptor::CPPTYPE_STRING:
      return SetType(out, "string", field.type() == FieldDescriptor::TYPE_BYTES ? "byte" : "");
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return DescribeWellKnown(*field.message_type(), out);
  }
}

std::string SchemaSet::Add(const Descriptor& type) {
  std::string name = SchemaName(type);
  if (schemas_.fields().contains(name)) return name;
  // Entered first: types refer to each other in circles.
  (*schemas_.mutable_fields())[name].mutable_struct_value();
  Struct schema;
  At(&schema, "id").set_string_value(name);
  At(&schema, "type").set_string_value("object");
  Struct& properties = *At(&schema, "properties").mutable_struct_value();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    DescribeField(field, At(&properties, field.json_name().c_str()).mutable_struct_value());
  }
  *(*schemas_.mutable_fields())[name].mutable_struct_value() = std::move(schema);
  return name;
}

void SchemaSet::DescribeField(const FieldDescriptor& field, Struct* out) {
  if (IsOutputOnly(field)) At(out, "readOnly").set_bool_value(true);
  if (field.is_map()) {
    At(out, "type").set_string_value("object");
    DescribeValue(*field.message_type()->map_value(),
                  At(out, "additionalProperties").mutable_struct_value());
  } else if (field.is_repeated()) {
    At(out, "type").set_string_value("array");
    DescribeValue(field, At(out, "items").mutable_struct_value());
  } else {
    DescribeValue(field, out);
  }
}

void SchemaSet::DescribeValue(const FieldDescriptor& field, Struct* out) {
  if (IsPlainMessage(field)) {
    At(out, "$ref").set_string_value(Add(*field.message_type()));
  } else {
    DescribeScalar(field, out);
  }
}

}  // namespace hodei::wire::rest
