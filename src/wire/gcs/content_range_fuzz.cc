// Range headers from strangers: whatever is accepted makes sense.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "wire/gcs/content_range.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::wire::gcs;
  uint64_t object_size = 0;
  if (size < sizeof object_size) return 0;
  std::memcpy(&object_size, data, sizeof object_size);
  const std::string_view header(reinterpret_cast<const char*>(data) + sizeof object_size,
                                size - sizeof object_size);
  const auto upload = ParseUploadRange(header);
  if (upload.ok() && upload->kind == UploadRange::Kind::kChunk) {
    if (upload->first > upload->last) std::abort();
    if (upload->total && upload->last >= *upload->total) std::abort();
  }
  const DownloadRange download = ParseDownloadRange(header, object_size);
  if (download.kind == DownloadRange::Kind::kPart) {
    if (download.length == 0 || download.first >= object_size) std::abort();
    if (download.length > object_size - download.first) std::abort();
  }
  return 0;
}
