#include "wire/xml/xml_document.h"

#include <gmock/gmock.h>

namespace hodei::wire {
namespace {

TEST(XmlDocument, ReadsElementsTextAndAttributes) {
  const Result<XmlElement> root = ParseXml(
      "\xEF\xBB\xBF<?xml version='1.0' encoding='UTF-8'?>\n<!-- x --><a:Root xmlns:a='urn:x'>\n"
      " <One kind=\"k\">1 &lt; 2 &amp;&#x41;&#66;<![CDATA[<&>]]></One><Two/><One>second</One>\n"
      "</a:Root>\n");
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->name, "Root");
  EXPECT_EQ(root->ChildText("One"), "1 < 2 &AB<&>");
  EXPECT_EQ(root->Child("One")->Attribute("kind"), "k");
  EXPECT_EQ(root->Children("One").size(), 2u);
  EXPECT_EQ(root->ChildText("Two"), "");
  EXPECT_EQ(root->Child("Three"), nullptr);
}

TEST(XmlDocument, RefusesWhatIsNotWellFormedAndEveryDoctype) {
  for (const char* text : {"",
                           "text",
                           "<a>",
                           "<a></b>",
                           "<a><b></a></b>",
                           "<a/><b/>",
                           "<a b></a>",
                           "<a b=c/>",
                           "<a b='<'/>",
                           "<a>&unknown;</a>",
                           "<a>&#0;</a>",
                           "<a>&#x110000;</a>",
                           "<a>&#xD800;</a>",
                           "<a>&amp</a>",
                           "<!DOCTYPE a><a/>",
                           "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
                           "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
                           "<a><!-- never closed</a>",
                           "<a><![CDATA[</a>",
                           "<a>\xFF</a>",
                           "<?xml version='1.0'",
                           "<a>&#x;</a>",
                           "<a>&#xg;</a>"}) {
    EXPECT_EQ(ParseXml(text).status().reason(), "malformedXml") << text;
  }
}

TEST(XmlDocument, DepthAndSizeAreBounded) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "<a>";
    for (int i = 0; i < depth; ++i) text += "</a>";
    return text;
  };
  EXPECT_TRUE(ParseXml(nested(kXmlDepthLimit)).ok());
  EXPECT_FALSE(ParseXml(nested(kXmlDepthLimit + 1)).ok());
  EXPECT_FALSE(ParseXml(nested(1'000'000)).ok());
  const auto wide = [](size_t elements) {
    std::string text = "<a>";
    for (size_t i = 1; i < elements; ++i) text += "<b/>";
    return text + "</a>";
  };
  EXPECT_TRUE(ParseXml(wide(kXmlElementLimit)).ok());
  EXPECT_FALSE(ParseXml(wide(kXmlElementLimit + 1)).ok());
}

}  // namespace
}  // namespace hodei::wire
