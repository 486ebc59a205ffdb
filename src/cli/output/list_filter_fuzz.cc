// The --filter parser on any text.
#include <nlohmann/json.hpp>

#include "cli/output/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  // Regular expressions are the standard library's, and its matcher recurses; they are the user's
  // own.
  if (text.find('~') != text.npos) return 0;
  auto filter = hodei::cli::Filter::Parse(text);
  if (!filter.ok()) return 0;
  static const hodei::cli::Json item = {{"a", {{"b", {1, "two", nullptr}}}}, {"state", "FAILED"}};
  (void)filter->Matches(item);
  return 0;
}
