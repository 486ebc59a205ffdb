// Dense arrays as the serving program holds them, and what a model says of its inputs and outputs.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/engine_abi.h"

namespace hodei::engine {

// The values of the engine ABI.
enum class DType : int32_t {
  kFloat32 = HODEI_FLOAT32,
  kFloat64 = HODEI_FLOAT64,
  kInt8 = HODEI_INT8,
  kInt16 = HODEI_INT16,
  kInt32 = HODEI_INT32,
  kInt64 = HODEI_INT64,
  kUint8 = HODEI_UINT8,
  kUint16 = HODEI_UINT16,
  kUint32 = HODEI_UINT32,
  kUint64 = HODEI_UINT64,
  kBool = HODEI_BOOL,
  kString = HODEI_STRING,
};

bool IsDType(int32_t value);
// Bytes of one element; 0 for strings.
size_t ElementBytes(DType dtype);
// "float32", as numpy and TensorFlow call it.
std::string_view DTypeName(DType dtype);

inline constexpr size_t kRankMax = 16;

// "[-1, 30]"
std::string ShapeText(const std::vector<int64_t>& shape);
// The product of the dimensions, or -1 when one is negative or the product overflows.
int64_t ElementCount(const std::vector<int64_t>& shape);

struct TensorSpec {
  std::string name;
  DType dtype = DType::kFloat32;
  bool known_rank = true;
  std::vector<int64_t> shape;  // -1: any size
};

struct Signature {
  std::string name;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

// A value.
struct Tensor {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  std::vector<char> data;            // numbers, row-major
  std::vector<std::string> strings;  // kString

  int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
  template <typename T>
  const T* values() const {
    return reinterpret_cast<const T*>(data.data());
  }
  template <typename T>
  T* values() {
    return reinterpret_cast<T*>(data.data());
  }
  template <typename T>
  void Append(T value) {
    const size_t at = data.size();
    data.resize(at + sizeof(T));
    std::memcpy(data.data() + at, &value, sizeof(T));
  }
  void AppendString(std::string value) { strings.push_back(std::move(value)); }
};

// A numeric tensor of that type and shape, zeroed.
Tensor MakeTensor(DType dtype, std::vector<int64_t> shape);
// Rows [begin, end) of a tensor whose first dimension counts rows.
Tensor SliceRows(const Tensor& tensor, int64_t begin, int64_t end);
// `more`'s rows after those of `tensor`; false, and nothing changed, when type or shape of a row
// differ.
bool AppendRows(Tensor* tensor, const Tensor& more);

}  // namespace hodei::engine
