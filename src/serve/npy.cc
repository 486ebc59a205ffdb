#include "serve/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "engine/model.h"

namespace hodei::serve {
namespace {

using engine::DType;
using engine::Fault;
using engine::ModelError;
using engine::Tensor;

constexpr std::string_view kMagic = "\x93NUMPY";

struct TypeCode {
  std::string_view code;
  DType dtype;
};
constexpr TypeCode kTypeCodes[] = {
    {"f4", DType::kFloat32}, {"f8", DType::kFloat64}, {"i1", DType::kInt8},  {"i2", DType::kInt16},
    {"i4", DType::kInt32},   {"i8", DType::kInt64},   {"u1", DType::kUint8}, {"u2", DType::kUint16},
    {"u4", DType::kUint32},  {"u8", DType::kUint64},  {"b1", DType::kBool},
};

Status Malformed(std::string_view what) {
  return ModelError(Fault::kInputs, fmt::format("the body is no NPY array: {}", what));
}

// The text after `'key':` in the header, which numpy writes as a Python dict of three entries.
std::optional<std::string_view> ValueOf(std::string_view header, std::string_view key) {
  const std::string quoted = fmt::format("'{}':", key);
  const size_t at = header.find(quoted);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view value = header.substr(at + quoted.size());
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  return value;
}

Result<DType> ParseDescr(std::string_view value) {
  if (value.size() < 5 || value[0] != '\'' || value[4] != '\'') return Malformed("descr");
  const char order = value[1];
  const std::string_view code = value.substr(2, 2);
  for (const TypeCode& type : kTypeCodes) {
    if (type.code != code) continue;
    if (order == '<' || order == '|' || order == '=') return type.dtype;
    return Malformed("the numbers must be little endian");
  }
  return Malformed(fmt::format("type '{}' is not supported", value.substr(1, 3)));
}

Result<std::vector<int64_t>> ParseShape(std::string_view value) {
  const size_t end = value.find(')');
  if (value.empty() || value[0] != '(' || end == std::string_view::npos) return Malformed("shape");
  value = value.substr(1, end - 1);
  std::vector<int64_t> shape;
  while (!value.empty()) {
    if (value.front() == ' ' || value.front() == ',') {
      value.remove_prefix(1);
      continue;
    }
    int64_t dimension = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), dimension);
    if (parsed.ec != std::errc() || dimension < 0 || shape.size() >= engine::kRankMax) {
      return Malformed("shape");
    }
    shape.push_back(dimension);
    value.remove_prefix(static_cast<size_t>(parsed.ptr - value.data()));
  }
  return shape;
}

struct Header {
  std::string_view text;
  size_t end = 0;  // where the numbers begin
};

Result<Header> FindHeader(std::string_view bytes) {
  if (bytes.size() < 10 || bytes.substr(0, kMagic.size()) != kMagic) return Malformed("no magic");
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
  const size_t major = byte(6);
  if (major < 1 || major > 3) return Malformed("an unknown version");
  Header header;
  size_t length = byte(8) | byte(9) << 8;
  size_t begin = 10;
  if (major > 1) {
    if (bytes.size() < 12) return Malformed("cut short");
    length |= byte(10) << 16 | byte(11) << 24;
    begin = 12;
  }
  if (length > kNpyHeaderBytesMax || begin + length > bytes.size()) return Malformed("its header");
  header.text = bytes.substr(begin, length);
  header.end = begin + length;
  return header;
}

template <typename From, typename To>
void ConvertAll(const Tensor& from, Tensor* to) {
  const From* source = from.values<From>();
  const size_t count = from.data.size() / sizeof(From);
  To* target = to->values<To>();
  for (size_t i = 0; i < count; ++i) target[i] = static_cast<To>(source[i]);
}

template <typename To>
void ConvertTo(const Tensor& from, Tensor* to) {
  switch (from.dtype) {
    case DType::kFloat32:
      return ConvertAll<float, To>(from, to);
    case DType::kFloat64:
      return ConvertAll<double, To>(from, to);
    case DType::kInt8:
      return ConvertAll<int8_t, To>(from, to);
    case DType::kInt16:
      return ConvertAll<int16_t, To>(from, to);
    case DType::kInt32:
      return ConvertAll<int32_t, To>(from, to);
    case DType::kInt64:
      return ConvertAll<int64_t, To>(from, to);
    case DType::kUint8:
    case DType::kBool:
      return ConvertAll<uint8_t, To>(from, to);
    case DType::kUint16:
      return ConvertAll<uint16_t, To>(from, to);
    case DType::kUint32:
      return ConvertAll<uint32_t, To>(from, to);
    case DType::kUint64:
      return ConvertAll<uint64_t, To>(from, to);
    case DType::kString:
      return;
  }
}

// Reals take any number; integers only their own type, because nothing may be cut off in silence.
Result<Tensor> Converted(Tensor tensor, const engine::TensorSpec& spec) {
  if (tensor.dtype == spec.dtype) return tensor;
  Tensor converted;
  if (spec.dtype == DType::kFloat32) {
    converted = engine::MakeTensor(spec.dtype, tensor.shape);
    ConvertTo<float>(tensor, &converted);
  } else if (spec.dtype == DType::kFloat64) {
    converted = engine::MakeTensor(spec.dtype, tensor.shape);
    ConvertTo<double>(tensor, &converted);
  } else {
    return ModelError(Fault::kInputs,
                      fmt::format("Input {}: expected {}, got {}", spec.name,
                                  engine::DTypeName(spec.dtype), engine::DTypeName(tensor.dtype)));
  }
  return converted;
}

}  // namespace

Result<Tensor> ParseNpy(std::string_view bytes) {
  ASSIGN_OR_RETURN(Header header, FindHeader(bytes));
  const auto descr = ValueOf(header.text, "descr");
  const auto order = ValueOf(header.text, "fortran_order");
  const auto dimensions = ValueOf(header.text, "shape");
  if (!descr || !order || !dimensions) return Malformed("its header lacks an entry");
  ASSIGN_OR_RETURN(DType dtype, ParseDescr(*descr));
  ASSIGN_OR_RETURN(std::vector<int64_t> shape, ParseShape(*dimensions));
  if (!order->starts_with("False") && shape.size() > 1) {
    return Malformed("the array must be in C order");
  }
  const std::string_view numbers = bytes.substr(header.end);
  const int64_t count = engine::ElementCount(shape);
  const size_t element = engine::ElementBytes(dtype);
  if (count < 0 || static_cast<size_t>(count) > numbers.size() / element ||
      static_cast<size_t>(count) * element != numbers.size()) {
    return Malformed(
        fmt::format("{} bytes of numbers for shape {}", numbers.size(), engine::ShapeText(shape)));
  }
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  tensor.data.assign(numbers.begin(), numbers.end());
  return tensor;
}

Result<ParsedRequest> NpyRequest(std::string_view body,
                                 const std::vector<engine::Signature>& signatures,
                                 std::string_view signature_name) {
  ASSIGN_OR_RETURN(size_t chosen, ChooseSignature(signatures, signature_name));
  const engine::Signature& signature = signatures[chosen];
  if (signature.inputs.size() != 1 || signature.inputs[0].dtype == DType::kString) {
    return ModelError(Fault::kInputs, "an NPY body needs a model with a single numeric input");
  }
  const engine::TensorSpec& spec = signature.inputs[0];
  ASSIGN_OR_RETURN(Tensor parsed, ParseNpy(body));
  bool fits = !parsed.shape.empty() && parsed.shape[0] > 0;
  if (spec.known_rank) {
    fits = fits && parsed.shape.size() == spec.shape.size();
    for (size_t i = 0; fits && i < spec.shape.size(); ++i) {
      fits = spec.shape[i] < 0 || spec.shape[i] == parsed.shape[i];
    }
  }
  if (!fits) {
    return ModelError(Fault::kInputs,
                      fmt::format("Input {}: expected shape {}, got {}", spec.name,
                                  engine::ShapeText(spec.shape), engine::ShapeText(parsed.shape)));
  }
  ASSIGN_OR_RETURN(Tensor tensor, Converted(std::move(parsed), spec));
  ParsedRequest request;
  request.signature = chosen;
  request.rows = tensor.shape[0];
  request.inputs.push_back(std::move(tensor));
  return request;
}

Result<std::string> PrintNpy(const std::vector<Tensor>& outputs) {
  if (outputs.size() != 1 || outputs[0].dtype == DType::kString) {
    return ModelError(Fault::kOutputs,
                      "an NPY answer needs a model with a single numeric output: send JSON");
  }
  const Tensor& output = outputs[0];
  std::string_view code;
  for (const TypeCode& type : kTypeCodes) {
    if (type.dtype == output.dtype) code = type.code;
  }
  std::string header =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}",
                  engine::ElementBytes(output.dtype) == 1 ? '|' : '<', code,
                  fmt::join(output.shape, ", "), output.shape.size() == 1 ? "," : "");
  // The numbers start at a multiple of 64, as numpy likes to map them.
  const size_t unpadded = 10 + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(output.data.data(), output.data.size());
  return bytes;
}

}  // namespace hodei::serve
