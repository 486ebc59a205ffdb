// Filters of list methods never crash, and what parses can be asked.
#include <cstddef>
#include <cstdint>

#include "domain/models/list_filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto filter = hodei::models::ListFilter::Parse(text, {"name", "state", "labels"});
  if (!filter.ok()) return 0;
  (void)filter->Matches([](std::string_view field) -> std::optional<std::string> {
    if (field == "name") return "census";
    return std::nullopt;
  });
  return 0;
}
