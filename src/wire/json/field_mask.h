// updateMask: which fields of a resource a PATCH changes.
#pragma once

#include <google/protobuf/field_mask.pb.h>

#include <string_view>

#include "base/status.h"

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace hodei::wire {

inline constexpr int kMaskPathLimit = 128;

// Reads "labels,autoScaling.minNodes" in either spelling into paths of the .proto file's names.
// Empty entries are skipped. Does not look at any type: that is NormalizeMask().
Result<google::protobuf::FieldMask> ParseMask(std::string_view text);

// `mask` with paths sorted, duplicates and paths below another path removed. INVALID_ARGUMENT when
// it is empty (a mask is required), or names what `resource` does not have; paths may not enter
// maps or repeated fields. `field` names the mask in the error: "update_mask".
Result<google::protobuf::FieldMask> NormalizeMask(const google::protobuf::FieldMask& mask,
                                                  const google::protobuf::Descriptor& resource,
                                                  std::string_view field = "update_mask");

// True when `path` or a parent of it is in the normalized `mask`.
bool MaskCovers(const google::protobuf::FieldMask& mask, std::string_view path);

// Copies what the normalized `mask` names from `source` to `target` (same type): maps and repeated
// fields are replaced, an unset source field clears.
void ApplyMask(const google::protobuf::FieldMask& mask, const google::protobuf::Message& source,
               google::protobuf::Message* target);

// Clears the fields annotated OUTPUT_ONLY, at every depth: what a client sends there has no
// meaning.
void ClearOutputOnly(google::protobuf::Message* message);

}  // namespace hodei::wire
