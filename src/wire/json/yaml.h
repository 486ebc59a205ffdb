// YAML files (configuration, tables) into messages by reflection. Keys are the names of the .proto
// file or their lowerCamelCase; an unknown key, a wrong type or a value twice fails with its line.
#pragma once

#include <string_view>

#include "base/status.h"

namespace google::protobuf {
class Message;
}

namespace hodei::wire {

// Fills `message`, which is cleared first. Durations are written "10s" or "1.5s", times as RFC
// 3339, enums by name in either case ("fit" or "FIT"), bytes as base64. An empty document is an
// empty message. INVALID_ARGUMENT "line 3: …"; for text of the operator or user of this machine,
// with the size and depth bounded all the same.
Status ParseYaml(std::string_view text, google::protobuf::Message* message);

}  // namespace hodei::wire
