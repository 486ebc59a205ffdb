#include "engine/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace hodei::engine {

bool IsDType(int32_t value) { return value >= HODEI_FLOAT32 && value <= HODEI_STRING; }

size_t ElementBytes(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kInt32:
    case DType::kUint32:
      return 4;
    case DType::kFloat64:
    case DType::kInt64:
    case DType::kUint64:
      return 8;
    case DType::kInt16:
    case DType::kUint16:
      return 2;
    case DType::kInt8:
    case DType::kUint8:
    case DType::kBool:
      return 1;
    case DType::kString:
      return 0;
  }
  return 0;
}

std::string_view DTypeName(DType dtype) {
  static constexpr std::string_view kNames[] = {"",       "float32", "float64", "int8",   "int16",
                                                "int32",  "int64",   "uint8",   "uint16", "uint32",
                                                "uint64", "bool",    "string"};
  return kNames[static_cast<int32_t>(dtype)];
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

int64_t ElementCount(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (int64_t dimension : shape) {
    if (dimension < 0 || __builtin_mul_overflow(count, dimension, &count)) return -1;
  }
  return count;
}

Tensor MakeTensor(DType dtype, std::vector<int64_t> shape) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.data.resize(static_cast<size_t>(std::max<int64_t>(0, ElementCount(shape))) *
                     ElementBytes(dtype));
  tensor.shape = std::move(shape);
  return tensor;
}

Tensor SliceRows(const Tensor& tensor, int64_t begin, int64_t end) {
  Tensor slice;
  slice.dtype = tensor.dtype;
  slice.shape = tensor.shape;
  const int64_t rows = tensor.rows();
  slice.shape[0] = end - begin;
  if (tensor.dtype == DType::kString) {
    const size_t width = rows == 0 ? 0 : tensor.strings.size() / static_cast<size_t>(rows);
    slice.strings.assign(tensor.strings.begin() + static_cast<ptrdiff_t>(begin * width),
                         tensor.strings.begin() + static_cast<ptrdiff_t>(end * width));
    return slice;
  }
  const size_t width = rows == 0 ? 0 : tensor.data.size() / static_cast<size_t>(rows);
  slice.data.assign(tensor.data.begin() + static_cast<ptrdiff_t>(begin * width),
                    tensor.data.begin() + static_cast<ptrdiff_t>(end * width));
  return slice;
}

bool AppendRows(Tensor* tensor, const Tensor& more) {
  if (tensor->dtype != more.dtype || tensor->shape.empty() || more.shape.empty() ||
      !std::equal(tensor->shape.begin() + 1, tensor->shape.end(), more.shape.begin() + 1,
                  more.shape.end())) {
    return false;
  }
  tensor->shape[0] += more.shape[0];
  tensor->data.insert(tensor->data.end(), more.data.begin(), more.data.end());
  tensor->strings.insert(tensor->strings.end(), more.strings.begin(), more.strings.end());
  return true;
}

}  // namespace hodei::engine
