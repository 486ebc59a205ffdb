// Where the next page of an object listing starts, as the opaque token that clients hand back.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "store/object/index.h"

namespace hodei::store {

std::string EncodePageToken(const ScanPosition& position);
// INVALID_ARGUMENT for anything EncodePageToken did not make.
Result<ScanPosition> DecodePageToken(std::string_view token);

}  // namespace hodei::store
