// Which cached layers go: the cache is bounded by bytes and by age, the least recently used first.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "domain/environments/layer_store.h"

namespace hodei::environments {

struct LayerCacheLimits {
  int64_t bytes = 64LL << 30;       // of all layers together
  std::chrono::hours age{24 * 90};  // since the last use
};

// Never sooner after its last use: a job that was told of the layer may be about to start.
inline constexpr std::chrono::hours kLayerRest{1};

// Keys in the order in which they go. Pure.
std::vector<std::string> LayersToRemove(std::vector<LayerStore::Layer> layers,
                                        const LayerCacheLimits& limits, WallTime now);

// Removes what is over the limits and used by no replica. What cannot go now goes another time.
void SweepLayers(const LayerStore& store, const LayerCacheLimits& limits, WallTime now);

}  // namespace hodei::environments
