// The records that a restarted server reads: any bytes are either refused or survive a round trip.
#include <cstdlib>
#include <string_view>

#include "exec/record/record.h"
#include "exec/record/replica_records.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::exec;  // NOLINT: one function
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto state = ParseState(bytes); state.ok()) {
    const auto again = ParseState(SerializeState(*state));
    if (!again.ok() || !(*again == *state)) std::abort();
  }
  if (const auto exit = ParseExit(bytes); exit.ok()) {
    if (!ParseExit(SerializeExit(*exit)).ok()) std::abort();
  }
  if (const auto plan = ParseLaunchPlan(bytes); plan.ok()) {
    const std::string text = SerializeLaunchPlan(*plan);
    const auto again = ParseLaunchPlan(text);
    if (!again.ok() || SerializeLaunchPlan(*again) != text) std::abort();
  }
  // The checksum keeps mutations out of the fields: put the right one under the same body.
  Record record("state");
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    static constexpr std::string_view kKeys[] = {"pid",   "start_ticks", "boot_id",
                                                 "phase", "program_pid", "started_nanos"};
    for (std::string_view key : kKeys) {
      if (line.substr(0, equals) == key) record.Add(key, line.substr(equals + 1));
    }
  }
  const std::string serialized = record.Serialize();
  const auto parsed = Record::Parse("state", serialized);
  if (!parsed.ok() || parsed->Serialize() != serialized) std::abort();
  (void)ParseState(serialized).ok();
  return 0;
}
