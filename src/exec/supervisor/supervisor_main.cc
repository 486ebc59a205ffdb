// hodei-supervisor REPLICA_DIR [scratch]: started by the server with a pipe on descriptor 1 for the
// one-line report and, where it says so, the replica's scratch volume on kInheritedFd. Leaves the
// server's process group and session and lives on alone.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "base/clock.h"
#include "exec/sandbox/run_program.h"
#include "exec/supervisor/supervisor.h"

int main(int argc, char** argv) {
  const bool has_scratch = argc == 3 && std::string_view(argv[2]) == "scratch";
  if ((argc != 2 && !has_scratch) || argv[1][0] != '/') {
    std::fputs("hodei-supervisor is started by hodeid, not by hand\n", stderr);
    return 2;
  }
  // The middle process ends at once, so the server waits for that one and never for us.
  const pid_t child = fork();
  if (child != 0) _exit(child < 0 ? 1 : 0);
  setsid();
  // Above all that is closed below.
  hodei::UniqueFd report(fcntl(1, F_DUPFD_CLOEXEC, 64));
  hodei::UniqueFd scratch(
      has_scratch ? fcntl(hodei::exec::kInheritedFd, F_DUPFD_CLOEXEC, report.get() + 1) : -1);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) dup2(null, fd);
  close_range(3, 63, 0);
  close_range(static_cast<unsigned>(std::max(report.get(), scratch.get())) + 1, ~0U, 0);
  umask(022);  // modes are said where files are made; those of the stage must be readable
  // Best effort: root in a container may lack the right. The sandbox raises its own again.
  if (const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    (void)!write(fd, "-900", 4);
    close(fd);
  }
  if (chdir("/") != 0) return 1;
  hodei::exec::Supervisor supervisor(argv[1], std::move(report), std::move(scratch),
                                     hodei::SystemClock());
  return supervisor.Run();
}
