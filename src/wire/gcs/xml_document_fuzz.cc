// XML documents, and the settings and access lists read from them. What a document says must come
// out again: a setting that was read prints, and what was printed parses.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "wire/gcs/xml_bucket_settings.h"
#include "wire/xml/xml_document.h"

namespace {

int Depth(const hodei::wire::XmlElement& element) {
  int deepest = 0;
  for (const auto& child : element.children) deepest = std::max(deepest, Depth(child));
  return deepest + 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::wire::gcs;  // NOLINT
  using hodei::wire::ParseXml;
  using hodei::wire::XmlElement;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const hodei::Result<XmlElement> root = ParseXml(text);
  if (!root.ok()) return 0;
  if (Depth(*root) > hodei::wire::kXmlDepthLimit) std::abort();
  for (const std::string_view setting :
       {"cors", "lifecycle", "versioning", "websiteConfig", "logging", "tagging", "acl"}) {
    const hodei::Result<Json> patch = ReadXmlSetting(setting, text);
    if (!patch.ok()) continue;
    Bucket bucket;
    if (!ReadBucket(*patch, /*merge=*/true, &bucket).ok()) continue;
    const hodei::Result<std::string> printed = PrintXmlSetting(setting, bucket);
    if (!printed.ok() || !ParseXml(*printed).ok()) std::abort();
  }
  return 0;
}
