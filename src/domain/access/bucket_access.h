// May this principal do that with this bucket or object? Beside the project's policy a bucket has a
// policy document of its own, and both buckets and objects may be public.
//
// "allUsers" lets everybody in, also without a credential, but as readers only; so do the access
// control entries allUsers:READER and allAuthenticatedUsers:READER where uniform bucket-level
// access is off. Public access prevention takes all of that away. A running job stays in its own
// project, except for what is public.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <string_view>

#include "base/status.h"
#include "domain/access/authorizer.h"
#include "domain/access/principal.h"
#include "google/storage/v1/storage.pb.h"

namespace hodei::access {

using google::storage::v1::Bucket;
using google::storage::v1::Object;

// OK, or UNAUTHENTICATED for an anonymous principal and PERMISSION_DENIED for others.
Status CheckBucket(const Authorizer& authorizer, const Principal& principal, const Bucket& bucket,
                   std::string_view permission);

// Whether the object's own access list makes it readable for `principal`.
bool IsPublicObject(const Principal& principal, const Bucket& bucket, const Object& object);

// A bucket's policy document: INVALID_ARGUMENT for an unknown role, a condition, something that is
// no member, or too much of anything; FAILED_PRECONDITION when it would open a bucket whose public
// access is prevented.
Status ValidateBucketPolicy(const Bucket& bucket, const google::protobuf::Struct& policy);

}  // namespace hodei::access
