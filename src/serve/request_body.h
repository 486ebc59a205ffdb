// The body of a prediction request: JSON parsed straight into the arrays that the model takes.
//
// Numbers: what JSON (RFC 8259) has, read as double and then rounded to the input's type; a number
// outside double's range is refused. NaN and the infinities are the strings "NaN", "Infinity" and
// "-Infinity", as in proto3 JSON; the bare words are no JSON and refused. For models that know
// missing values (BodyRules::null_is_nan) null is NaN.
// Depth: a value may be nested as deep as its input has dimensions, kRankMax at most.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/tensor.h"

namespace hodei::serve {

struct BodyRules {
  std::string default_signature;  // empty: the only one, else serving_default
  bool null_is_nan = false;
  bool other_keys = true;  // further top-level keys are ignored, once they are known to be JSON
};

struct ParsedRequest {
  size_t signature = 0;
  std::vector<engine::Tensor> inputs;  // in the signature's order
  int64_t rows = 0;
};

// Bytes a body must be followed by in memory; their values do not matter.
inline constexpr size_t kBodyPadding = simdjson::SIMDJSON_PADDING;

// Which signature a request means: the named one, else the only one, else serving_default.
Result<size_t> ChooseSignature(const std::vector<engine::Signature>& signatures,
                               std::string_view name);

// `body` is followed by kBodyPadding readable bytes. Every error is INVALID_ARGUMENT and names the
// input and the shape or type it expects; one with reason kNotNumbers says that an instance of a
// numeric input holds something else, which a Python model may still understand.
Result<ParsedRequest> ParseRequest(std::string_view body,
                                   const std::vector<engine::Signature>& signatures,
                                   const BodyRules& rules);
inline constexpr char kNotNumbers[] = "notNumbers";

// Reads the instances of `bodies[i]` for raw string records: one string input, one record a row.
// INVALID_ARGUMENT when the signature has another form.
Result<ParsedRequest> RecordsRequest(const std::vector<std::string_view>& records,
                                     const std::vector<engine::Signature>& signatures,
                                     size_t signature);
// True when the signature takes whole records: a single string input of scalars.
bool TakesRecords(const engine::Signature& signature);

}  // namespace hodei::serve
