// The first process of a sandbox: waits for the supervisor's word, starts the program, reaps what
// loses its parent, passes SIGTERM to everything, forwards the API, and ends with the program. The
// kernel then kills whatever is left in the pid namespace.
#pragma once

namespace hodei::exec {

// The exit code of the program (128 + signal).
int RunReplicaInit();

}  // namespace hodei::exec
