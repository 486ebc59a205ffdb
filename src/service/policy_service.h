// Policies of single resources: jobs and models. Each method checks the caller itself. Thread-safe.
#pragma once

#include <string_view>

#include "base/status.h"
#include "domain/access/authorizer.h"
#include "google/iam/v1/policy.pb.h"
#include "service/call_context.h"
#include "store/meta/meta_store.h"

namespace hodei::service {

inline constexpr int kMaxTestedPermissions = 100;

// `current` with what the request's update mask names taken from the request's policy: without a
// mask "bindings,etag", as the original has it.
google::iam::v1::Policy MergePolicy(const google::iam::v1::Policy& current,
                                    const google::iam::v1::SetIamPolicyRequest& request);

// The part of the asked permissions that the caller has on `resource` (empty: on the project).
Result<google::iam::v1::TestIamPermissionsResponse> TestPermissions(
    const access::Authorizer& authorizer, const CallContext& call, std::string_view project,
    std::string_view resource, const google::iam::v1::TestIamPermissionsRequest& request);

class PolicyService {
 public:
  // Both must outlive it.
  PolicyService(store::MetaStore* store, const access::Authorizer* authorizer)
      : store_(store), authorizer_(authorizer) {}

  // `request.resource`: "projects/P/jobs/J" or "projects/P/models/M". NOT_FOUND when the caller may
  // ask and the store has no such "job" or "model".
  Result<google::iam::v1::Policy> GetIamPolicy(const CallContext& call,
                                               const google::iam::v1::GetIamPolicyRequest& request);
  Result<google::iam::v1::Policy> SetIamPolicy(const CallContext& call,
                                               const google::iam::v1::SetIamPolicyRequest& request);
  Result<google::iam::v1::TestIamPermissionsResponse> TestIamPermissions(
      const CallContext& call, const google::iam::v1::TestIamPermissionsRequest& request);

 private:
  store::MetaStore* const store_;
  const access::Authorizer* const authorizer_;
};

}  // namespace hodei::service
