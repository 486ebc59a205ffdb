// Under which kinds the store keeps what access owns; messages in proto/hodei/access/records.proto.
#pragma once

namespace hodei::access {

inline constexpr char kProjectKind[] = "project";  // name: id; resourcemanager Project
inline constexpr char kProjectNumberKind[] = "project_number";
inline constexpr char kPolicyKind[] = "policy";  // name: resource; google.iam.v1.Policy
inline constexpr char kAccountKind[] = "account";
inline constexpr char kAccountKeyKind[] = "account_key";
inline constexpr char kAccessTokenKind[] = "access_token";
inline constexpr char kUsedAssertionKind[] = "used_assertion";
inline constexpr char kExpiryKind[] = "access_expiry";
inline constexpr char kSigningKeyKind[] = "signing_key";
inline constexpr char kHmacKeyKind[] = "hmac_key";                 // name: access id
inline constexpr char kProjectHmacKeyKind[] = "project_hmac_key";  // "PROJECT/ACCESS_ID", no value
inline constexpr char kBootstrapKind[] = "bootstrap";

}  // namespace hodei::access
