#include "wire/xml/xml_document.h"

#include <algorithm>

#include "base/encoding.h"

namespace hodei::wire {
namespace {

constexpr size_t kAttributeLimit = 16;  // of one element

Status Malformed() {
  return InvalidArgument(
             "The XML you provided was not well-formed or did not validate against our published "
             "schema.")
      .WithReason("malformedXml");
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':';
}

// Code point as UTF-8; false for one that XML does not allow.
bool AppendCodePoint(uint32_t point, std::string* out) {
  const bool allowed = point == '\t' || point == '\n' || point == '\r' ||
                       (point >= 0x20 && point <= 0xD7FF) || (point >= 0xE000 && point <= 0xFFFD) ||
                       (point >= 0x10000 && point <= 0x10FFFF);
  if (!allowed) return false;
  if (point < 0x80) {
    out->push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | point >> 6));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else if (point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | point >> 12));
    out->push_back(static_cast<char>(0x80 | (point >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | point >> 18));
    out->push_back(static_cast<char>(0x80 | (point >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (point & 0x3F)));
  }
  return true;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<XmlElement> Parse() {
    if (!SkipBetween(/*declaration_allowed=*/true)) return Malformed();
    XmlElement root;
    RETURN_IF_ERROR(ParseElement(&root, 1));
    if (!SkipBetween(false) || !rest_.empty()) return Malformed();
    return root;
  }

 private:
  bool Take(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }

  // Up to and with `end`; false when it never comes.
  bool SkipPast(std::string_view end) {
    const size_t at = rest_.find(end);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + end.size());
    return true;
  }

  void SkipSpace() {
    while (!rest_.empty() && IsSpace(rest_.front())) rest_.remove_prefix(1);
  }

  // White space, comments and the declaration, outside the root.
  bool SkipBetween(bool declaration_allowed) {
    if (declaration_allowed) {
      Take("\xEF\xBB\xBF");
      SkipSpace();
      if (Take("<?xml") && !SkipPast("?>")) return false;
    }
    while (true) {
      SkipSpace();
      if (!Take("<!--")) return true;
      if (!SkipPast("-->")) return false;
    }
  }

  std::string_view TakeName() {
    size_t size = 0;
    while (size < rest_.size() && size < 200 && IsNameChar(rest_[size])) ++size;
    const std::string_view name = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return name;
  }

  bool TakeAttributes(XmlElement* element) {
    while (true) {
      SkipSpace();
      if (rest_.empty() || rest_.front() == '>' || rest_.front() == '/') return true;
      const std::string_view name = TakeName();
      if (name.empty() || element->attributes.size() >= kAttributeLimit) return false;
      SkipSpace();
      if (!Take("=")) return false;
      SkipSpace();
      if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\'')) return false;
      const char quote = rest_.front();
      rest_.remove_prefix(1);
      const size_t end = rest_.find(quote);
      if (end == std::string_view::npos ||
          rest_.substr(0, end).find('<') != std::string_view::npos) {
        return false;
      }
      element->attributes.emplace_back(name.substr(name.rfind(':') + 1), rest_.substr(0, end));
      rest_.remove_prefix(end + 1);
    }
  }

  // After '&'.
  bool TakeReference(std::string* out) {
    const size_t end = rest_.substr(0, 12).find(';');
    if (end == std::string_view::npos) return false;
    const std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    if (name == "amp") return out->append("&"), true;
    if (name == "lt") return out->append("<"), true;
    if (name == "gt") return out->append(">"), true;
    if (name == "quot") return out->append("\""), true;
    if (name == "apos") return out->append("'"), true;
    if (name.size() < 2 || name[0] != '#') return false;
    const bool hex = name[1] == 'x';
    const std::string_view digits = name.substr(hex ? 2 : 1);
    if (digits.empty()) return false;
    uint32_t point = 0;
    for (const char c : digits) {
      const bool decimal = c >= '0' && c <= '9';
      const char lower = static_cast<char>(c | 0x20);
      if (!decimal && !(hex && lower >= 'a' && lower <= 'f')) return false;
      point = point * (hex ? 16 : 10) + static_cast<uint32_t>(decimal ? c - '0' : lower - 'a' + 10);
      if (point > 0x10FFFF) return false;
    }
    return AppendCodePoint(point, out);
  }

  Status ParseElement(XmlElement* element, int depth) {
    if (depth > kXmlDepthLimit || ++elements_ > kXmlElementLimit || !Take("<")) return Malformed();
    const std::string_view name = TakeName();
    if (name.empty() || !TakeAttributes(element)) return Malformed();
    element->name = std::string(name.substr(name.rfind(':') + 1));
    if (Take("/>")) return OkStatus();
    if (!Take(">")) return Malformed();
    RETURN_IF_ERROR(ParseContent(element, depth));
    if (TakeName() != name) return Malformed();
    SkipSpace();
    return Take(">") ? OkStatus() : Malformed();
  }

  // Up to and with "</".
  Status ParseContent(XmlElement* element, int depth) {
    while (!rest_.empty()) {
      if (Take("</")) return OkStatus();
      if (Take("<!--")) {
        if (!SkipPast("-->")) return Malformed();
      } else if (Take("<![CDATA[")) {
        const size_t end = rest_.find("]]>");
        if (end == std::string_view::npos) return Malformed();
        element->text.append(rest_.substr(0, end));
        rest_.remove_prefix(end + 3);
      } else if (rest_.front() == '<') {
        element->children.emplace_back();
        RETURN_IF_ERROR(ParseElement(&element->children.back(), depth + 1));
      } else if (Take("&")) {
        if (!TakeReference(&element->text)) return Malformed();
      } else {
        const size_t end = std::min(rest_.find_first_of("<&"), rest_.size());
        element->text.append(rest_.substr(0, end));
        rest_.remove_prefix(end);
      }
    }
    return Malformed();
  }

  std::string_view rest_;
  size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::Child(std::string_view child_name) const {
  const auto it = std::find_if(children.begin(), children.end(),
                               [&](const XmlElement& child) { return child.name == child_name; });
  return it == children.end() ? nullptr : &*it;
}

std::string XmlElement::ChildText(std::string_view child_name) const {
  const XmlElement* child = Child(child_name);
  if (child == nullptr) return {};
  std::string_view trimmed = child->text;
  while (!trimmed.empty() && IsSpace(trimmed.front())) trimmed.remove_prefix(1);
  while (!trimmed.empty() && IsSpace(trimmed.back())) trimmed.remove_suffix(1);
  return std::string(trimmed);
}

std::vector<const XmlElement*> XmlElement::Children(std::string_view child_name) const {
  std::vector<const XmlElement*> found;
  for (const XmlElement& child : children) {
    if (child.name == child_name) found.push_back(&child);
  }
  return found;
}

std::string_view XmlElement::Attribute(std::string_view attribute_name) const {
  for (const auto& [key, value] : attributes) {
    if (key == attribute_name) return value;
  }
  return {};
}

Result<XmlElement> ParseXml(std::string_view text) {
  if (!IsValidUtf8(text) || text.find('\0') != std::string_view::npos) return Malformed();
  return Parser(text).Parse();
}

}  // namespace hodei::wire
