#include "exec/local/replica_folders.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "base/random_id.h"
#include "exec/sandbox/process_identity.h"
#include "sys/file.h"

namespace hodei::exec {

Result<std::vector<std::string>> ReplicaFolders::Ids() const {
  ASSIGN_OR_RETURN(std::vector<std::string> names, ListDirectory(root_));
  std::erase_if(names, [](const std::string& name) { return !IsReplicaId(name); });
  return names;
}

bool ReplicaFolders::WasStarted(const std::string& id) const {
  return FileExists(FileOf(id, kStateFile)) || FileExists(FileOf(id, kExitFile));
}

bool ReplicaFolders::LockHeld(const std::string& id) const {
  const auto fd = OpenFile(FileOf(id, kLockFile), O_RDWR);
  return fd.ok() && IsLocked(fd->get());
}

Result<LaunchPlan> ReplicaFolders::ReadPlan(const std::string& id) const {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(FileOf(id, kSpecFile)));
  return ParseLaunchPlan(text);
}

Status ReplicaFolders::WritePlan(const LaunchPlan& plan) const {
  RETURN_IF_ERROR(MakeDirectories(PathOf(plan.spec.id)));
  ASSIGN_OR_RETURN(const UniqueFd file,
                   OpenFile(FileOf(plan.spec.id, kSpecFile), O_WRONLY | O_CREAT | O_TRUNC));
  return WriteAll(file.get(), SerializeLaunchPlan(plan));
}

Status ReplicaFolders::Remove(const std::string& id) const {
  const std::string trash = PathOf(".gone-" + RandomId(16));
  if (rename(PathOf(id).c_str(), trash.c_str()) != 0) {
    return ErrnoStatus(errno, fmt::format("remove replica '{}'", id));
  }
  return RemoveTree(trash);
}

void ReplicaFolders::RemoveLeftovers() const {
  const auto names = ListDirectory(root_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!IsReplicaId(name)) (void)RemoveTree(root_ + "/" + name).ok();
  }
}

}  // namespace hodei::exec
