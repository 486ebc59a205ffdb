#include "domain/models/serving_machine.h"

namespace hodei::models {
namespace {

constexpr int64_t kMegabyte = 1'000'000;
constexpr int64_t kLegacyModelBytes = 500 * kMegabyte;
constexpr int64_t kComputeEngineModelBytes = 10'000 * kMegabyte;

struct Family {
  std::string_view prefix;
  int64_t megabytes_per_cpu;
};
constexpr Family kFamilies[] = {
    {"n1-standard-", 3750}, {"n1-highmem-", 6500}, {"n1-highcpu-", 900}};
struct Size {
  std::string_view text;
  int64_t cpus;
};
constexpr Size kSizes[] = {{"2", 2}, {"4", 4}, {"8", 8}, {"16", 16}, {"32", 32}};

}  // namespace

std::optional<ServingMachine> FindServingMachine(std::string_view name) {
  if (name == "mls1-c1-m2") return ServingMachine{1000, 2000 * kMegabyte, kLegacyModelBytes, false};
  if (name == "mls1-c4-m2") return ServingMachine{4000, 2000 * kMegabyte, kLegacyModelBytes, false};
  for (const Family& family : kFamilies) {
    if (!name.starts_with(family.prefix)) continue;
    for (const Size& size : kSizes) {
      if (name.substr(family.prefix.size()) != size.text) continue;
      return ServingMachine{size.cpus * 1000, size.cpus * family.megabytes_per_cpu * kMegabyte,
                            kComputeEngineModelBytes, true};
    }
  }
  return std::nullopt;
}

}  // namespace hodei::models
