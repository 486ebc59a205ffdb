// Tries to get out of the sandbox it runs in, by every way we know (threat T20). Used by the tests
// and by `hodei doctor`; run as /.hodei/init --escape-program inside a replica.
#pragma once

namespace hodei::exec {

// Prints one line a case, "ok NAME" or "ESCAPE NAME: what worked", then "cases N escapes M".
// The number of escapes, at most 100: the exit code.
int RunEscapeProgram();

}  // namespace hodei::exec
