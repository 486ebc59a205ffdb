// Uploads from HTML forms: POST /BUCKET with multipart/form-data. A signed policy document among
// the fields is the credential, or else the request's own.
// Source: https://cloud.google.com/storage/docs/xml-api/post-object-forms.
#pragma once

#include <memory>

#include "wire/gcs/gcs_api.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

inline constexpr size_t kFormFieldsLimitBytes = 64 * 1024;  // all fields but the file
inline constexpr size_t kFormFieldLimit = 200;

bool IsFormUpload(const Request& request);
std::unique_ptr<net::RequestHandler> StartFormUpload(const GcsApi& api,
                                                     std::shared_ptr<Request> request);

}  // namespace hodei::wire::gcs
