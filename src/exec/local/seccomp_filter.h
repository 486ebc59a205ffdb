// The system calls that no replica may make, as a BPF program for bwrap.
#pragma once

#include <string>

#include "base/status.h"

namespace hodei::exec {

// Writes the program for this machine's architecture to `path`. Denied calls answer EPERM, clone3
// answers ENOSYS (its flags cannot be looked at, and glibc then uses clone), other architectures'
// calls kill.
Status WriteSeccompFilter(const std::string& path);

}  // namespace hodei::exec
