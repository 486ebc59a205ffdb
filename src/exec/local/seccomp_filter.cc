#include "exec/local/seccomp_filter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/random_id.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr const char* kDenied[] = {
    // other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
    // file systems
    "mount", "umount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick",
    "open_tree", "move_mount", "mount_setattr", "name_to_handle_at", "open_by_handle_at",
    "quotactl", "quotactl_fd", "fanotify_init",
    // namespaces
    "unshare", "setns",
    // the machine
    "swapon", "swapoff", "reboot", "init_module", "finit_module", "delete_module", "create_module",
    "kexec_load", "kexec_file_load", "acct", "syslog", "settimeofday", "clock_settime",
    "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex", "stime", "iopl", "ioperm",
    "sethostname", "setdomainname", "vhangup", "lookup_dcookie", "uselib", "nfsservctl", "vm86",
    "vm86old", "modify_ldt",
    // kernel interfaces with a history
    "add_key", "keyctl", "request_key", "perf_event_open", "bpf", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "move_pages", "migrate_pages", "mbind", "set_mempolicy"};

constexpr uint64_t kNamespaceFlags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                     CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

struct FilterDeleter {
  void operator()(void* filter) const { seccomp_release(filter); }
};

Status Add(scmp_filter_ctx filter, uint32_t action, const char* name) {
  const int number = seccomp_syscall_resolve_name(name);
  // A name this architecture or library does not know cannot be called by it either.
  if (number == __NR_SCMP_ERROR || number < 0) return OkStatus();
  const int error = seccomp_rule_add(filter, action, number, 0);
  if (error != 0) return ErrnoStatus(-error, fmt::format("seccomp rule for {}", name));
  return OkStatus();
}

Status Fill(scmp_filter_ctx filter) {
  for (const char* name : kDenied) RETURN_IF_ERROR(Add(filter, SCMP_ACT_ERRNO(EPERM), name));
  RETURN_IF_ERROR(Add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3"));
  for (uint64_t flag = 1; flag != 0 && flag <= kNamespaceFlags; flag <<= 1) {
    if ((kNamespaceFlags & flag) == 0) continue;
    const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                       SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    if (error != 0) return ErrnoStatus(-error, "seccomp rule for clone");
  }
  // Injecting input into a terminal: TIOCSTI and TIOCLINUX.
  for (uint64_t request : {0x5412UL, 0x541CUL}) {
    const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                       SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffUL, request));
    if (error != 0) return ErrnoStatus(-error, "seccomp rule for ioctl");
  }
  return OkStatus();
}

}  // namespace

Status WriteSeccompFilter(const std::string& path) {
  const std::unique_ptr<void, FilterDeleter> filter(seccomp_init(SCMP_ACT_ALLOW));
  if (filter == nullptr) return Internal("seccomp_init failed");
  seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A tree instead of a list: some ten comparisons a call instead of a hundred.
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  RETURN_IF_ERROR(Fill(filter.get()));
  const std::string temporary = path + ".tmp-" + RandomId(12);
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(temporary, O_RDWR | O_CREAT | O_EXCL, 0644));
  const int error = seccomp_export_bpf(filter.get(), fd.get());
  if (error != 0) return ErrnoStatus(-error, "export seccomp filter");
  if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "rename");
  return OkStatus();
}

}  // namespace hodei::exec
