// Keys that customers bring themselves: whoever stored an object with one must show it to get the
// bytes again. Only the key's hash is kept. The bytes lie on disk as they came: the key guards the
// API's door, it does not encrypt.
// Source: https://cloud.google.com/storage/docs/encryption/customer-supplied-keys.
#pragma once

#include <string_view>

#include "base/status.h"
#include "net/http_message.h"
#include "wire/gcs/object_resource.h"

namespace hodei::wire::gcs {

inline constexpr std::string_view kCustomerKey = "x-goog-encryption-";
inline constexpr std::string_view kSourceCustomerKey = "x-goog-copy-source-encryption-";

// Marks a new object as stored with the key of the request, if it brings one. INVALID_ARGUMENT for
// headers that are no AES256 key with its hash.
Status TakeCustomerKey(const net::Headers& headers, Object* object);

// INVALID_ARGUMENT unless the request brings exactly the key that the object was stored with.
// `prefix` is one of the above.
Status CheckCustomerKey(const net::Headers& headers, std::string_view prefix, const Object& object);

}  // namespace hodei::wire::gcs
