// Whatever the input: what comes out is what went in, in whole records. The first byte chooses
// format and step.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "domain/prediction/record_cutter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using hodei::prediction::RecordCutter;
  using hodei::prediction::RecordFormat;
  if (size < 1) return 0;
  const auto format = (data[0] & 1) != 0 ? RecordFormat::kTfRecord : RecordFormat::kLines;
  const size_t step = (data[0] >> 1) + 1;
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string out;
  RecordCutter cutter(format, [&](std::string_view chunk) {
    out.append(chunk);
    return hodei::OkStatus();
  });
  bool good = true;
  for (std::string_view rest = input; good && !rest.empty();) {
    good = cutter.Feed(rest.substr(0, step)).ok();
    rest.remove_prefix(std::min(step, rest.size()));
  }
  if (good && cutter.EndFile().ok() && out.substr(0, input.size()) != input) std::abort();
  return 0;
}
