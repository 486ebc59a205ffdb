// The object API against the plainest model of it, along random walks: 100,000 calls in all.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "sys/file.h"
#include "wire/gcs/testing/api_walk.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT

class RandomChoices : public Choices {
 public:
  explicit RandomChoices(uint32_t seed) : random_(seed) {}
  uint32_t Below(uint32_t n) override { return random_() % n; }

 private:
  std::mt19937 random_;
};

void Walk(GcsCaller* http, uint32_t seed, int steps) {
  RandomChoices choices(seed);
  ApiWalk walk(http, &choices);
  while (walk.steps() < steps && walk.difference().empty()) walk.Step();
  walk.Drain();
  EXPECT_EQ(walk.difference(), "") << "seed " << seed;
}

// Each walk starts anew, in a store of its own.
TEST(GcsApiModel, MemoryStoreAnswersAsTheModel) {
  for (uint32_t seed = 1; seed <= 8 && !::testing::Test::HasFailure(); ++seed) {
    GcsCaller http;
    Walk(&http, seed, 12'250);
  }
}

TEST(GcsApiModel, DiskStoreAnswersAsTheModel) {
  const TemporaryDirectory folder;
  GcsCaller http([&](const Clock* clock) {
    store::LocalObjectStoreOptions options;
    options.directory = folder.path() + "/objects";
    options.clock = clock;
    options.segment_bytes = 128 * 1024;  // many segments come and go
    return std::move(store::OpenLocalObjectStore(options)).value();
  });
  Walk(&http, 9, 2'000);
}

}  // namespace
}  // namespace hodei::wire::gcs
