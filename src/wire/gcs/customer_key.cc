#include "wire/gcs/customer_key.h"

#include <string>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/secret.h"

namespace hodei::wire::gcs {
namespace {

constexpr size_t kKeyBytes = 32;

Status BadKey() {
  return InvalidArgument(
             "Missing an encryption algorithm, or the provided encryption key or its hash is not "
             "valid.")
      .WithReason("customerEncryptionKeyFormatIsInvalid");
}

// The key's hash as clients spell it; empty when the request brings no key.
Result<std::string> KeyHash(const net::Headers& headers, std::string_view prefix) {
  const std::string name(prefix);
  const std::string_view algorithm = headers.Get(name + "algorithm");
  const std::string_view key = headers.Get(name + "key");
  const std::string_view hash = headers.Get(name + "key-sha256");
  if (algorithm.empty() && key.empty() && hash.empty()) return std::string();
  const Result<std::string> raw = Base64Decode(key);
  if (algorithm != "AES256" || !raw.ok() || raw->size() != kKeyBytes) return BadKey();
  std::string expected = Base64Encode(Sha256(*raw));
  if (hash != expected) return BadKey();
  return expected;
}

}  // namespace

Status TakeCustomerKey(const net::Headers& headers, Object* object) {
  object->clear_customer_encryption();
  ASSIGN_OR_RETURN(const std::string hash, KeyHash(headers, kCustomerKey));
  if (hash.empty()) return OkStatus();
  object->mutable_customer_encryption()->set_encryption_algorithm("AES256");
  object->mutable_customer_encryption()->set_key_sha256(hash);
  return OkStatus();
}

Status CheckCustomerKey(const net::Headers& headers, std::string_view prefix,
                        const Object& object) {
  ASSIGN_OR_RETURN(const std::string hash, KeyHash(headers, prefix));
  if (!object.has_customer_encryption()) {
    if (hash.empty()) return OkStatus();
    return InvalidArgument("The target object is not encrypted by a customer-supplied key.")
        .WithReason("resourceNotEncryptedWithCustomerEncryptionKey");
  }
  if (hash.empty()) {
    return InvalidArgument("The target object is encrypted by a customer-supplied encryption key.")
        .WithReason("resourceIsEncryptedWithCustomerEncryptionKey");
  }
  if (!ConstantTimeEqual(hash, object.customer_encryption().key_sha256())) {
    return InvalidArgument("The provided encryption key is incorrect.")
        .WithReason("customerEncryptionKeyIsIncorrect");
  }
  return OkStatus();
}

}  // namespace hodei::wire::gcs
