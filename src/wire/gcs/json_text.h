// JSON as text and as trees, where the API's resources need more than a message: merges in which
// null deletes, and sub-resources kept as given.
#pragma once

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "wire/json/field_selection.h"

namespace hodei::wire::gcs {

// Whoever uses its members includes <nlohmann/json.hpp>, which takes the compiler seconds.
using Json = nlohmann::ordered_json;

// INVALID_ARGUMENT "parseError" for what is not JSON, is nested too deep, or is no object. Empty
// text, and "null", are the empty object.
Result<Json> ParseJsonObject(std::string_view text);

std::string JsonQuote(std::string_view text);
// "2024-05-01T10:00:00.123Z".
std::string FormatTime(const google::protobuf::Timestamp& time);

google::protobuf::Value ToValue(const Json& json);
Json FromValue(const google::protobuf::Value& value);

// Keeps only what `selection` names.
Json Select(const Json& json, const FieldSelection& selection);

// Writes one JSON object straight into text, leaving out what the selection does not name.
class JsonObjectWriter {
 public:
  // Both must outlive the writer, which opens the object now and closes it when it dies.
  JsonObjectWriter(const FieldSelection& selection, std::string* out);
  ~JsonObjectWriter();
  JsonObjectWriter(const JsonObjectWriter&) = delete;
  JsonObjectWriter& operator=(const JsonObjectWriter&) = delete;

  void String(std::string_view name, std::string_view value);
  // The same with a name that a user chose.
  void QuotedString(std::string_view name, std::string_view value);
  void NonEmpty(std::string_view name, std::string_view value) {
    if (!value.empty()) String(name, value);
  }
  // 64-bit numbers are strings in this API.
  void NumberText(std::string_view name, int64_t value);
  void Number(std::string_view name, int64_t value);
  void Bool(std::string_view name, bool value);
  void Time(std::string_view name, const google::protobuf::Timestamp& time);
  void Tree(std::string_view name, const Json& value);
  // When the field is wanted: writes its name, and the value is the caller's to append.
  const FieldSelection* Begin(std::string_view name);
  std::string* out() { return &out_; }

 private:
  const FieldSelection& selection_;
  std::string& out_;
  bool first_ = true;
};

}  // namespace hodei::wire::gcs
