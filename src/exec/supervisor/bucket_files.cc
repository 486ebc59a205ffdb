#include "exec/supervisor/bucket_files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "exec/sandbox/cgroup.h"
#include "exec/supervisor/rights.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

// As hodei-bucketfs expects them.
constexpr int kDeviceFd = 3;
constexpr int kApiFolderFd = 4;
constexpr int kAboveThose = 64;

[[noreturn]] void Become(const LaunchPlan& plan, const SandboxView& view, const UniqueFd& program) {
  const int device = fcntl(view.bucket_device.get(), F_DUPFD_CLOEXEC, kAboveThose);
  const int folder = fcntl(view.api_folder.get(), F_DUPFD_CLOEXEC, kAboveThose);
  const int image = fcntl(program.get(), F_DUPFD_CLOEXEC, kAboveThose);
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  // The replica's output pipes end when the replica does, so none may stay open here.
  for (int fd : {0, 1, 2}) dup2(nothing, fd);
  dup2(device, kDeviceFd);
  dup2(folder, kApiFolderFd);
  if (chdir("/") != 0 || !DropRights(plan.host_uid)) _exit(125);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // After the change of user, which clears it.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  std::string name = "hodei-bucketfs";
  std::string project = plan.spec.bucket_files_project;
  char* argv[] = {name.data(), project.data(), nullptr};
  char* const no_environment[] = {nullptr};
  // By descriptor: the folders above the program may be closed to the job's user.
  fexecve(image, argv, no_environment);
  _exit(125);
}

}  // namespace

Status StartBucketFiles(const LaunchPlan& plan, const SandboxView& view) {
  ASSIGN_OR_RETURN(const UniqueFd program, OpenFile(plan.bucketfs_path, O_RDONLY));
  bool joined = false;
  const pid_t pid = ForkIntoCgroups(plan.cgroups, &joined);
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid > 0) return OkStatus();
  if (!joined) _exit(125);
  Become(plan, view, program);
}

}  // namespace hodei::exec
