// `hodeid --doctor`: what this machine can do for jobs, one line a check ("ok  sandbox: …"), and an
// attempt to break out of the sandbox.
#pragma once

namespace hodei::server {

// Prints to standard output. 0 when no check failed. Leaves a running server alone.
int RunDoctor();

}  // namespace hodei::server
