#include "store/s3/s3_answer.h"

#include <charconv>

#include "wire/xml/xml_document.h"

namespace hodei::store {
namespace {

constexpr size_t kShownBytes = 200;

Status NotS3(std::string_view what) {
  return InvalidArgument("the answer is not an S3 " + std::string(what));
}

Result<wire::XmlElement> Root(std::string_view xml, std::string_view name, std::string_view what) {
  Result<wire::XmlElement> root = wire::ParseXml(xml);
  if (!root.ok() || root->name != name) return NotS3(what);
  return root;
}

std::string Printable(std::string text) {
  if (text.size() > kShownBytes) text.resize(kShownBytes);
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

}  // namespace

Result<S3Page> ReadS3Listing(std::string_view xml) {
  ASSIGN_OR_RETURN(const wire::XmlElement root, Root(xml, "ListBucketResult", "listing"));
  S3Page page;
  for (const wire::XmlElement* element : root.Children("Contents")) {
    S3Entry entry;
    entry.key = element->ChildText("Key");
    const std::string size = element->ChildText("Size");
    const char* end = size.data() + size.size();
    const auto [parsed, error] = std::from_chars(size.data(), end, entry.size_bytes);
    if (entry.key.empty() || size.empty() || error != std::errc() || parsed != end) {
      return NotS3("listing");
    }
    page.entries.push_back(std::move(entry));
  }
  if (root.ChildText("IsTruncated") != "true") return page;
  page.next_token = root.ChildText("NextContinuationToken");
  if (page.next_token.empty()) return NotS3("listing");
  return page;
}

Result<std::vector<S3Upload>> ReadS3Uploads(std::string_view xml) {
  ASSIGN_OR_RETURN(const wire::XmlElement root,
                   Root(xml, "ListMultipartUploadsResult", "list of uploads"));
  std::vector<S3Upload> uploads;
  for (const wire::XmlElement* element : root.Children("Upload")) {
    S3Upload upload{element->ChildText("Key"), element->ChildText("UploadId")};
    if (upload.key.empty() || upload.id.empty()) return NotS3("list of uploads");
    uploads.push_back(std::move(upload));
  }
  return uploads;
}

// rclone's server leaves the end of the root's name out.
Result<std::string> ReadS3UploadId(std::string_view xml) {
  Result<wire::XmlElement> whole = Root(xml, "InitiateMultipartUploadResult", "upload");
  if (!whole.ok()) whole = Root(xml, "InitiateMultipartUpload", "upload");
  ASSIGN_OR_RETURN(const wire::XmlElement root, std::move(whole));
  std::string id = root.ChildText("UploadId");
  if (id.empty()) return NotS3("upload");
  return id;
}

S3Error ReadS3Error(std::string_view xml) {
  const Result<wire::XmlElement> root = wire::ParseXml(xml);
  if (!root.ok() || root->name != "Error") return {};
  return {Printable(root->ChildText("Code")), Printable(root->ChildText("Message"))};
}

}  // namespace hodei::store
