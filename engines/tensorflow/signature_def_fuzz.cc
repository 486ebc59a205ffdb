// MetaGraphDefs of hostile SavedModels: read within their bytes and the reader's limits.
#include <cstdint>
#include <cstdlib>

#include "tensorflow/signature_def.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<hodei::engines::SignatureDef> signatures;
  if (!hodei::engines::ReadSignatureDefs({reinterpret_cast<const char*>(data), size},
                                         &signatures)) {
    return 0;
  }
  if (signatures.size() > hodei::engines::kSignaturesMax) std::abort();
  for (const auto& signature : signatures) {
    for (const auto& input : signature.inputs) {
      for (int64_t dimension : input.shape) {
        if (dimension < -1) std::abort();
      }
    }
  }
  return 0;
}
