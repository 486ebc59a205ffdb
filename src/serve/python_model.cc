#include "serve/python_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <cstring>

namespace hodei::serve {
namespace {

using engine::DType;
using engine::PythonFrame;
using engine::PythonPool;
using engine::Tensor;

struct TypeCode {
  std::string_view code;
  DType dtype;
};
constexpr TypeCode kTypeCodes[] = {
    {"f4", DType::kFloat32}, {"f8", DType::kFloat64}, {"i1", DType::kInt8},  {"i2", DType::kInt16},
    {"i4", DType::kInt32},   {"i8", DType::kInt64},   {"u1", DType::kUint8}, {"u2", DType::kUint16},
    {"u4", DType::kUint32},  {"u8", DType::kUint64},  {"b1", DType::kBool},
};

Status Malformed() { return Internal("the model's process sent a malformed answer"); }

// count, ends, text.
Result<Predictions> DecodeTexts(std::string_view data) {
  uint64_t count = 0;
  if (data.size() < sizeof(count)) return Malformed();
  std::memcpy(&count, data.data(), sizeof(count));
  data.remove_prefix(sizeof(count));
  if (count > data.size() / sizeof(uint64_t)) return Malformed();
  Predictions predictions;
  predictions.ends.resize(count);
  if (count > 0) std::memcpy(predictions.ends.data(), data.data(), count * sizeof(uint64_t));
  predictions.text = data.substr(count * sizeof(uint64_t));
  size_t before = 0;
  for (size_t end : predictions.ends) {
    if (end < before || end > predictions.text.size()) return Malformed();
    before = end;
  }
  return predictions;
}

Result<std::vector<int64_t>> ShapeOf(simdjson::dom::element head) {
  simdjson::dom::array list;
  if (head["shape"].get(list) != simdjson::SUCCESS || list.size() > engine::kRankMax) {
    return Malformed();
  }
  std::vector<int64_t> shape;
  for (simdjson::dom::element element : list) {
    int64_t dimension = 0;
    if (element.get(dimension) != simdjson::SUCCESS || dimension < 0) return Malformed();
    shape.push_back(dimension);
  }
  return shape;
}

}  // namespace

Result<Tensor> DecodeArray(std::string_view head, std::string_view data) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view code;
  if (parser.parse(head.data(), head.size()).get(root) != simdjson::SUCCESS ||
      root["dtype"].get(code) != simdjson::SUCCESS) {
    return Malformed();
  }
  Tensor tensor;
  ASSIGN_OR_RETURN(tensor.shape, ShapeOf(root));
  const int64_t count = engine::ElementCount(tensor.shape);
  if (code == "str") {
    ASSIGN_OR_RETURN(Predictions texts, DecodeTexts(data));
    if (static_cast<int64_t>(texts.size()) != count) return Malformed();
    tensor.dtype = DType::kString;
    for (size_t i = 0; i < texts.size(); ++i) tensor.AppendString(std::string(texts.at(i)));
    return tensor;
  }
  for (const TypeCode& type : kTypeCodes) {
    if (type.code != code) continue;
    const size_t element = engine::ElementBytes(type.dtype);
    if (count < 0 || data.size() % element != 0 ||
        data.size() / element != static_cast<size_t>(count)) {
      return Malformed();
    }
    tensor.dtype = type.dtype;
    tensor.data.assign(data.begin(), data.end());
    return tensor;
  }
  return Malformed();
}

Result<std::vector<Tensor>> PythonArrayModel::Run(size_t, const std::vector<Tensor>& inputs,
                                                  engine::Deadline deadline) {
  const Tensor& input = inputs[0];
  const std::string head =
      fmt::format(R"({{"dtype": "{}", "shape": [{}]}})",
                  input.dtype == DType::kFloat32 ? "<f4" : "<f8", fmt::join(input.shape, ", "));
  ASSIGN_OR_RETURN(
      PythonFrame answer,
      pool_->Call(PythonPool::kArray, head, {input.data.data(), input.data.size()}, deadline));
  ASSIGN_OR_RETURN(Tensor tensor,
                   DecodeArray(answer.head, {answer.payload.data(), answer.payload.size()}));
  std::vector<Tensor> outputs;
  outputs.push_back(std::move(tensor));
  return outputs;
}

Result<Predictions> PythonBodyModel::Predict(std::string_view body, engine::Deadline deadline) {
  ASSIGN_OR_RETURN(PythonFrame answer, pool_->Call(PythonPool::kBody, "", body, deadline));
  if (answer.kind != PythonPool::kAnswerTexts) return Malformed();
  return DecodeTexts({answer.payload.data(), answer.payload.size()});
}

}  // namespace hodei::serve
