// Any line of program output becomes an entry without a crash.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "store/log/entry_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(bytes), size);
  (void)hodei::store::ReadEntryText(hodei::LogStream::kStdout, line);
  hodei::ParseLogFrame(line);
  return 0;
}
