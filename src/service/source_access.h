// Objects that a request names by gs:// uri, looked up with the caller's rights. What does not
// exist and what the caller may not read are not told apart.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "domain/access/authorizer.h"
#include "domain/models/model_source.h"
#include "hodei/models/source.pb.h"
#include "service/call_context.h"
#include "store/object/object_store.h"

namespace hodei::service {

// Of all input paths of one batch prediction together.
inline constexpr int kInputObjectsMax = 10'000;

class SourceAccess {
 public:
  // Neither is owned.
  SourceAccess(store::ObjectStore* objects, const access::Authorizer* authorizer)
      : objects_(objects), authorizer_(authorizer) {}

  // Everything a version is made of: the folder's objects and the packages, as they are now.
  // `version` has passed ValidateVersion() and names a machine.
  Result<models::ModelSource> Resolve(const CallContext& context,
                                      const google::cloud::ml::v1::Version& version) const;
  // Objects that `uri` names: one object, what is below a folder, or with '*' at its end all whose
  // name begins so. `field` is named in errors.
  Status AddInputs(const CallContext& context, const std::string& uri, const char* field,
                   google::protobuf::RepeatedPtrField<models::SourceFile>* inputs) const;
  // The caller may make objects in the bucket.
  Status CheckWritable(const CallContext& context, const std::string& bucket,
                       const std::string& uri, const char* field) const;

 private:
  Status CheckReadable(const CallContext& context, const std::string& bucket,
                       const std::string& uri, const char* field) const;
  Status AddPackages(const CallContext& context, const google::cloud::ml::v1::Version& version,
                     models::ModelSource* source) const;

  store::ObjectStore* const objects_;
  const access::Authorizer* const authorizer_;
};

}  // namespace hodei::service
