#include "serve/loaded_model.h"

namespace hodei::serve {
namespace {

void AppendSpecs(const std::vector<engine::TensorSpec>& specs, std::string* out) {
  *out += '[';
  for (size_t i = 0; i < specs.size(); ++i) {
    if (i != 0) *out += ", ";
    *out += "{\"name\": ";
    AppendJsonString(specs[i].name, out);
    *out += ", \"dtype\": ";
    AppendJsonString(engine::DTypeName(specs[i].dtype), out);
    *out += ", \"shape\": ";
    *out += specs[i].known_rank ? engine::ShapeText(specs[i].shape) : "null";
    *out += '}';
  }
  *out += ']';
}

void AppendSignature(const engine::Signature& signature, std::string* out) {
  *out += "{\"name\": ";
  AppendJsonString(signature.name, out);
  *out += ", \"inputs\": ";
  AppendSpecs(signature.inputs, out);
  *out += ", \"outputs\": ";
  AppendSpecs(signature.outputs, out);
  *out += '}';
}

}  // namespace

std::string MetadataBody(const LoadedModel& loaded) {
  std::string body = "{\"framework\": ";
  AppendJsonString(loaded.framework, &body);
  body += ", \"engine\": ";
  AppendJsonString(loaded.engine, &body);
  body += ", \"engine_reason\": ";
  AppendJsonString(loaded.engine_reason, &body);
  if (loaded.model != nullptr) {
    const std::vector<engine::Signature>& signatures = loaded.model->signatures();
    const Result<size_t> chosen = ChooseSignature(signatures, loaded.rules.default_signature);
    body += ", \"signature\": ";
    AppendSignature(signatures[chosen.value_or(size_t{0})], &body);
    body += ", \"signatures\": [";
    for (size_t i = 0; i < signatures.size(); ++i) {
      if (i != 0) body += ", ";
      AppendSignature(signatures[i], &body);
    }
    body += ']';
  }
  body += '}';
  return body;
}

}  // namespace hodei::serve
