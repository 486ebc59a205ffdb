#include "serve/input_builder.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/encoding.h"
#include "engine/model.h"
#include "serve/number_row.h"
#include "serve/request_body.h"

namespace hodei::serve {
namespace {

namespace ondemand = simdjson::ondemand;
using engine::DType;
using engine::Fault;
using engine::ModelError;

std::string_view KindOf(ondemand::json_type type) {
  switch (type) {
    case ondemand::json_type::array:
      return "a list";
    case ondemand::json_type::object:
      return "an object";
    case ondemand::json_type::number:
      return "a number";
    case ondemand::json_type::string:
      return "a string";
    case ondemand::json_type::boolean:
      return "a boolean";
    case ondemand::json_type::null:
      return "null";
  }
  return "something else";
}

bool IsReal(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kFloat64; }

struct IntegerRange {
  int64_t least;
  uint64_t most;
};

template <typename T>
constexpr IntegerRange RangeOf() {
  return {static_cast<int64_t>(std::numeric_limits<T>::min()),
          static_cast<uint64_t>(std::numeric_limits<T>::max())};
}

IntegerRange RangeOf(DType dtype) {
  switch (dtype) {
    case DType::kInt8:
      return RangeOf<int8_t>();
    case DType::kInt16:
      return RangeOf<int16_t>();
    case DType::kInt32:
      return RangeOf<int32_t>();
    case DType::kUint8:
      return RangeOf<uint8_t>();
    case DType::kUint16:
      return RangeOf<uint16_t>();
    case DType::kUint32:
      return RangeOf<uint32_t>();
    case DType::kUint64:
      return RangeOf<uint64_t>();
    default:
      return RangeOf<int64_t>();
  }
}

// The words of proto3 JSON for what JSON numbers cannot say.
bool RealFromWord(std::string_view word, double* number) {
  if (word == "NaN") {
    *number = std::numeric_limits<double>::quiet_NaN();
  } else if (word == "Infinity") {
    *number = std::numeric_limits<double>::infinity();
  } else if (word == "-Infinity") {
    *number = -std::numeric_limits<double>::infinity();
  } else {
    return false;
  }
  return true;
}

}  // namespace

Status NotJson(simdjson::error_code error) {
  if (error == simdjson::NUMBER_ERROR) {
    return ModelError(Fault::kInputs, "a number is malformed or outside the range of a double");
  }
  return ModelError(Fault::kInputs,
                    fmt::format("the body is not JSON: {}", simdjson::error_message(error)));
}

InputBuilder::InputBuilder(const engine::TensorSpec* spec, bool null_is_nan)
    : spec_(spec), null_is_nan_(null_is_nan) {
  tensor_.dtype = spec->dtype;
  if (spec->known_rank) rank_ = std::max<int64_t>(0, static_cast<int64_t>(spec->shape.size()) - 1);
  dimensions_.assign(engine::kRankMax, -1);
  for (size_t i = 1; spec->known_rank && i < spec->shape.size(); ++i) {
    dimensions_[i - 1] = spec->shape[i];
  }
}

Status InputBuilder::ShapeError(std::string_view got) const {
  std::vector<int64_t> expected;
  for (int64_t i = 0; i < rank_; ++i) expected.push_back(dimensions_[static_cast<size_t>(i)]);
  return ModelError(Fault::kInputs,
                    fmt::format("Input {}: instance {} does not fit: expected shape {}, got {}",
                                spec_->name, rows_, engine::ShapeText(expected), got));
}

Status InputBuilder::TypeError(ondemand::value value) const {
  ondemand::json_type type{};
  if (simdjson::error_code error = value.type().get(type)) return NotJson(error);
  Status status =
      ModelError(Fault::kInputs,
                 fmt::format("Input {}: instance {} does not fit: expected {}, got {}", spec_->name,
                             rows_, engine::DTypeName(spec_->dtype), KindOf(type)));
  if (spec_->dtype != DType::kString) status.WithReason(kNotNumbers);
  return status;
}

Status InputBuilder::Add(ondemand::value value) {
  RETURN_IF_ERROR(AddValue(value, 0));
  ++rows_;
  return OkStatus();
}

Status InputBuilder::AddValue(ondemand::value value, size_t depth) {
  ondemand::array array;
  const simdjson::error_code error = value.get_array().get(array);
  if (error == simdjson::SUCCESS) return AddArray(array, depth);
  if (error != simdjson::INCORRECT_TYPE) return NotJson(error);
  return AddScalar(value, depth);
}

Status InputBuilder::AddArray(ondemand::array array, size_t depth) {
  if (depth + 1 >= engine::kRankMax) return ShapeError("a deeper list");
  if (rank_ >= 0 && static_cast<int64_t>(depth) >= rank_) return ShapeError("a deeper list");
  if (rank_ == static_cast<int64_t>(depth) + 1) {
    if (spec_->dtype == DType::kFloat32) return AddReals<float>(array, depth);
    if (spec_->dtype == DType::kFloat64) return AddReals<double>(array, depth);
  }
  int64_t size = 0;
  for (auto element : array) {
    ondemand::value value;
    if (simdjson::error_code error = element.get(value)) return NotJson(error);
    RETURN_IF_ERROR(AddValue(value, depth + 1));
    ++size;
  }
  return CloseArray(depth, size);
}

// The innermost list of an input of reals, where the time of a request goes: numbers are collected
// in a run before they are appended.
template <typename T>
Status InputBuilder::AddReals(ondemand::array array, size_t depth) {
  constexpr size_t kRun = 64;
  T run[kRun];
  size_t held = 0;
  int64_t size = 0;
  const auto append = [&] {
    const auto* bytes = reinterpret_cast<const char*>(run);
    tensor_.data.insert(tensor_.data.end(), bytes, bytes + held * sizeof(T));
    held = 0;
  };
  for (auto element : array) {
    ++size;
    double number = 0;
    // Our own reader: simdjson 3.0's get_double() takes numbers of more than 19 digits for others.
    std::string_view token;
    if (element.raw_json_token().get(token) == simdjson::SUCCESS &&
        ReadWholeNumber(token, &number)) {
      run[held++] = static_cast<T>(number);
      if (held == kRun) append();
      continue;
    }
    append();
    ondemand::value value;
    if (simdjson::error_code error = element.get(value)) return NotJson(error);
    RETURN_IF_ERROR(AddValue(value, depth + 1));
  }
  append();
  return CloseArray(depth, size);
}

Status InputBuilder::CloseArray(size_t depth, int64_t size) {
  int64_t& dimension = dimensions_[depth];
  if (dimension < 0) dimension = size;
  if (rank_ < 0 && size == 0) rank_ = static_cast<int64_t>(depth) + 1;
  if (dimension != size) {
    return ShapeError(fmt::format("a list of {} in dimension {}", size, depth));
  }
  return OkStatus();
}

Status InputBuilder::AddScalar(ondemand::value value, size_t depth) {
  if (rank_ < 0) rank_ = static_cast<int64_t>(depth);
  if (rank_ != static_cast<int64_t>(depth)) {
    ondemand::json_type type{};
    if (simdjson::error_code error = value.type().get(type)) return NotJson(error);
    Status status = ShapeError(KindOf(type));
    // A list of strings or objects for a matrix of numbers: perhaps a table with named columns.
    if (type != ondemand::json_type::number) status.WithReason(kNotNumbers);
    return status;
  }
  if (spec_->dtype == DType::kString) return AddText(value);
  if (IsReal(spec_->dtype)) return AddNumber(value);
  return AddInteger(value);
}

Status InputBuilder::AppendReal(double number) {
  if (spec_->dtype == DType::kFloat32) {
    tensor_.Append(static_cast<float>(number));
  } else {
    tensor_.Append(number);
  }
  return OkStatus();
}

Status InputBuilder::AddNumber(ondemand::value value) {
  double number = 0;
  if (ReadWholeNumber(value.raw_json_token(), &number)) return AppendReal(number);
  ondemand::json_type type{};
  if (simdjson::error_code error = value.type().get(type)) return NotJson(error);
  if (type == ondemand::json_type::number) return NotJson(simdjson::NUMBER_ERROR);
  std::string_view word;
  if (value.get_string().get(word) == simdjson::SUCCESS) {
    if (RealFromWord(word, &number)) return AppendReal(number);
    return ModelError(Fault::kInputs,
                      fmt::format("Input {}: instance {} does not fit: expected {}, got a string",
                                  spec_->name, rows_, engine::DTypeName(spec_->dtype)))
        .WithReason(kNotNumbers);
  }
  bool flag = false;
  if (value.get_bool().get(flag) == simdjson::SUCCESS) return AppendReal(flag ? 1.0 : 0.0);
  bool null = false;
  if (null_is_nan_ && value.is_null().get(null) == simdjson::SUCCESS && null) {
    return AppendReal(std::numeric_limits<double>::quiet_NaN());
  }
  return TypeError(value);
}

Status InputBuilder::AddInteger(ondemand::value value) {
  bool flag = false;
  if (value.get_bool().get(flag) == simdjson::SUCCESS) {
    tensor_.data.resize(tensor_.data.size() + engine::ElementBytes(spec_->dtype), 0);
    if (flag) tensor_.data[tensor_.data.size() - engine::ElementBytes(spec_->dtype)] = 1;
    return OkStatus();
  }
  int64_t integer = 0;
  uint64_t large = 0;
  double real = 0;
  if (value.get_int64().get(integer) == simdjson::SUCCESS) {
    large = static_cast<uint64_t>(integer);
  } else if (value.get_uint64().get(large) == simdjson::SUCCESS) {
    integer = std::numeric_limits<int64_t>::max();
  } else if (ReadWholeNumber(value.raw_json_token(), &real) && real == std::floor(real) &&
             std::abs(real) < 9e15) {
    integer = static_cast<int64_t>(real);
    large = static_cast<uint64_t>(integer);
  } else {
    return TypeError(value);
  }
  if (spec_->dtype == DType::kBool && large > 1) return TypeError(value);
  const IntegerRange range = RangeOf(spec_->dtype);
  if (integer < range.least || (integer >= 0 && large > range.most)) {
    return ModelError(Fault::kInputs,
                      fmt::format("Input {}: instance {} is out of the range of {}", spec_->name,
                                  rows_, engine::DTypeName(spec_->dtype)));
  }
  // Two's complement, little endian: the low bytes are the narrower value.
  const size_t bytes = engine::ElementBytes(spec_->dtype);
  const auto* from = reinterpret_cast<const char*>(&large);
  tensor_.data.insert(tensor_.data.end(), from, from + bytes);
  return OkStatus();
}

Status InputBuilder::AddText(ondemand::value value) {
  std::string_view text;
  const simdjson::error_code error = value.get_string().get(text);
  if (error == simdjson::SUCCESS) {
    tensor_.AppendString(std::string(text));
    return OkStatus();
  }
  ondemand::object object;
  if (error != simdjson::INCORRECT_TYPE) return NotJson(error);
  if (value.get_object().get(object) != simdjson::SUCCESS) return TypeError(value);
  return AppendBytes(object);
}

Status InputBuilder::AddBytes(ondemand::object object) {
  if (rank_ < 0) rank_ = 0;
  if (rank_ != 0) return ShapeError("an object");
  RETURN_IF_ERROR(AppendBytes(object));
  ++rows_;
  return OkStatus();
}

Status InputBuilder::AppendBytes(ondemand::object object) {
  std::string_view text;
  std::string decoded;
  size_t keys = 0;
  for (auto field : object) {
    std::string_view key;
    if (simdjson::error_code failed = field.unescaped_key().get(key)) return NotJson(failed);
    if (key != "b64" || ++keys > 1 || field.value().get_string().get(text) != simdjson::SUCCESS) {
      return ModelError(
          Fault::kInputs,
          fmt::format("Input {}: bytes are an object with the one key \"b64\"", spec_->name));
    }
    Result<std::string> bytes = Base64Decode(text);
    if (!bytes.ok()) {
      return ModelError(Fault::kInputs,
                        fmt::format("Input {}: {}", spec_->name, bytes.status().message()));
    }
    decoded = std::move(bytes).value();
  }
  if (keys == 0) {
    return ModelError(Fault::kInputs,
                      fmt::format("Input {}: expected a string, got an object", spec_->name));
  }
  tensor_.AppendString(std::move(decoded));
  return OkStatus();
}

Result<engine::Tensor> InputBuilder::Finish() {
  if (spec_->known_rank && spec_->shape.empty()) {
    if (rows_ != 1) {
      return ModelError(Fault::kInputs,
                        fmt::format("Input {} takes one instance at a time", spec_->name));
    }
    return std::move(tensor_);
  }
  tensor_.shape.push_back(rows_);
  for (int64_t i = 0; i < rank_; ++i) {
    tensor_.shape.push_back(std::max<int64_t>(0, dimensions_[static_cast<size_t>(i)]));
  }
  if (spec_->known_rank && spec_->shape[0] >= 0 && spec_->shape[0] != rows_) {
    return ModelError(Fault::kInputs, fmt::format("Input {} takes {} instances at a time, got {}",
                                                  spec_->name, spec_->shape[0], rows_));
  }
  const size_t held = tensor_.dtype == DType::kString
                          ? tensor_.strings.size()
                          : tensor_.data.size() / engine::ElementBytes(tensor_.dtype);
  if (engine::ElementCount(tensor_.shape) != static_cast<int64_t>(held)) {
    return ModelError(Fault::kInputs,
                      fmt::format("Input {}: the instances differ in shape", spec_->name));
  }
  return std::move(tensor_);
}

}  // namespace hodei::serve
