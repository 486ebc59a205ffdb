// The protobuf message types whose JSON form is not an object of their fields.
#pragma once

namespace google::protobuf {
class Descriptor;
}

namespace hodei::wire {

enum class WellKnown {
  kNone,  // an ordinary message
  kAny,
  kTimestamp,
  kDuration,
  kFieldMask,
  kStruct,
  kValue,
  kListValue,
  kWrapper,  // Int64Value, StringValue …: one field "value", written bare
};

// Cheap for ordinary messages.
WellKnown WellKnownOf(const google::protobuf::Descriptor& type);

}  // namespace hodei::wire
