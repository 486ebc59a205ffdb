// Who makes a request: a signature, a token, a job's socket, or nobody in particular.
#pragma once

#include "domain/access/authenticator.h"
#include "net/http_message.h"
#include "wire/gcs/request.h"
#include "wire/gcs/signature.h"

namespace hodei::wire::gcs {

struct CallerSource {
  const access::Authenticator* authenticator = nullptr;
  const access::SignatureKeys* keys = nullptr;  // null: signatures are refused
  WallTime now;
};

// Fills request->principal and by_signed_url. A request that offers no credential at all is made by
// an anonymous principal; one whose credential is bad is refused, never taken for anonymous.
// Returns the SHA-256 (hex) that the signer promised of the body, or empty.
Result<std::string> IdentifyCaller(const net::RequestHead& head, const CallerSource& source,
                                   Request* request);

// S3 clients say x-amz-… where Google's say x-goog-…: gives each such header its twin. To be called
// when the signature, which is over the headers as sent, has been checked.
void AdoptAmazonHeaders(Request* request);

}  // namespace hodei::wire::gcs
