#include "wire/gcs/xml_text.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "wire/gcs/gcs_error.h"

namespace hodei::wire::gcs {

net::HttpResponse XmlResponse(std::string body) {
  net::HttpResponse response;
  response.headers.Add("Content-Type", "application/xml; charset=UTF-8");
  response.headers.Add("Cache-Control", "private, max-age=0");
  Harden(&response);
  response.body = std::move(body);
  return response;
}

void AppendElement(std::string_view name, std::string_view text, std::string* out) {
  out->append("<").append(name).append(">");
  out->append(EscapeXml(text));
  out->append("</").append(name).append(">");
}

std::string XmlEtag(const Object& object) {
  if (object.md5_hash().empty()) return fmt::format("\"{}\"", ObjectEtag(object));
  return fmt::format("\"{}\"", HexEncode(object.md5_hash()));
}

Status MethodNotAllowed() {
  return InvalidArgument("The specified method is not allowed against this resource.")
      .WithReason("methodNotAllowed");
}

}  // namespace hodei::wire::gcs
