#include "exec/replica_init/escape_program.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace hodei::exec {
namespace {

class Report {
 public:
  // `escaped`: the forbidden thing worked.
  void Case(const char* name, bool escaped) {
    ++cases_;
    if (escaped) ++escapes_;
    std::printf("%s %s\n", escaped ? "ESCAPE" : "ok", name);
  }
  // A system call that must fail.
  void MustFail(const char* name, long result) { Case(name, result >= 0); }
  int cases() const { return cases_; }
  int escapes() const { return escapes_; }

 private:
  int cases_ = 0;
  int escapes_ = 0;
};

bool CanOpen(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  close(fd);
  return true;
}

// In a child, because a success would change this process. The child's 0 means it worked.
template <typename F>
bool WorksInChild(F attempt) {
  const pid_t pid = fork();
  if (pid == 0) _exit(attempt() ? 0 : 1);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string StatusLine(const char* path, const char* key) {
  std::string found;
  char line[512];
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return found;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, key, std::strlen(key)) == 0) {
      found = line + std::strlen(key);
      break;
    }
  }
  std::fclose(file);
  return found;
}

void Credentials(Report* report) {
  const auto has_caps = [](const char* key) {
    return std::strtoull(StatusLine("/proc/self/status", key).c_str(), nullptr, 16) != 0;
  };
  report->Case("effective capabilities", has_caps("CapEff:"));
  report->Case("permitted capabilities", has_caps("CapPrm:"));
  report->Case("bounding capabilities", has_caps("CapBnd:"));
  report->Case("ambient capabilities", has_caps("CapAmb:"));
  report->Case("new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
  report->Case("no seccomp filter", prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 2);
  report->Case("uid 0", getuid() == 0 || geteuid() == 0);
  report->MustFail("setuid 0", setuid(0));
  report->MustFail("setresuid 0", setresuid(0, 0, 0));
  report->MustFail("setgid 0", setgid(0));
  const gid_t groups[] = {0};
  report->MustFail("setgroups", setgroups(1, groups));
  const rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  report->MustFail("raise nofile", setrlimit(RLIMIT_NOFILE, &limit));
  report->MustFail("raise core", setrlimit(RLIMIT_CORE, &limit));
}

void Namespaces(Report* report) {
  report->Case("unshare user", WorksInChild([] { return unshare(CLONE_NEWUSER) == 0; }));
  report->Case("unshare mount", WorksInChild([] { return unshare(CLONE_NEWNS) == 0; }));
  report->Case("unshare net", WorksInChild([] { return unshare(CLONE_NEWNET) == 0; }));
  report->Case("unshare user and mount",
               WorksInChild([] { return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0; }));
  const auto clone_with = [](unsigned long flags) {
    const long pid = syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (pid == 0) _exit(0);
    if (pid > 0) waitpid(static_cast<pid_t>(pid), nullptr, 0);
    return pid > 0;
  };
  report->Case("clone user", clone_with(CLONE_NEWUSER));
  report->Case("clone pid", clone_with(CLONE_NEWPID));
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  } clone3_args{CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0};
  const long pid3 = syscall(SYS_clone3, &clone3_args, sizeof clone3_args);
  if (pid3 == 0) _exit(0);
  report->Case("clone3 user", pid3 > 0);
  report->Case("setns pid 1", WorksInChild([] {
                 const int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
                 return fd >= 0 && setns(fd, 0) == 0;
               }));
}

void Mounts(Report* report) {
  report->MustFail("mount tmpfs", mount("x", "/tmp", "tmpfs", 0, ""));
  report->MustFail("mount proc", mount("proc", "/proc", "proc", 0, ""));
  report->MustFail("remount usr", mount(nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr));
  report->MustFail("bind", mount("/usr", "/tmp", nullptr, MS_BIND, nullptr));
  report->MustFail("umount usr", umount2("/usr", MNT_DETACH));
  report->MustFail("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  report->MustFail("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/usr", 1));
  report->MustFail("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/usr", 0, nullptr, 0));
  report->MustFail("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
  report->Case("chroot", WorksInChild([] { return chroot("/tmp") == 0; }));
  report->MustFail("swapon", swapon("/tmp/x", 0));
  report->Case("write usr", CanOpen("/usr/.escape", O_WRONLY | O_CREAT));
  report->Case("write etc passwd", CanOpen("/etc/passwd", O_WRONLY));
  report->Case("read shadow", CanOpen("/etc/shadow", O_RDONLY));
  report->Case("see root's home", CanOpen("/root", O_RDONLY));
  report->Case("see home", CanOpen("/home", O_RDONLY));
  report->Case("see var lib", CanOpen("/var/lib", O_RDONLY));
  report->Case("write init", CanOpen("/.hodei/init", O_WRONLY));
}

void Devices(Report* report) {
  const auto make = [](const char* name, mode_t type, unsigned major_number,
                       unsigned minor_number) {
    const std::string path = std::string("/tmp/") + name;
    return mknod(path.c_str(), type | 0600, makedev(major_number, minor_number)) == 0 &&
           CanOpen(path.c_str(), O_RDWR);
  };
  report->Case("mknod disk", make("disk", S_IFBLK, 254, 0));
  report->Case("mknod loop", make("loop", S_IFBLK, 7, 0));
  report->Case("mknod mem", make("mem", S_IFCHR, 1, 1));
  report->Case("mknod kmsg", make("kmsg", S_IFCHR, 1, 11));
  for (const char* path : {"/dev/kvm", "/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/loop-control",
                           "/dev/net/tun", "/dev/vda", "/dev/sda", "/dev/tty0"}) {
    report->Case(path, CanOpen(path, O_RDWR));
  }
}

void Kernel(Report* report) {
  for (const char* path :
       {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger",
        "/proc/sys/vm/panic_on_oom", "/proc/sys/fs/binfmt_misc/register", "/proc/kcore",
        "/proc/sys/net/ipv4/ip_forward", "/proc/sys/user/max_user_namespaces",
        "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/cgroup.procs",
        "/sys/kernel/uevent_helper", "/sys/fs/cgroup/release_agent"}) {
    report->Case(path, CanOpen(path, O_WRONLY));
  }
  report->Case("lower oom_score_adj", [] {
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && write(fd, "-1000", 5) == 5;
    if (fd >= 0) close(fd);
    return done;
  }());
  report->MustFail("init_module", syscall(SYS_init_module, nullptr, 0, ""));
  report->MustFail("finit_module", syscall(SYS_finit_module, -1, "", 0));
  report->MustFail("kexec_load", syscall(SYS_kexec_load, 0, 0, nullptr, 0));
  // Without CAP_SYS_BOOT; CAD_OFF would only change what Ctrl-Alt-Del does.
  report->MustFail("reboot", reboot(RB_DISABLE_CAD));
  timeval now{};
  gettimeofday(&now, nullptr);
  report->MustFail("settimeofday", settimeofday(&now, nullptr));
  timex clock{};
  clock.modes = ADJ_STATUS;
  report->MustFail("adjtimex", adjtimex(&clock));
  report->MustFail("sethostname", sethostname("x", 1));
  report->MustFail("acct", acct("/tmp/acct"));
  report->MustFail("syslog", klogctl(3, nullptr, 0));
#if defined(__x86_64__)
  report->MustFail("iopl", syscall(SYS_iopl, 3));
  report->MustFail("ioperm", syscall(SYS_ioperm, 0, 1, 1));
#endif
  report->MustFail("nice -20", syscall(SYS_setpriority, PRIO_PROCESS, 0, -20));
}

void Interfaces(Report* report) {
  union bpf_attr bpf {};
  bpf.map_type = BPF_MAP_TYPE_ARRAY;
  bpf.key_size = bpf.value_size = 4;
  bpf.max_entries = 1;
  report->MustFail("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &bpf, sizeof bpf));
  report->MustFail("io_uring_setup", [] {
    char params[120] = {};
    return syscall(SYS_io_uring_setup, 1, params);
  }());
  report->MustFail("userfaultfd", syscall(SYS_userfaultfd, 0));
  report->MustFail("perf_event_open", syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  report->MustFail("add_key", syscall(SYS_add_key, "user", "x", "y", 1, -2));
  report->MustFail("keyctl", syscall(SYS_keyctl, 0, -3, 1));
  report->MustFail("request_key", syscall(SYS_request_key, "user", "x", nullptr, -2));
  report->MustFail("name_to_handle_at", [] {
    struct {
      unsigned bytes = 128;
      int type = 0;
      unsigned char handle[128] = {};
    } handle;
    int mount_id = 0;
    return syscall(SYS_name_to_handle_at, AT_FDCWD, "/usr", &handle, &mount_id, 0);
  }());
  report->MustFail("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, nullptr, 0));
  report->MustFail("ptrace init", ptrace(PTRACE_ATTACH, 1, nullptr, nullptr));
  report->MustFail("process_vm_readv init",
                   syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0));
  report->Case("read init's memory", CanOpen("/proc/1/mem", O_RDONLY));
  report->Case("read init's environment", [] {
    char byte = 0;
    const int fd = open("/proc/1/environ", O_RDONLY | O_CLOEXEC);
    const bool read_any = fd >= 0 && read(fd, &byte, 1) > 0;
    if (fd >= 0) close(fd);
    return read_any;
  }());
  report->Case("kill init", kill(1, SIGKILL) == 0 && kill(1, 0) != 0);
  report->MustFail("raw socket", socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1));
  report->MustFail("packet socket", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  report->Case("set interface down", [] {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    const bool done = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (fd >= 0) close(fd);
    return done;
  }());
  report->Case("TIOCSTI", [] {
    char c = 'x';
    return ioctl(0, TIOCSTI, &c) == 0;
  }());
  report->Case("controlling terminal", CanOpen("/dev/tty", O_RDWR));
}

void Leaks(Report* report) {
  int extra = 0;
  if (DIR* dir = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(dir)) {
      const int fd = std::atoi(entry->d_name);
      if (fd > 2 && fd != dirfd(dir)) ++extra;
    }
    closedir(dir);
  }
  report->Case("inherited descriptors", extra != 0);
  bool tree = false;
  if (DIR* dir = opendir("/proc")) {
    while (const dirent* entry = readdir(dir)) tree = tree || std::atoi(entry->d_name) > 64;
    closedir(dir);
  }
  report->Case("host processes visible", tree);
  report->Case("setuid file", [] {
    const int fd = open("/tmp/suid", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    if (fd < 0) return false;
    close(fd);
    chmod("/tmp/suid", 04755);
    struct stat st {};
    return stat("/tmp/suid", &st) == 0 && st.st_uid == 0;
  }());
}

}  // namespace

int RunEscapeProgram() {
  Report report;
  Credentials(&report);
  Namespaces(&report);
  Mounts(&report);
  Devices(&report);
  Kernel(&report);
  Interfaces(&report);
  Leaks(&report);
  std::printf("cases %d escapes %d\n", report.cases(), report.escapes());
  std::fflush(stdout);
  return report.escapes() > 100 ? 100 : report.escapes();
}

}  // namespace hodei::exec
