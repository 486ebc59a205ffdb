#include "wire/json/field_mask.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>
#include <string>
#include <vector>

#include "hodei/api/annotations.pb.h"
#include "wire/json/field_text.h"

namespace hodei::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;

constexpr size_t kPathBytesLimit = 512;

std::string ToSnakeCase(std::string_view path) {
  std::string out;
  for (char c : path) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      c = static_cast<char>(c - 'A' + 'a');
    }
    out += c;
  }
  return out;
}

// Whether `path` leads through messages of `type` to a field.
bool LeadsToField(const Descriptor& type, std::string_view path) {
  const Descriptor* at = &type;
  while (true) {
    const size_t dot = path.find('.');
    const FieldDescriptor* field =
        at == nullptr ? nullptr : at->FindFieldByName(std::string(path.substr(0, dot)));
    if (field == nullptr) return false;
    if (dot == std::string_view::npos) return true;
    at = field->is_repeated() ? nullptr : field->message_type();
    path.remove_prefix(dot + 1);
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

Result<FieldMask> ParseMask(std::string_view text) {
  FieldMask mask;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view path = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (path.empty()) continue;
    const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '.' || c == '*';
    });
    if (!plain || path.size() > kPathBytesLimit || mask.paths_size() == kMaskPathLimit) {
      return InvalidArgument(fmt::format("Invalid field mask {}", QuoteForError(path)));
    }
    mask.add_paths(ToSnakeCase(path));
  }
  return mask;
}

Result<FieldMask> NormalizeMask(const FieldMask& mask, const Descriptor& resource,
                                std::string_view field) {
  std::vector<std::string> paths(mask.paths().begin(), mask.paths().end());
  if (paths.empty()) {
    return InvalidField(std::string(field), "The update mask is required and may not be empty.");
  }
  std::sort(paths.begin(), paths.end());
  FieldMask normalized;
  for (const std::string& path : paths) {
    if (!LeadsToField(resource, path)) {
      return InvalidField(std::string(field),
                          fmt::format("{} is not a field of {} that an update mask can name.",
                                      QuoteForError(path), resource.name()));
    }
    if (!MaskCovers(normalized, path)) normalized.add_paths(path);
  }
  return normalized;
}

bool MaskCovers(const FieldMask& mask, std::string_view path) {
  return std::any_of(mask.paths().begin(), mask.paths().end(), [&](const std::string& covering) {
    return path.starts_with(covering) &&
           (path.size() == covering.size() || path[covering.size()] == '.');
  });
}

void ApplyMask(const FieldMask& mask, const Message& source, Message* target) {
  google::protobuf::util::FieldMaskUtil::MergeOptions options;
  options.set_replace_message_fields(true);
  options.set_replace_repeated_fields(true);
  google::protobuf::util::FieldMaskUtil::MergeMessageTo(source, mask, options, target);
}

void ClearOutputOnly(Message* message) {
  const auto& reflection = *message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (IsOutputOnly(*field)) {
      reflection.ClearField(message, field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_map()) {
      if (!field->is_repeated()) {
        ClearOutputOnly(reflection.MutableMessage(message, field));
        continue;
      }
      for (int i = 0; i < reflection.FieldSize(*message, field); ++i) {
        ClearOutputOnly(reflection.MutableRepeatedMessage(message, field, i));
      }
    }
  }
}

}  // namespace hodei::wire
