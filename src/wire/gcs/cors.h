// Cross-origin requests of browsers: answered as the bucket's `cors` setting says, for both APIs.
// Source: https://cloud.google.com/storage/docs/cross-origin.
#pragma once

#include <memory>
#include <string_view>

#include "net/http_server.h"
#include "store/object/object_store.h"
#include "wire/gcs/bucket_resource.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

inline constexpr size_t kCorsRuleLimit = 100;  // of one bucket

// INVALID_ARGUMENT unless it is a list of rules of the API's form, or null.
Status ValidateCors(const Json& cors);

// OPTIONS with an Origin. It comes without a credential, by the browsers' rule: what no rule allows
// is refused as any other request without one is, whether the bucket is there or not.
net::HttpResponse AnswerPreflight(const Request& request, store::ObjectStore* store);

// Lets a page of an allowed origin read the response. For requests with an Origin.
std::unique_ptr<net::RequestHandler> AddCorsHeaders(std::unique_ptr<net::RequestHandler> handler,
                                                    std::shared_ptr<const Request> request,
                                                    store::ObjectStore* store);

}  // namespace hodei::wire::gcs
