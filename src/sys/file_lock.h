// An exclusive lock on a whole file, held by the open file: it goes with the last descriptor.
#pragma once

#include <chrono>

#include "base/status.h"

namespace hodei {

// A killed holder's lock may live some milliseconds longer than the holder: a child that it was
// starting has the descriptor until its exec. So a held lock is asked for again for this long.
inline constexpr std::chrono::milliseconds kLockPatience{2000};

// UNAVAILABLE when another open file still has it after `patience`; other errors by errno.
Status LockFile(int fd, std::chrono::milliseconds patience = kLockPatience);

}  // namespace hodei
