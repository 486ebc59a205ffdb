// Small XML documents of requests: elements and text, nothing else. No DOCTYPE, so no entities but
// the five that XML itself has and character references; nothing outside the document is ever
// looked at. Namespaces are read over.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hodei::wire {

struct XmlElement {
  std::string name;  // without a namespace prefix
  std::string text;  // its own character data, joined
  std::vector<XmlElement> children;
  std::vector<std::pair<std::string, std::string>> attributes;  // as written, without a prefix

  // The first child of that name, or null.
  const XmlElement* Child(std::string_view child_name) const;
  // The trimmed text of the first child of that name, or empty.
  std::string ChildText(std::string_view child_name) const;
  std::vector<const XmlElement*> Children(std::string_view child_name) const;
  // Empty when there is none.
  std::string_view Attribute(std::string_view attribute_name) const;
};

inline constexpr int kXmlDepthLimit = 16;
inline constexpr size_t kXmlElementLimit = 50'000;  // a list of 10,000 parts fits

// The root element. INVALID_ARGUMENT "malformedXml" for everything that is not well-formed, is
// deeper or larger than the limits, or has a DOCTYPE.
Result<XmlElement> ParseXml(std::string_view text);

}  // namespace hodei::wire
