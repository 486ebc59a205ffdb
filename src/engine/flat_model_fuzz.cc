// Flat models from a worker that may be hostile: what is accepted must run on any rows and give an
// answer of the shape and type it promised, within the model's memory.
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "engine/flat_model.h"

namespace {

constexpr size_t kRows = 9;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::engine;  // NOLINT
  auto model = ReadFlatModel({reinterpret_cast<const char*>(data), size});
  if (!model.ok()) return 0;
  const Signature& signature = (*model)->signatures()[0];
  const int64_t columns = signature.inputs[0].shape[1];
  if (columns > 64) return 0;
  Tensor rows = MakeTensor(DType::kFloat64, {kRows, columns});
  for (size_t i = 0; i < kRows * static_cast<size_t>(columns); ++i) {
    const double value = static_cast<double>(i % 7) - 3;
    rows.values<double>()[i] = i % 11 == 10 ? std::numeric_limits<double>::quiet_NaN() : value;
  }
  for (bool holes : {true, false}) {
    if (!holes) {
      for (size_t i = 10; i < kRows * static_cast<size_t>(columns); i += 11) {
        rows.values<double>()[i] = 0;
      }
    }
    auto outputs = (*model)->Run(0, {rows}, Deadline::max());
    if (!outputs.ok()) continue;
    const Tensor& answer = (*outputs)[0];
    if (answer.dtype != signature.outputs[0].dtype || answer.rows() != kRows) std::abort();
  }
  return 0;
}
