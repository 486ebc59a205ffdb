// hodei-replica-init: runs only inside a sandbox. See init.h.
#include <cstring>

#include "exec/replica_init/escape_program.h"
#include "exec/replica_init/init.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--escape-program") == 0) {
    return hodei::exec::RunEscapeProgram();
  }
  return hodei::exec::RunReplicaInit();
}
