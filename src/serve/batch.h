// POST /batch of docs/decisions/0040: scores one chunk of a batch job's input and answers with
// frames of results, errors and counts. Nothing is kept between chunks.
#pragma once

#include <string>
#include <string_view>

#include "serve/http_loop.h"
#include "serve/loaded_model.h"

namespace hodei::serve {

inline constexpr int64_t kBatchSizeMax = 65536;
inline constexpr size_t kBatchErrorBytesMax = 4096;

// `body` is followed by kBodyPadding readable bytes.
HttpAnswer ScoreBatch(std::string_view query, std::string_view content_type, std::string_view body,
                      LoadedModel* loaded, engine::Deadline deadline);

}  // namespace hodei::serve
