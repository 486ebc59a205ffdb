#include "serve/response_body.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/encoding.h"
#include "engine/model.h"

namespace hodei::serve {
namespace {

using engine::DType;
using engine::Tensor;

template <typename T>
void AppendReal(T value, std::string* out) {
  if (std::isnan(value)) {
    *out += "\"NaN\"";
    return;
  }
  if (std::isinf(value)) {
    *out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  char text[32];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  const std::string_view digits(text, static_cast<size_t>(end.ptr - text));
  *out += digits;
  // A real stays a real for readers that tell 1 from 1.0.
  if (digits.find_first_of(".e") == std::string_view::npos) *out += ".0";
}

template <typename T>
void AppendInteger(T value, std::string* out) {
  char text[24];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  out->append(text, static_cast<size_t>(end.ptr - text));
}

void AppendString(std::string_view value, bool bytes, std::string* out) {
  if (bytes || !IsValidUtf8(value)) {
    *out += "{\"b64\": \"";
    *out += Base64Encode(value);
    *out += "\"}";
    return;
  }
  AppendJsonString(value, out);
}

struct Printer {
  const Tensor& tensor;
  bool bytes;  // strings are {"b64": …}
  std::string* out;

  void Scalar(size_t at) const {
    switch (tensor.dtype) {
      case DType::kFloat32:
        return AppendReal(tensor.values<float>()[at], out);
      case DType::kFloat64:
        return AppendReal(tensor.values<double>()[at], out);
      case DType::kInt8:
        return AppendInteger<int>(tensor.values<int8_t>()[at], out);
      case DType::kInt16:
        return AppendInteger(tensor.values<int16_t>()[at], out);
      case DType::kInt32:
        return AppendInteger(tensor.values<int32_t>()[at], out);
      case DType::kInt64:
        return AppendInteger(tensor.values<int64_t>()[at], out);
      case DType::kUint8:
        return AppendInteger<unsigned>(tensor.values<uint8_t>()[at], out);
      case DType::kUint16:
        return AppendInteger(tensor.values<uint16_t>()[at], out);
      case DType::kUint32:
        return AppendInteger(tensor.values<uint32_t>()[at], out);
      case DType::kUint64:
        return AppendInteger(tensor.values<uint64_t>()[at], out);
      case DType::kBool:
        *out += tensor.values<uint8_t>()[at] != 0 ? "true" : "false";
        return;
      case DType::kString:
        return AppendString(tensor.strings[at], bytes, out);
    }
  }

  // The value with dimensions shape[dimension…], whose first element is `at`; returns the next.
  size_t Value(size_t dimension, size_t at) const {
    if (dimension == tensor.shape.size()) {
      Scalar(at);
      return at + 1;
    }
    *out += '[';
    for (int64_t i = 0; i < tensor.shape[dimension]; ++i) {
      if (i != 0) *out += ", ";
      at = Value(dimension + 1, at);
    }
    *out += ']';
    return at;
  }
};

bool EndsInBytes(const std::string& name) { return std::string_view(name).ends_with("_bytes"); }

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  *out += '"';
  size_t from = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out->append(text.substr(from, i - from));
    from = i + 1;
    switch (byte) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\t':
        *out += "\\t";
        break;
      case '\r':
        *out += "\\r";
        break;
      default:
        *out += fmt::format("\\u{:04x}", byte);
    }
  }
  out->append(text.substr(from));
  *out += '"';
}

Result<Predictions> PrintPredictions(const std::vector<engine::TensorSpec>& specs,
                                     const std::vector<Tensor>& outputs, int64_t rows, bool named) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const bool whole = rows == 1 && outputs[i].shape.empty();
    if (!whole && (outputs[i].shape.empty() || outputs[i].shape[0] != rows)) {
      return engine::ModelError(
          engine::Fault::kOutputs,
          fmt::format("output {} has shape {}, not one row for each of {} instances", specs[i].name,
                      engine::ShapeText(outputs[i].shape), rows));
    }
  }
  Predictions predictions;
  predictions.ends.reserve(static_cast<size_t>(rows));
  std::vector<size_t> at(outputs.size(), 0);
  for (int64_t row = 0; row < rows; ++row) {
    if (named) predictions.text += '{';
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (named) {
        if (i != 0) predictions.text += ", ";
        AppendJsonString(specs[i].name, &predictions.text);
        predictions.text += ": ";
      }
      const Printer printer{outputs[i], EndsInBytes(specs[i].name), &predictions.text};
      at[i] = printer.Value(outputs[i].shape.empty() ? 0 : 1, at[i]);
    }
    if (named) predictions.text += '}';
    predictions.ends.push_back(predictions.text.size());
  }
  return predictions;
}

std::string PredictionsBody(const Predictions& predictions) {
  std::string body;
  body.reserve(predictions.text.size() + 2 * predictions.size() + 24);
  body += "{\"predictions\": [";
  for (size_t i = 0; i < predictions.size(); ++i) {
    if (i != 0) body += ", ";
    body += predictions.at(i);
  }
  body += "]}";
  return body;
}

std::string ErrorBody(std::string_view message) {
  std::string body = "{\"error\": ";
  AppendJsonString(message, &body);
  body += '}';
  return body;
}

}  // namespace hodei::serve
