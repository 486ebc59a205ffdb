// One field value from its text form: query parameters, path variables, YAML scalars, map keys, and
// JSON strings all spell values alike.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace hodei::wire {

// The field of `type` with that lowerCamelCase or .proto name; null when there is none.
const google::protobuf::FieldDescriptor* FindField(const google::protobuf::Descriptor& type,
                                                   std::string_view name);

// Sets `field` of `message` (appends when it is repeated) to the value that `text` spells: scalars,
// enums, and the messages that have a text form (Timestamp, Duration, FieldMask, wrappers). `path`
// is for the error text only. INVALID_ARGUMENT as InvalidValue() makes it.
Status SetFieldFromText(const google::protobuf::FieldDescriptor& field, std::string_view text,
                        std::string_view path, google::protobuf::Message* message);

// True for message types that SetFieldFromText() takes.
bool HasTextForm(const google::protobuf::Descriptor& type);
// Fills one such message from its text.
Status SetMessageFromText(std::string_view text, google::protobuf::Message* message);

// "Invalid value at 'job.state' (type.googleapis.com/google.cloud.ml.v1.Job.State), \"x\"", with
// the violation for `path`. `shown` is the rest after the comma, already quoted where it is a
// string.
Status InvalidValue(const google::protobuf::FieldDescriptor& field, std::string_view path,
                    std::string_view shown);
// `text` in quotes, cut after 200 bytes: requests may be large, errors may not.
std::string QuoteForError(std::string_view text);

}  // namespace hodei::wire
