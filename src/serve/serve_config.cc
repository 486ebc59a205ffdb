#include "serve/serve_config.h"

#include <fmt/format.h>
#include <simdjson.h>

namespace hodei::serve {
namespace {

using simdjson::dom::element;

Status Wrong(std::string_view key, std::string_view expected) {
  return InvalidArgument(fmt::format("serve config: '{}' must be {}", key, expected));
}

Status ReadText(element root, const char* key, std::string* out) {
  element value;
  if (root[key].get(value) != simdjson::SUCCESS) return OkStatus();
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return Wrong(key, "a string");
  *out = text;
  return OkStatus();
}

template <typename T>
Status ReadNumber(element root, const char* key, int64_t least, int64_t most, T* out) {
  element value;
  if (root[key].get(value) != simdjson::SUCCESS) return OkStatus();
  int64_t number = 0;
  if (value.get_int64().get(number) != simdjson::SUCCESS || number < least || number > most) {
    return Wrong(key, fmt::format("an integer from {} to {}", least, most));
  }
  *out = static_cast<T>(number);
  return OkStatus();
}

Status ReadTags(element root, std::vector<std::string>* out) {
  element value;
  if (root["tags"].get(value) != simdjson::SUCCESS) return OkStatus();
  simdjson::dom::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return Wrong("tags", "a list of strings");
  out->clear();
  for (element tag : array) {
    std::string_view text;
    if (tag.get_string().get(text) != simdjson::SUCCESS) return Wrong("tags", "a list of strings");
    out->emplace_back(text);
  }
  return OkStatus();
}

}  // namespace

Result<ServeConfig> ParseServeConfig(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  if (simdjson::error_code error = parser.parse(json.data(), json.size()).get(root)) {
    return InvalidArgument(fmt::format("serve config: {}", simdjson::error_message(error)));
  }
  if (!root.is_object()) return InvalidArgument("serve config: expected an object");
  constexpr int64_t kBytesMax = int64_t{1} << 40;
  ServeConfig config;
  int64_t format = 1;
  RETURN_IF_ERROR(ReadNumber(root, "format", 1, 1, &format));
  RETURN_IF_ERROR(ReadText(root, "project", &config.project));
  RETURN_IF_ERROR(ReadText(root, "model", &config.model));
  RETURN_IF_ERROR(ReadText(root, "version", &config.version));
  RETURN_IF_ERROR(ReadText(root, "framework", &config.framework));
  RETURN_IF_ERROR(ReadText(root, "signature_name", &config.signature_name));
  RETURN_IF_ERROR(ReadTags(root, &config.tags));
  RETURN_IF_ERROR(ReadText(root, "prediction_class", &config.prediction_class));
  RETURN_IF_ERROR(ReadText(root, "python", &config.python));
  RETURN_IF_ERROR(ReadText(root, "socket", &config.socket));
  RETURN_IF_ERROR(ReadText(root, "model_dir", &config.model_dir));
  RETURN_IF_ERROR(ReadText(root, "compiled", &config.compiled));
  RETURN_IF_ERROR(ReadNumber(root, "workers", 1, kWorkersMax, &config.workers));
  RETURN_IF_ERROR(ReadNumber(root, "threads", 1, kThreadsMax, &config.threads));
  RETURN_IF_ERROR(ReadNumber(root, "request_bytes_max", 1, kBytesMax, &config.request_bytes_max));
  RETURN_IF_ERROR(ReadNumber(root, "response_bytes_max", 1, kBytesMax, &config.response_bytes_max));
  RETURN_IF_ERROR(ReadNumber(root, "queue_max", 0, 1 << 20, &config.queue_max));
  RETURN_IF_ERROR(ReadNumber(root, "deadline_ms", 1, 86'400'000, &config.deadline_ms));
  element value;
  if (root["batch"].get(value) == simdjson::SUCCESS &&
      value.get_bool().get(config.batch) != simdjson::SUCCESS) {
    return Wrong("batch", "true or false");
  }
  if (root["create_version_request"].get(value) == simdjson::SUCCESS) {
    config.create_version_request = simdjson::minify(value);
  }
  return config;
}

}  // namespace hodei::serve
