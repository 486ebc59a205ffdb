// Sequences of calls to the object API, chosen by the input, each compared with the model.
// Input: every choice of the walk takes one byte; a walk ends with its bytes.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>

#include "wire/gcs/testing/api_walk.h"

namespace hodei::wire::gcs::testing {
namespace {

constexpr int kStepLimit = 64;  // more are other inputs'

class ByteChoices : public Choices {
 public:
  ByteChoices(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint32_t Below(uint32_t n) override {
    uint32_t value = Take();
    if (n > 256) value = value << 8 | Take();
    return value % n;
  }
  bool spent() const { return at_ >= size_; }

 private:
  uint32_t Take() { return at_ < size_ ? data_[at_++] : 1; }

  const uint8_t* const data_;
  const size_t size_;
  size_t at_ = 0;
};

}  // namespace
}  // namespace hodei::wire::gcs::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::wire::gcs::testing;
  GcsCaller http;
  ByteChoices choices(data, size);
  ApiWalk walk(&http, &choices);
  while (!choices.spent() && walk.steps() < kStepLimit && walk.difference().empty()) walk.Step();
  walk.Drain();
  if (walk.difference().empty()) return 0;
  fmt::print(stderr, "{}\n", walk.difference());
  std::abort();
}
