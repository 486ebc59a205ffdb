// Is this a model, a version, an update that can be? Every rule that needs nothing but the message.
// Pure. Runtime versions are judged by Environments::Resolve, the model's files by
// model_source.h.
#pragma once

#include <google/protobuf/field_mask.pb.h>

#include "base/status.h"
#include "google/cloud/ml/v1/model.pb.h"
#include "google/cloud/ml/v1/version.pb.h"

namespace hodei::models {

inline constexpr int kNodesMax = 100;  // of one version
inline constexpr int kDefaultMaxNodes = 10;
inline constexpr size_t kDescriptionMaxBytes = 4096;
inline constexpr int kPackageUrisMax = 100;
inline constexpr size_t kPredictionClassMaxBytes = 255;

// INVALID_ARGUMENT naming every wrong field, or UNIMPLEMENTED naming what this server does not do.
// Names are bare here. Output-only fields are not looked at.
Status ValidateModel(const google::cloud::ml::v1::Model& model);
Status ValidateVersion(const google::cloud::ml::v1::Version& version);

// The masks that patch allows; `update` holds the new values, `current` the stored version.
Status ValidateModelUpdate(const google::protobuf::FieldMask& mask,
                           const google::cloud::ml::v1::Model& update);
Status ValidateVersionUpdate(const google::protobuf::FieldMask& mask,
                             const google::cloud::ml::v1::Version& update,
                             const google::cloud::ml::v1::Version& current);

// What a client may say when it creates one: the rest of the message is output only. With the
// defaults of absent fields.
google::cloud::ml::v1::Model InputOf(const google::cloud::ml::v1::Model& asked);
google::cloud::ml::v1::Version InputOf(const google::cloud::ml::v1::Version& asked);

}  // namespace hodei::models
