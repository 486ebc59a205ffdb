// Whatever the bytes: a refusal, or at most kMaxFormFields fields.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "domain/access/form_fields.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto fields = hodei::access::ParseForm({reinterpret_cast<const char*>(data), size});
  if (fields.ok() && fields->size() > hodei::access::kMaxFormFields) std::abort();
  return 0;
}
