// The quick reader of rows against the JSON parser: what it takes, the parser must take as the same
// bits.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "serve/number_row.h"
#include "serve/request_body.h"

namespace {

template <typename T>
void Compare(std::string_view line, size_t columns, hodei::engine::DType dtype) {
  using namespace hodei;  // NOLINT
  std::vector<T> row(columns);
  // Digits behind the text: they must not be taken for part of it.
  const std::string padded = std::string(line) + std::string(serve::kNumberRowPadding, '7');
  if (!serve::ReadNumberRow(std::string_view(padded).substr(0, line.size()), columns, row.data())) {
    return;
  }
  std::string body = "{\"instances\": [" + std::string(line) + "]}";
  const size_t size = body.size();
  body.append(serve::kBodyPadding, '\0');
  const engine::Signature signature{
      "s", {{"x", dtype, true, {-1, static_cast<int64_t>(columns)}}}, {{"y", dtype, true, {-1}}}};
  const auto parsed = serve::ParseRequest(std::string_view(body).substr(0, size), {signature}, {});
  if (!parsed.ok() || parsed->rows != 1) std::abort();
  const std::vector<char>& bytes = parsed->inputs[0].data;
  if (bytes.size() != columns * sizeof(T)) std::abort();
  if (std::memcmp(bytes.data(), row.data(), bytes.size()) != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kColumnsMax = 8;
  if (size == 0) return 0;
  const size_t columns = 1 + data[0] % kColumnsMax;
  const std::string_view line(reinterpret_cast<const char*>(data) + 1, size - 1);
  Compare<float>(line, columns, hodei::engine::DType::kFloat32);
  Compare<double>(line, columns, hodei::engine::DType::kFloat64);
  return 0;
}
