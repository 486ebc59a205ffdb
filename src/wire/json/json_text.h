// The leaves of JSON: strings, numbers, and the protobuf messages that are written as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace google::protobuf {
class Duration;
class FieldMask;
class Timestamp;
}  // namespace google::protobuf

namespace hodei::wire {

// AppendJsonString() is in print_json.h: other layers write strings too.

void AppendNumber(int32_t value, std::string* out);
void AppendNumber(uint32_t value, std::string* out);
void AppendNumber(int64_t value, std::string* out);
void AppendNumber(uint64_t value, std::string* out);
// The shortest text that reads back as the same value; "NaN" and the infinities are strings.
void AppendReal(float value, std::string* out);
void AppendReal(double value, std::string* out);

// RFC 3339 in UTC with at least `digits` of 0, 3, 6 or 9 fractional digits, quoted. Out of the
// type's range (years 1 to 9999): the nearest end of it.
void AppendTimestamp(const google::protobuf::Timestamp& time, int digits, std::string* out);
// "3.500s", quoted.
void AppendDuration(const google::protobuf::Duration& duration, std::string* out);
// "labels,trainingInput.jobDir", quoted.
void AppendMask(const google::protobuf::FieldMask& mask, std::string* out);

}  // namespace hodei::wire
