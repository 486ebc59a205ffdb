#include "domain/environments/layer_cache.h"

#include <algorithm>

namespace hodei::environments {

std::vector<std::string> LayersToRemove(std::vector<LayerStore::Layer> layers,
                                        const LayerCacheLimits& limits, WallTime now) {
  std::sort(layers.begin(), layers.end(), [](const auto& a, const auto& b) {
    return a.last_used.unix_nanos < b.last_used.unix_nanos;
  });
  int64_t bytes = 0;
  for (const LayerStore::Layer& layer : layers) bytes += layer.bytes;
  std::vector<std::string> keys;
  for (const LayerStore::Layer& layer : layers) {
    const Nanoseconds unused = now - layer.last_used;
    if (unused < kLayerRest || (unused <= limits.age && bytes <= limits.bytes)) break;
    keys.push_back(layer.key);
    bytes -= layer.bytes;
  }
  return keys;
}

void SweepLayers(const LayerStore& store, const LayerCacheLimits& limits, WallTime now) {
  auto layers = store.Layers();
  if (!layers.ok()) return;
  for (const std::string& key : LayersToRemove(*std::move(layers), limits, now)) {
    (void)store.RemoveUnused(key);
  }
}

}  // namespace hodei::environments
