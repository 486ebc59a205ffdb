// Writing the XML API's answers.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"
#include "wire/gcs/object_resource.h"

namespace hodei::wire::gcs {

inline constexpr std::string_view kXmlProlog = "<?xml version='1.0' encoding='UTF-8'?>";
inline constexpr std::string_view kXmlNamespace = "http://doc.s3.amazonaws.com/2006-03-01";

// 200 application/xml.
net::HttpResponse XmlResponse(std::string body);
// "<name>text</name>", the text escaped.
void AppendElement(std::string_view name, std::string_view text, std::string* out);
// The quoted hex MD5, or the object's etag where there is no MD5.
std::string XmlEtag(const Object& object);
Status MethodNotAllowed();

}  // namespace hodei::wire::gcs
