#include "wire/json/well_known.h"

#include <google/protobuf/descriptor.h>

namespace hodei::wire {

WellKnown WellKnownOf(const google::protobuf::Descriptor& type) {
  using Descriptor = google::protobuf::Descriptor;
  switch (type.well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
      return WellKnown::kNone;
    case Descriptor::WELLKNOWNTYPE_ANY:
      return WellKnown::kAny;
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return WellKnown::kTimestamp;
    case Descriptor::WELLKNOWNTYPE_DURATION:
      return WellKnown::kDuration;
    case Descriptor::WELLKNOWNTYPE_FIELDMASK:
      return WellKnown::kFieldMask;
    case Descriptor::WELLKNOWNTYPE_STRUCT:
      return WellKnown::kStruct;
    case Descriptor::WELLKNOWNTYPE_VALUE:
      return WellKnown::kValue;
    case Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return WellKnown::kListValue;
    default:
      return WellKnown::kWrapper;
  }
}

}  // namespace hodei::wire
