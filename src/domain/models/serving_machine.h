// The machine types that versions are served on, as last published. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hodei::models {

inline constexpr std::string_view kDefaultServingMachine = "mls1-c1-m2";

struct ServingMachine {
  int64_t cpu_millis = 0;
  int64_t memory_bytes = 0;
  int64_t model_bytes_max = 0;  // of one version's files together
  bool compute_engine = false;  // N1: at least one node, accelerators
};

// "mls1-c1-m2", "mls1-c4-m2", "n1-standard-2" … "n1-highcpu-32"; nullopt for others.
std::optional<ServingMachine> FindServingMachine(std::string_view name);

}  // namespace hodei::models
