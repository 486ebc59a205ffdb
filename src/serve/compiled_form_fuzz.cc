// What a node gave as its model's compiled form, read by the next one.
#include <cstdint>
#include <string_view>

#include "serve/python_loader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)hodei::serve::LoadCompiled({reinterpret_cast<const char*>(data), size}).ok();
  return 0;
}
