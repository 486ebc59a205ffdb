// XGBoost's JSON: what is accepted must run on any rows and answer one row for each.
#include <cstdint>
#include <cstdlib>

#include "engine/probe.h"
#include "engine/xgboost_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::engine;  // NOLINT
  auto read = ReadXgboostJson({reinterpret_cast<const char*>(data), size});
  if (!read.ok() || read->thresholds.size() > 64) return 0;
  constexpr int64_t kFuzzRows = 20;
  const Tensor rows = ProbeRows(read->thresholds, kFuzzRows, true);
  auto outputs = read->model->Run(0, {rows}, Deadline::max());
  if (!outputs.ok() || (*outputs)[0].rows() != kFuzzRows) std::abort();
  return 0;
}
