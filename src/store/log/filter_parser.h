// The grammar of the query language.
#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "store/log/filter.h"

namespace hodei::store {

// Null for the empty text. INVALID_ARGUMENT says what is wrong and at which character, also for
// what is deeper or larger than kFilterMaxDepth and kFilterMaxNodes.
Result<std::unique_ptr<Filter::Node>> ParseFilter(std::string_view text);

}  // namespace hodei::store
