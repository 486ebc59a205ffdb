// Answers of a hostile serving program never crash, and never tell of more bytes than there are.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "domain/prediction/batch_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto answer = hodei::prediction::ParseBatchAnswer(body);
  if (!answer.ok()) return 0;
  size_t bytes = 0;
  for (const std::string_view lines : answer->results) bytes += lines.size();
  for (const auto& error : answer->errors) {
    bytes += error.text.size();
    (void)hodei::prediction::ErrorLine(error.text, error.count);
  }
  if (bytes > size) std::abort();
  return 0;
}
