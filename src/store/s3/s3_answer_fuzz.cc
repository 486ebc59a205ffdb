// What an S3 server answers: no text makes a page that cannot be continued, or an error that cannot
// be printed.
#include <cstdlib>

#include "store/s3/s3_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::store;  // NOLINT
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto page = ReadS3Listing(text); page.ok()) {
    for (const S3Entry& entry : page->entries) {
      if (entry.key.empty()) std::abort();
    }
  }
  if (const auto uploads = ReadS3Uploads(text); uploads.ok()) {
    for (const S3Upload& upload : *uploads) {
      if (upload.key.empty() || upload.id.empty()) std::abort();
    }
  }
  if (const auto id = ReadS3UploadId(text); id.ok() && id->empty()) std::abort();
  const S3Error error = ReadS3Error(text);
  for (const char c : error.code + error.message) {
    if (c < 0x20 || c > 0x7e) std::abort();
  }
  return 0;
}
