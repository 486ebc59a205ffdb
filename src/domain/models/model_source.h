// Which objects make up a version: the folder that deploymentUri names, as it is now.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "domain/models/serving_machine.h"
#include "google/cloud/ml/v1/version.pb.h"
#include "hodei/models/source.pb.h"
#include "store/object/object_store.h"

namespace hodei::models {

inline constexpr size_t kModelFilesMax = 1000;
inline constexpr size_t kModelPathMaxBytes = 1024;

struct ModelFolder {
  std::string bucket;
  std::string prefix;  // "" or ending in '/'
};
// "gs://B/DIR", with or without '/' at its end.
Result<ModelFolder> ParseModelFolder(std::string_view uri);

// The objects of the folder, without its own placeholders; one more than kModelFilesMax at most.
Result<std::vector<store::Object>> ListModelFolder(store::ObjectStore* objects,
                                                   const ModelFolder& folder);

// What is served: the files, the framework that they or `version` tell, the runtime layers it
// needs. Pure. InvalidField("version.deployment_uri", …) when there are none, too many or too
// large, when a name cannot be a path, or when the files are not those of one model.
Result<ModelSource> SourceOf(const google::cloud::ml::v1::Version& version,
                             const ModelFolder& folder, const ServingMachine& machine,
                             const std::vector<store::Object>& objects);

}  // namespace hodei::models
