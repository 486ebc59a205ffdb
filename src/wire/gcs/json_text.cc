#include "wire/gcs/json_text.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace hodei::wire::gcs {
namespace {

constexpr int kDepthLimit = 32;

// Counts brackets outside strings, so that the parser never goes deeper than this.
bool TooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthLimit) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

void AppendQuoted(std::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      case '<':  // a browser that takes this for HTML finds no tag
        out->append("\\u003c");
        break;
      case '>':
        out->append("\\u003e");
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out->append(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
        } else {
          out->push_back(c);
        }
    }
  }
  out->push_back('"');
}

}  // namespace

Result<Json> ParseJsonObject(std::string_view text) {
  const auto bad = [] { return InvalidArgument("Parse Error").WithReason("parseError"); };
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return Json(Json::object());
  if (TooDeep(text)) return bad();
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_null()) return Json(Json::object());
  if (json.is_discarded() || !json.is_object()) return bad();
  return json;
}

std::string JsonQuote(std::string_view text) {
  std::string out;
  if (IsValidUtf8(text)) {
    AppendQuoted(text, &out);
  } else {
    AppendQuoted(PercentEncode(text, " /:.,'"), &out);
  }
  return out;
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  return FormatRfc3339(WallTime{time.seconds() * 1'000'000'000 + time.nanos()}, 3);
}

google::protobuf::Value ToValue(const Json& json) {
  google::protobuf::Value out;
  if (json.is_string()) {
    out.set_string_value(json.get<std::string>());
  } else if (json.is_boolean()) {
    out.set_bool_value(json.get<bool>());
  } else if (json.is_number()) {
    out.set_number_value(json.get<double>());
  } else if (json.is_array()) {
    out.mutable_list_value();
    for (const Json& item : json) *out.mutable_list_value()->add_values() = ToValue(item);
  } else if (json.is_object()) {
    out.mutable_struct_value();
    for (const auto& [key, value] : json.items()) {
      (*out.mutable_struct_value()->mutable_fields())[key] = ToValue(value);
    }
  } else {
    out.set_null_value(google::protobuf::NULL_VALUE);
  }
  return out;
}

Json FromValue(const google::protobuf::Value& value) {
  using Kind = google::protobuf::Value::KindCase;
  switch (value.kind_case()) {
    case Kind::kStringValue:
      return value.string_value();
    case Kind::kBoolValue:
      return value.bool_value();
    case Kind::kNumberValue: {
      const double number = value.number_value();
      // Whole numbers print without a fraction.
      if (std::floor(number) == number && std::abs(number) < 9e15) {
        return static_cast<int64_t>(number);
      }
      return number;
    }
    case Kind::kListValue: {
      Json out = Json::array();
      for (const auto& item : value.list_value().values()) out.push_back(FromValue(item));
      return out;
    }
    case Kind::kStructValue: {
      std::map<std::string, Json> sorted;
      for (const auto& [key, item] : value.struct_value().fields()) sorted[key] = FromValue(item);
      Json out = Json::object();
      for (auto& [key, item] : sorted) out[key] = std::move(item);
      return out;
    }
    default:
      return nullptr;
  }
}

Json Select(const Json& json, const FieldSelection& selection) {
  if (selection.all()) return json;
  if (json.is_array()) {
    Json out = Json::array();
    for (const Json& item : json) out.push_back(Select(item, selection));
    return out;
  }
  if (!json.is_object()) return json;
  Json out = Json::object();
  for (const auto& [key, value] : json.items()) {
    if (const FieldSelection* child = selection.Child(key, key)) out[key] = Select(value, *child);
  }
  return out;
}

JsonObjectWriter::JsonObjectWriter(const FieldSelection& selection, std::string* out)
    : selection_(selection), out_(*out) {
  out_.push_back('{');
}

JsonObjectWriter::~JsonObjectWriter() { out_.push_back('}'); }

const FieldSelection* JsonObjectWriter::Begin(std::string_view name) {
  const FieldSelection* child = selection_.all() ? &selection_ : selection_.Child(name, name);
  if (child == nullptr) return nullptr;
  if (!first_) out_.push_back(',');
  first_ = false;
  out_.push_back('"');
  out_.append(name);
  out_.append("\":");
  return child;
}

void JsonObjectWriter::String(std::string_view name, std::string_view value) {
  if (Begin(name) != nullptr) AppendQuoted(value, &out_);
}

void JsonObjectWriter::QuotedString(std::string_view name, std::string_view value) {
  if (!first_) out_.push_back(',');
  first_ = false;
  AppendQuoted(name, &out_);
  out_.push_back(':');
  AppendQuoted(value, &out_);
}

void JsonObjectWriter::NumberText(std::string_view name, int64_t value) {
  if (Begin(name) != nullptr) out_.append("\"").append(std::to_string(value)).append("\"");
}

void JsonObjectWriter::Number(std::string_view name, int64_t value) {
  if (Begin(name) != nullptr) out_.append(std::to_string(value));
}

void JsonObjectWriter::Bool(std::string_view name, bool value) {
  if (Begin(name) != nullptr) out_.append(value ? "true" : "false");
}

void JsonObjectWriter::Time(std::string_view name, const google::protobuf::Timestamp& time) {
  if (Begin(name) != nullptr) out_.append("\"").append(FormatTime(time)).append("\"");
}

void JsonObjectWriter::Tree(std::string_view name, const Json& value) {
  const FieldSelection* child = Begin(name);
  if (child == nullptr) return;
  out_.append(Select(value, *child).dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace hodei::wire::gcs
