// What a signer and this server both write down about a request before it is signed: version 4's
// canonical request and version 2's string. Plain text functions.
// Sources: https://cloud.google.com/storage/docs/authentication/canonical-requests,
// /access-control/signed-urls-v2.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

// The values of one header, joined with ',', trimmed, with inner white space collapsed; absent when
// the request has none. "host" is the Host as received.
std::optional<std::string> CanonicalHeader(const Request& request, std::string_view lower_name);

// Version 4. Every name of `signed_headers` must be present: PERMISSION_DENIED otherwise.
Result<std::string> CanonicalRequest(const Request& request,
                                     std::span<const std::string> signed_headers,
                                     std::string_view signature_name,
                                     std::string_view payload_hash);

// Version 2: every x-goog-* header (x-amz-* for `prefix` "x-amz-") as "name:value\n", sorted.
std::string ExtensionHeaders(const Request& request, std::string_view prefix);
// Version 2: "/BUCKET/OBJECT" as sent.
std::string SignedResource(const Request& request);

}  // namespace hodei::wire::gcs
