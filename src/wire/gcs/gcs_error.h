// Errors as Cloud Storage answers them, in JSON or XML.
// Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes and
// /xml-api/reference-status.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"

namespace hodei::wire::gcs {

// The HTTP status for `status`: its reason decides where it says more than the code.
int HttpStatusOf(const Status& status);
// {"error":{"code":…,"message":…,"errors":[{…,"reason":…}]}}. A 304 has no body.
net::HttpResponse JsonError(const Status& status);
// <Error><Code>…</Code>…. `what` chooses between NoSuchBucket and NoSuchKey.
net::HttpResponse XmlError(const Status& status, bool about_object);

// XML text and attribute escaping; control characters that XML cannot hold become '?'.
std::string EscapeXml(std::string_view text);
// Adds nosniff and Cache-Control: no-store where they are not set.
void Harden(net::HttpResponse* response);

}  // namespace hodei::wire::gcs
