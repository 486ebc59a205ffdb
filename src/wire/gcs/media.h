// An object's bytes as an HTTP response: ranges, conditional headers, transcoding, and the headers
// by which clients check what they got.
#pragma once

#include "base/status.h"
#include "net/http_message.h"
#include "store/object/object_store.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

// As much of what lies elsewhere is brought before any of it is sent; of more, each piece when its
// turn comes.
inline constexpr uint64_t kFilledBefore = 8 << 20;

// The response to GET or HEAD of `object` (request.method says which).
Result<net::HttpResponse> MediaResponse(const Request& request, const Object& object,
                                        store::OpenedBytes bytes);

}  // namespace hodei::wire::gcs
