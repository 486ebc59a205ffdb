// Client bodies against signatures of every kind: whatever is accepted must be whole arrays of the
// signature's types, and the same bytes must give the same answer twice (the parser is kept).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "serve/request_body.h"

namespace hodei::serve {
namespace {

using engine::DType;
using engine::Signature;

void Check(bool promise) {
  if (!promise) std::abort();
}

const std::vector<Signature>& Signatures() {
  static const std::vector<Signature> kSignatures = {
      {"serving_default", {{"x", DType::kFloat32, true, {-1, 2}}}, {}},
      {"doubles", {{"x", DType::kFloat64, false, {}}}, {}},
      {"text", {{"t", DType::kString, true, {-1}}}, {}},
      {"two", {{"a", DType::kInt8, true, {-1, -1}}, {"b", DType::kBool, true, {-1}}}, {}},
  };
  return kSignatures;
}

Result<ParsedRequest> ParseOnce(const std::string& padded, size_t size, bool null_is_nan) {
  BodyRules rules;
  rules.null_is_nan = null_is_nan;
  return ParseRequest(std::string_view(padded).substr(0, size), Signatures(), rules);
}

}  // namespace
}  // namespace hodei::serve

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::serve;  // NOLINT
  std::string padded(reinterpret_cast<const char*>(data), size);
  padded.append(kBodyPadding, '\0');
  const hodei::Result<ParsedRequest> request = ParseOnce(padded, size, size % 2 == 0);
  const hodei::Result<ParsedRequest> again = ParseOnce(padded, size, size % 2 == 0);
  Check(request.ok() == again.ok());
  if (!request.ok()) {
    Check(request.status().code() == hodei::Code::kInvalidArgument);
    return 0;
  }
  const auto& signature = Signatures()[request->signature];
  Check(request->rows > 0 && request->inputs.size() == signature.inputs.size());
  for (size_t i = 0; i < request->inputs.size(); ++i) {
    const hodei::engine::Tensor& input = request->inputs[i];
    Check(input.dtype == signature.inputs[i].dtype && input.shape[0] == request->rows);
    const auto count = static_cast<size_t>(hodei::engine::ElementCount(input.shape));
    Check(input.dtype == hodei::engine::DType::kString
              ? input.strings.size() == count
              : input.data.size() == count * hodei::engine::ElementBytes(input.dtype));
  }
  return 0;
}
