// NPY arrays (numpy's .npy format, versions 1 to 3) as request and answer bodies: the way to send
// many numbers without printing and parsing them.
//
// Request: one array, little endian and in C order, whose first dimension counts the instances, for
// a model with a single numeric input; any real or integer type, converted to the input's. Answer:
// one array with the model's only output.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/tensor.h"
#include "serve/request_body.h"

namespace hodei::serve {

inline constexpr size_t kNpyHeaderBytesMax = 16 * 1024;

// INVALID_ARGUMENT says what is wrong with the bytes.
Result<engine::Tensor> ParseNpy(std::string_view bytes);
// INVALID_ARGUMENT also when the array does not fit the signature's input.
Result<ParsedRequest> NpyRequest(std::string_view body,
                                 const std::vector<engine::Signature>& signatures,
                                 std::string_view signature_name);
Result<std::string> PrintNpy(const std::vector<engine::Tensor>& outputs);

}  // namespace hodei::serve
