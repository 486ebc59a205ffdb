// What an S3 server answers, read from its XML. Text functions; the text is a stranger's.
// Source:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::store {

struct S3Entry {
  std::string key;
  uint64_t size_bytes = 0;
};

struct S3Page {
  std::vector<S3Entry> entries;
  std::string next_token;  // empty on the last page
};

// A multipart upload that somebody began and did not end.
struct S3Upload {
  std::string key;
  std::string id;
};

struct S3Error {
  std::string code;  // "NoSuchKey"; empty when the body is no S3 error
  std::string message;
};

// INVALID_ARGUMENT for what is not the document asked for: a page that says there is more and not
// where, a size that is no number, an entry without a key.
Result<S3Page> ReadS3Listing(std::string_view xml);
Result<std::vector<S3Upload>> ReadS3Uploads(std::string_view xml);
Result<std::string> ReadS3UploadId(std::string_view xml);
// Never fails: an error is worth showing however broken it is. Both texts are cut and printable.
S3Error ReadS3Error(std::string_view xml);

}  // namespace hodei::store
