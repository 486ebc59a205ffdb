// Reads the bytes of a flat model: its header and its arrays. Every number is checked here, so that
// evaluation checks nothing.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/flat_steps.h"

namespace hodei::engine {

class FlatReader {
 public:
  Status Open(std::string_view bytes);
  simdjson::dom::element root() const { return root_; }

  Result<std::string_view> Text(simdjson::dom::element in, const char* key) const;
  Result<int64_t> Integer(simdjson::dom::element in, const char* key, int64_t least,
                          int64_t most) const;
  Result<double> Real(simdjson::dom::element in, const char* key) const;
  bool Flag(simdjson::dom::element in, const char* key) const;
  // The array that `in[key]` numbers.
  Result<std::vector<double>> Doubles(simdjson::dom::element in, const char* key) const;
  Result<std::vector<float>> Floats(simdjson::dom::element in, const char* key) const;
  Result<std::vector<int32_t>> Integers(simdjson::dom::element in, const char* key) const;
  Result<std::vector<int64_t>> Longs(simdjson::dom::element in, const char* key) const;
  // "f4", "f8", "i4" or "i8".
  Result<std::string_view> TypeOf(simdjson::dom::element in, const char* key) const;

  // The steps in `in["steps"]` for rows of `*width`; leaves the width after them there.
  Result<FlatSteps> Steps(simdjson::dom::element in, size_t* width, int depth) const;

 private:
  struct Array {
    std::string_view dtype;
    std::string_view bytes;
  };
  Result<const Array*> Find(simdjson::dom::element in, const char* key) const;
  template <typename T>
  Result<std::vector<T>> Values(simdjson::dom::element in, const char* key,
                                std::string_view dtype) const;
  Result<std::unique_ptr<FlatStep>> Step(simdjson::dom::element step, size_t width,
                                         int depth) const;
  Result<std::unique_ptr<FlatStep>> ScaleStep(std::string_view op, simdjson::dom::element step,
                                              size_t width) const;
  Result<std::unique_ptr<FlatStep>> EncoderStep(std::string_view op, simdjson::dom::element step,
                                                size_t width) const;
  Result<std::unique_ptr<FlatStep>> AffineStep(simdjson::dom::element step, size_t width) const;
  Result<std::unique_ptr<FlatStep>> BranchesStep(simdjson::dom::element step, size_t width,
                                                 int depth) const;

  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
  std::vector<Array> arrays_;
};

Status MalformedFlatModel(std::string_view what);

}  // namespace hodei::engine
