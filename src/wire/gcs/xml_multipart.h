// Multipart uploads of the XML API: start, list, complete and abort. Parts are uploads (upload.cc).
// Source: https://cloud.google.com/storage/docs/multipart-uploads.
#pragma once

#include <string_view>

#include "wire/gcs/gcs_api.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

// POST /BUCKET/OBJECT?uploads
Result<net::HttpResponse> StartXmlMultipart(const GcsApi& api, const Request& request);
// POST /BUCKET/OBJECT?uploadId=…
Result<net::HttpResponse> CompleteXmlMultipart(const GcsApi& api, const Request& request,
                                               std::string_view body);
// DELETE /BUCKET/OBJECT?uploadId=…
Result<net::HttpResponse> AbortXmlMultipart(const GcsApi& api, const Request& request);
// GET /BUCKET/OBJECT?uploadId=…
Result<net::HttpResponse> ListXmlParts(const GcsApi& api, const Request& request);
// GET /BUCKET?uploads
Result<net::HttpResponse> ListXmlMultiparts(const GcsApi& api, const Request& request);

store::MultipartKey MultipartKeyOf(const Request& request);
// The partNumber parameter: INVALID_ARGUMENT unless it is 1..kMultipartPartLimit.
Result<int> PartNumberOf(const Request& request);

}  // namespace hodei::wire::gcs
