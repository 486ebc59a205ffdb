// Versions: create, get, list, patch, delete, setDefault. As ModelService otherwise. Thread-safe.
#pragma once

#include "base/status.h"
#include "domain/environments/environments.h"
#include "domain/models/registry.h"
#include "google/cloud/ml/v1/version.pb.h"
#include "service/call_context.h"
#include "service/source_access.h"
#include "wire/paging/page_token.h"

namespace hodei::service {

class VersionService {
 public:
  // None is owned; all outlive this.
  VersionService(models::Registry* registry, store::ObjectStore* objects,
                 const access::Authorizer* authorizer,
                 const environments::Environments* environments,
                 const wire::PageTokens* page_tokens)
      : registry_(registry),
        objects_(objects),
        sources_(objects, authorizer),
        environments_(environments),
        page_tokens_(page_tokens) {}

  // CREATING when it returns; the operation is done when the model was loaded, or could not be.
  Result<google::longrunning::Operation> CreateVersion(
      const CallContext& context, const google::cloud::ml::v1::CreateVersionRequest& request);
  // By name.
  Result<google::cloud::ml::v1::ListVersionsResponse> ListVersions(
      const CallContext& context, const google::cloud::ml::v1::ListVersionsRequest& request);
  Result<google::cloud::ml::v1::Version> GetVersion(
      const CallContext& context, const google::cloud::ml::v1::GetVersionRequest& request);
  Result<google::longrunning::Operation> UpdateVersion(
      const CallContext& context, const google::cloud::ml::v1::UpdateVersionRequest& request);
  Result<google::longrunning::Operation> DeleteVersion(
      const CallContext& context, const google::cloud::ml::v1::DeleteVersionRequest& request);
  Result<google::cloud::ml::v1::Version> SetDefaultVersion(
      const CallContext& context, const google::cloud::ml::v1::SetDefaultVersionRequest& request);

 private:
  models::Registry* const registry_;
  store::ObjectStore* const objects_;
  const SourceAccess sources_;
  const environments::Environments* const environments_;
  const wire::PageTokens* const page_tokens_;
};

}  // namespace hodei::service
