// The report of the inspector is written by a process that has parsed hostile bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/encoding.h"
#include "domain/environments/environment_plan.h"

using namespace hodei::environments;  // NOLINT: a fuzzer is one function

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const RuntimeDefinition runtime{
      .name = "r",
      .pythons = {"3.11"},
      .layers = {{.name = "science"}, {.name = "tensorflow", .after = {"science"}}}};
  auto parsed = ParseInspection({reinterpret_cast<const char*>(data), size}, runtime);
  if (!parsed.ok()) return 0;
  if (!hodei::IsValidUtf8(parsed->error) || parsed->needed.size() > 2) __builtin_trap();
  if (PlanEnvironment(runtime, {"3.11", "/p", "i"}, parsed->needed, {}).size() > 4) {
    __builtin_trap();
  }
  return 0;
}
