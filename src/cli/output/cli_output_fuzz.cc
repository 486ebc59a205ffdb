// Everything that prints what others wrote: formats, YAML, and the filter of terminal controls,
// whose promise is checked.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/output/console.h"
#include "cli/output/format_spec.h"
#include "cli/output/printer.h"
#include "cli/output/yaml_printer.h"

namespace {

using hodei::cli::Json;

void CheckClean(std::string_view text) {
  std::string clean = hodei::cli::StripControls(text);
  for (unsigned char c : clean) {
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) abort();
  }
  if (hodei::cli::StripControls(clean) != clean) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  CheckClean(text);
  (void)hodei::cli::DisplayWidth(text);
  if (auto format = hodei::cli::ParseFormat(text); format.ok()) {
    static const Json item = {{"a", {{"b", {1, "two", nullptr}}}},
                              {"time", "2024-05-01T10:00:00Z"}};
    (void)hodei::cli::Render(*format, {item}, false);
  }
  if (auto json = hodei::cli::ParseJsonText(text); json.ok()) {
    (void)hodei::cli::YamlText(*json);
    (void)hodei::cli::JsonText(*json, 2);
  }
  return 0;
}
