// The resumable upload protocol: start a session, send and query its bytes, finish, cancel.
// Source: https://cloud.google.com/storage/docs/performing-resumable-uploads.
#pragma once

#include <memory>

#include "wire/gcs/gcs_api.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

std::unique_ptr<net::RequestHandler> StartSession(const GcsApi& api,
                                                  std::shared_ptr<Request> request);
// A request to the session URL.
std::unique_ptr<net::RequestHandler> ContinueSession(const GcsApi& api,
                                                     std::shared_ptr<Request> request,
                                                     const net::RequestHead& head);

}  // namespace hodei::wire::gcs
