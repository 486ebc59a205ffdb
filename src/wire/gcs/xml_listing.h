// A bucket's objects as the XML API lists them: versions 1 and 2, and all generations.
// Source: https://cloud.google.com/storage/docs/xml-api/get-bucket-list.
#pragma once

#include <string>

#include "base/status.h"
#include "store/object/object_store.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

Result<store::ListObjectsOptions> ReadXmlListing(const Query& query);
std::string PrintXmlListing(const Request& request, const store::ListObjectsOptions& options,
                            const store::ListObjectsPage& page);

}  // namespace hodei::wire::gcs
