// Policies: who has which role on a resource. Kept under kPolicyKind by resource name
// ("projects/P", "projects/P/jobs/J", "projects/P/models/M", "buckets/B").
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "domain/access/principal.h"
#include "google/iam/v1/policy.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

inline constexpr int kMaxBindings = 500;
inline constexpr int kMaxMembers = 1500;  // over all bindings
inline constexpr size_t kMaxMemberBytes = 320;

// Whether a role that `policy` gives to the principal contains `permission`. Bindings with a
// condition give nothing.
bool PolicyGrants(const google::iam::v1::Policy& policy, const Principal& principal,
                  std::string_view permission);

// INVALID_ARGUMENT for an unknown role, a member that is no "user:E", "serviceAccount:E",
// "allUsers" or "allAuthenticatedUsers", a condition, and anything over a limit above. ("allUsers"
// means everybody with a credential: nothing here is open to strangers.)
Status ValidatePolicy(const google::iam::v1::Policy& policy);

// "serviceAccount:E" or "user:E".
std::string MemberName(std::string_view email);

// The policy as it is now, with its etag; `{etag: "ACAB", version: 1}` when it was never set.
Result<google::iam::v1::Policy> ReadPolicy(store::MetaStore* store, std::string_view resource);

// Replaces the policy. With an etag in `policy`: ABORTED unless it is still the stored one's.
// Validated first. Returns the policy with its new etag.
Result<google::iam::v1::Policy> ReplacePolicy(store::MetaStore* store, std::string_view resource,
                                              google::iam::v1::Policy policy);

// The write that makes `principal` the owner of a resource just created, to be committed together
// with it: GrantAtCreation("projects/p/jobs/j", "roles/ml.jobOwner", caller).
store::Write GrantAtCreation(std::string_view resource, std::string_view role,
                             const Principal& principal);

}  // namespace hodei::access
