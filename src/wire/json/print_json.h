// Messages to JSON: the proto3 JSON mapping as the services of Google write it. 64-bit integers are
// strings, bytes are base64 with padding, enums are names, unset and default-valued fields are left
// out, Any carries "@type". '<', '>', U+2028 and U+2029 are escaped, so that the text is also safe
// inside a page.
#pragma once

#include <string>
#include <string_view>

namespace google::protobuf {
class Message;
}

namespace hodei::wire {

class FieldSelection;

struct PrintOptions {
  // Two spaces a level and one field a line, as `prettyPrint=true` has it; ends with a newline.
  bool pretty = false;
  // The names of the .proto file ("master_type") instead of lowerCamelCase.
  bool proto_names = false;
  // Only these fields; null: all. Not owned.
  const FieldSelection* fields = nullptr;
};

// Appends `message` to `out`. Never fails: a google.protobuf.Any of a type that is not linked in is
// written with its "@type" alone.
void AppendJson(const google::protobuf::Message& message, const PrintOptions& options,
                std::string* out);
std::string PrintJson(const google::protobuf::Message& message, const PrintOptions& options = {});

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace hodei::wire
