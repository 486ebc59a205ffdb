// Where the configuration says that objects' bytes are kept.
#pragma once

#include <optional>

#include "base/status.h"
#include "hodei/config.pb.h"
#include "store/object/remote_store.h"

namespace hodei::server {

// Absent: in the data folder. INVALID_ARGUMENT says which field of storage.s3 is wrong.
Result<std::optional<store::RemoteOptions>> ReadRemoteOptions(const Config& config);

}  // namespace hodei::server
