// A bucket's settings in the XML API: what "GET /BUCKET?cors" prints and "PUT /BUCKET?cors" takes.
// Source: https://cloud.google.com/storage/docs/xml-api/put-bucket-cors and its neighbours.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "wire/gcs/bucket_resource.h"

namespace hodei::wire::gcs {

// The name of the setting that the query asks for, or empty: then the bucket itself is meant.
std::string_view XmlSettingOf(const Query& query);

// UNIMPLEMENTED for a setting that has no XML form here.
Result<std::string> PrintXmlSetting(std::string_view setting, const Bucket& bucket);

// The change that a PUT's document asks for, as the JSON API's PATCH would spell it.
Result<Json> ReadXmlSetting(std::string_view setting, std::string_view document);

// An access list, of a bucket or an object, from and to XML.
std::string PrintXmlAcl(const Json& list);
Result<Json> ReadXmlAcl(std::string_view document, std::string_view kind);

}  // namespace hodei::wire::gcs
