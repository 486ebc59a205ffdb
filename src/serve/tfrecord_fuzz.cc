// Chunks of TFRecords: accepted records lie within the chunk and account for all of its bytes.
#include <cstdint>
#include <cstdlib>

#include "serve/records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view chunk(reinterpret_cast<const char*>(data), size);
  for (std::string_view line : hodei::serve::SplitLines(chunk)) {
    if (line.empty() || line.find('\n') != std::string_view::npos) std::abort();
  }
  const auto records = hodei::serve::SplitTfRecords(chunk);
  if (!records.ok()) return 0;
  size_t total = 0;
  for (std::string_view record : *records) {
    if (record.data() < chunk.data() || record.data() + record.size() > chunk.data() + size) {
      std::abort();
    }
    total += record.size() + 16;
  }
  if (total != size) std::abort();
  return 0;
}
