#include "exec/sandbox/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "exec/sandbox/gpu_nodes.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

// open_tree and move_mount: glibc has the wrappers only since 2.36.
int OpenTree(const std::string& path) {
  constexpr unsigned kClone = 1;           // OPEN_TREE_CLONE
  constexpr unsigned kRecursive = 0x8000;  // AT_RECURSIVE
  return static_cast<int>(
      syscall(SYS_open_tree, AT_FDCWD, path.c_str(), kClone | kRecursive | O_CLOEXEC));
}

int MoveMount(int tree, const std::string& target) {
  constexpr unsigned kFromEmptyPath = 4;  // MOVE_MOUNT_F_EMPTY_PATH
  return static_cast<int>(
      syscall(SYS_move_mount, tree, "", AT_FDCWD, target.c_str(), kFromEmptyPath));
}

struct Bind {
  std::string host;
  std::string inside;
  const char* how;  // the bwrap option
};

// Files of /etc that programs need and that say nothing about the host's people: small ones are
// copied, because every mount costs each start, folders are bound.
constexpr const char* kEtcCopied[] = {"ld.so.cache", "localtime", "services", "protocols",
                                      "mime.types"};
constexpr const char* kEtcBound[] = {"ssl/certs", "alternatives"};
constexpr size_t kEtcFileBytes = 1 << 20;

std::vector<Bind> BindsOf(const LaunchPlan& plan) {
  std::vector<Bind> binds;
  binds.push_back({plan.init_path, kInitInside, "--ro-bind"});
  for (const Mount& mount : plan.spec.mounts) {
    binds.push_back({mount.host_path, mount.inside_path, mount.writable ? "--bind" : "--ro-bind"});
  }
  if (!plan.spec.api_socket_dir.empty()) {
    binds.push_back({plan.spec.api_socket_dir, "/run/hodei", "--ro-bind"});
  }
  return binds;
}

// A writable folder belongs to the replica's user while it is its own.
Status GiveWritableMounts(const LaunchPlan& plan) {
  if (plan.host_uid == 0) return OkStatus();
  for (const Mount& mount : plan.spec.mounts) {
    if (!mount.writable) continue;
    if (lchown(mount.host_path.c_str(), plan.host_uid, plan.host_uid) != 0) {
      return ErrnoStatus(errno, fmt::format("chown '{}'", mount.host_path));
    }
  }
  return OkStatus();
}

// No lock to be had (a file system without any) is no reason not to run; an exclusive one is.
Status HoldReadOnlyMounts(const LaunchPlan& plan, std::vector<UniqueFd>* held) {
  for (const Mount& mount : plan.spec.mounts) {
    if (mount.writable) continue;
    const int fd = open(mount.host_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue;  // a file, or missing: whoever mounts it says so
    held->emplace_back(fd);
    // By number: the header of flock() has the name of one of ours.
    if (syscall(SYS_flock, fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      return Unavailable(fmt::format("'{}' is just being removed", mount.host_path));
    }
  }
  return OkStatus();
}

Status MakeTarget(const std::string& source, const std::string& target) {
  struct stat st {};
  if (stat(source.c_str(), &st) != 0) return ErrnoStatus(errno, fmt::format("stat '{}'", source));
  if (S_ISDIR(st.st_mode)) {
    if (mkdir(target.c_str(), 0755) != 0) return ErrnoStatus(errno, "mkdir in stage");
    return OkStatus();
  }
  return OpenFile(target, O_WRONLY | O_CREAT | O_EXCL, 0644).status();
}

// The root tiers' mounts, in a namespace of this process. Rewrites each bind's host path.
class Stage {
 public:
  Status Enter() {
    if (unshare(CLONE_NEWNS) != 0) return ErrnoStatus(errno, "unshare mount namespace");
    // Slave: what the host unmounts goes away here too, what we mount is seen by nobody.
    if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
      return ErrnoStatus(errno, "make mounts private");
    }
    for (const char* folder : {"/mnt", "/media", "/srv", "/tmp"}) {
      struct stat st {};
      if (stat(folder, &st) == 0 && S_ISDIR(st.st_mode)) {
        root_ = folder;
        return OkStatus();
      }
    }
    return FailedPrecondition("none of /mnt, /media, /srv, /tmp exists to put mounts on");
  }

  // Sources may lie below the stage folder itself: take hold of them before it is covered.
  Status Hold(const std::vector<Bind>& binds) {
    for (const Bind& bind : binds) {
      UniqueFd tree(OpenTree(bind.host));
      if (!tree) return ErrnoStatus(errno, fmt::format("take '{}'", bind.host));
      trees_.push_back(std::move(tree));
    }
    return OkStatus();
  }

  Status Cover() {
    if (mount("hodei", root_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=4m,mode=0755") != 0) {
      return ErrnoStatus(errno, fmt::format("mount stage on '{}'", root_));
    }
    return OkStatus();
  }

  Status Place(size_t index, const std::string& source, Bind* bind) {
    const std::string target = fmt::format("{}/{}", root_, index);
    RETURN_IF_ERROR(MakeTarget(source, target));
    if (MoveMount(trees_[index].get(), target) != 0) {
      return ErrnoStatus(errno, fmt::format("place '{}'", bind->inside));
    }
    bind->host = target;
    return OkStatus();
  }

  const std::string& root() const { return root_; }
  const UniqueFd& tree(size_t index) const { return trees_[index]; }

 private:
  std::string root_;
  std::vector<UniqueFd> trees_;
};

Status PlaceScratch(const LaunchPlan& plan, const UniqueFd& volume, const std::string& target) {
  if (!volume) return FailedPrecondition("the server gave no scratch volume");
  for (const char* name : {"work", "tmp"}) {
    if (fchownat(volume.get(), name, plan.host_uid, plan.host_uid, AT_SYMLINK_NOFOLLOW) != 0) {
      return ErrnoStatus(errno, "give scratch to the job");
    }
  }
  if (mkdir(target.c_str(), 0755) != 0) return ErrnoStatus(errno, "mkdir scratch");
  if (MoveMount(volume.get(), target) != 0) return ErrnoStatus(errno, "place scratch");
  return OkStatus();
}

Status MakePlainScratch(const std::string& folder) {
  RETURN_IF_ERROR(MakeDirectories(folder + "/work"));
  return MakeDirectories(folder + "/tmp");
}

Status WriteSmall(const std::string& path, const std::string& text) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  return WriteAll(fd.get(), text);
}

// Small files that are written for each replica; `folder` must be reachable by the job's user.
Status WriteEtc(const std::string& folder, const std::string& hosts, const std::string& resolv_conf,
                std::vector<std::string>* args) {
  RETURN_IF_ERROR(MakeDirectories(folder, 0755));
  const std::pair<const char*, std::string> files[] = {
      {"passwd",
       "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
       "hodei:x:1000:1000:job:/work:/bin/sh\n"
       "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
      {"group", "root:x:0:\nhodei:x:1000:\nnogroup:x:65534:\n"},
      {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"},
      {"hosts", hosts},
      {"resolv.conf", resolv_conf}};
  for (const auto& [name, text] : files) RETURN_IF_ERROR(WriteSmall(folder + "/" + name, text));
  for (const char* name : kEtcCopied) {
    const auto text = ReadFile(std::string("/etc/") + name, kEtcFileBytes);
    if (text.ok()) RETURN_IF_ERROR(WriteSmall(folder + "/" + name, *text));
  }
  args->insert(args->end(), {"--ro-bind", folder, "/etc"});
  // What the spec mounts there needs a place to be mounted on.
  RETURN_IF_ERROR(MakeDirectories(folder + "/ssl/certs", 0755));
  for (const char* name : kEtcBound) {
    const std::string path = std::string("/etc/") + name;
    if (!FileExists(path)) continue;
    RETURN_IF_ERROR(MakeDirectories(folder + "/" + name, 0755));
    args->insert(args->end(), {"--ro-bind", path, path});
  }
  return OkStatus();
}

std::vector<std::string> NamespaceArgs(const LaunchPlan& plan) {
  std::vector<std::string> args = {
      "--unshare-user",
      "--unshare-pid",
      "--unshare-ipc",
      "--unshare-uts",
      "--unshare-cgroup-try",
      "--disable-userns",
      "--cap-drop",
      "ALL",
      "--new-session",
      "--die-with-parent",
      "--as-pid-1",
      "--clearenv",
      "--uid",
      "1000",
      "--gid",
      "1000",
      "--seccomp",
      "6",
      "--hostname",
      plan.spec.network.host_name.empty() ? "job" : plan.spec.network.host_name};
  // As root the network namespace is made before, owned by the host, where no job can manage it.
  // With private names the supervisor made one as well, which has their address.
  if (plan.host_uid == 0 && plan.spec.private_names.empty()) args.emplace_back("--unshare-net");
  return args;
}

void AddSystem(std::vector<std::string>* args) {
  args->insert(args->end(), {"--ro-bind", "/usr", "/usr"});
  for (const char* name : {"bin", "sbin", "lib", "lib64", "lib32"}) {
    const std::string host = std::string("/") + name;
    struct stat st {};
    if (lstat(host.c_str(), &st) != 0) continue;
    if (S_ISLNK(st.st_mode)) {
      args->insert(args->end(), {"--symlink", std::string("usr/") + name, host});
    } else {
      args->insert(args->end(), {"--ro-bind", host, host});
    }
  }
  args->insert(args->end(), {"--proc", "/proc", "--dev", "/dev"});
}

void AddGpus(const LaunchPlan& plan, std::vector<std::string>* args) {
  for (const std::string& node : GpuNodes(plan.spec.resources.gpus)) {
    args->insert(args->end(), {"--dev-bind", node, node});
  }
}

void AddSpaces(const LaunchPlan& plan, const std::string& scratch, std::vector<std::string>* args) {
  const int64_t shared = std::max<int64_t>(plan.spec.resources.memory_bytes / 2, 1 << 20);
  args->insert(args->end(),
               {"--size", std::to_string(shared), "--perms", "1777", "--tmpfs", "/dev/shm",
                "--bind", scratch + "/work", "/work", "--bind", scratch + "/tmp", "/tmp"});
}

// The mount alone; nothing answers there until somebody serves the device.
Status MountBucketFiles(const LaunchPlan& plan, const std::string& target, SandboxView* view) {
  if (plan.bucketfs_path.empty() || plan.spec.bucket_files_project.empty()) return OkStatus();
  ASSIGN_OR_RETURN(view->bucket_device, OpenFile("/dev/fuse", O_RDWR));
  if (mkdir(target.c_str(), 0755) != 0) return ErrnoStatus(errno, "mkdir for buckets");
  // Without allow_other the job's user alone may look in.
  const std::string options = fmt::format("fd={},rootmode=40000,user_id={},group_id={}",
                                          view->bucket_device.get(), plan.host_uid, plan.host_uid);
  if (mount("hodei-bucketfs", target.c_str(), "fuse.hodei", MS_NOSUID | MS_NODEV | MS_NOATIME,
            options.c_str()) != 0) {
    return ErrnoStatus(errno, "mount buckets");
  }
  return OkStatus();
}

}  // namespace

Result<SandboxView> BuildSandboxView(const LaunchPlan& plan, const UniqueFd& scratch_volume,
                                     const std::string& replica_dir, const std::string& hosts,
                                     const std::string& resolv_conf) {
  SandboxView view;
  std::vector<Bind> binds = BindsOf(plan);
  RETURN_IF_ERROR(HoldReadOnlyMounts(plan, &view.held));
  std::string etc = replica_dir + "/etc";
  if (plan.host_uid != 0) {
    RETURN_IF_ERROR(GiveWritableMounts(plan));
    std::vector<Bind> sources = binds;
    if (!plan.spec.api_socket_dir.empty()) {
      ASSIGN_OR_RETURN(view.api_folder, OpenFile(plan.spec.api_socket_dir, O_PATH | O_DIRECTORY));
    }
    Stage stage;
    RETURN_IF_ERROR(stage.Enter());
    RETURN_IF_ERROR(stage.Hold(binds));
    RETURN_IF_ERROR(stage.Cover());
    for (size_t i = 0; i < binds.size(); ++i) {
      RETURN_IF_ERROR(
          stage.Place(i, fmt::format("/proc/self/fd/{}", stage.tree(i).get()), &binds[i]));
    }
    view.scratch = stage.root() + "/scratch";
    RETURN_IF_ERROR(PlaceScratch(plan, scratch_volume, view.scratch));
    view.bucket_mount = stage.root() + "/buckets";
    RETURN_IF_ERROR(MountBucketFiles(plan, view.bucket_mount, &view));
    etc = stage.root() + "/etc";
  } else {
    view.scratch = plan.scratch_path;
    RETURN_IF_ERROR(MakePlainScratch(view.scratch));
  }
  ASSIGN_OR_RETURN(view.scratch_root, OpenFile(view.scratch, O_RDONLY | O_DIRECTORY));
  std::vector<std::string>& args = view.bwrap_args;
  args = NamespaceArgs(plan);
  AddSystem(&args);
  RETURN_IF_ERROR(WriteEtc(etc, hosts, resolv_conf, &args));
  AddSpaces(plan, view.scratch, &args);
  AddGpus(plan, &args);
  for (const Bind& bind : binds) {
    args.insert(args.end(), {bind.how, bind.host, bind.inside});
  }
  if (view.bucket_device) {
    args.insert(args.end(), {"--bind", view.bucket_mount, kBucketFiles});
  }
  args.insert(args.end(), {"--chdir", "/"});
  return view;
}

}  // namespace hodei::exec
