// NPY bodies: what is accepted must be a whole array, and must be printed and read back the same.
#include <cstdint>
#include <cstdlib>

#include "serve/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei;  // NOLINT
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Result<engine::Tensor> tensor = serve::ParseNpy(bytes);
  if (!tensor.ok()) return 0;
  const auto count = static_cast<size_t>(engine::ElementCount(tensor->shape));
  if (tensor->data.size() != count * engine::ElementBytes(tensor->dtype)) std::abort();
  if (tensor->shape.empty()) return 0;
  const Result<std::string> printed = serve::PrintNpy({*tensor});
  if (!printed.ok()) std::abort();
  const Result<engine::Tensor> again = serve::ParseNpy(*printed);
  if (!again.ok() || again->data != tensor->data || again->shape != tensor->shape) std::abort();
  return 0;
}
