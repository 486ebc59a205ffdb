// What leaves the log store. Folders are moved aside under the lock and removed without it; a crash
// in between leaves sources without a folder, which ForgetGone() finds.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "store/log/disk_log_store.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

WallTime ModifiedAt(const struct stat& st) {
  return {int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec};
}

// Adds what lies in `dir`; what goes away meanwhile is not counted.
void Measure(const std::string& dir, LogVolume* volume) {
  struct stat st {};
  if (lstat(dir.c_str(), &st) != 0) return;
  volume->last_write = std::max(volume->last_write, ModifiedAt(st));
  const Result<std::vector<std::string>> names = ListDirectory(dir);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (lstat(fmt::format("{}/{}", dir, name).c_str(), &st) != 0) continue;
    volume->size_bytes += st.st_size;
    volume->last_write = std::max(volume->last_write, ModifiedAt(st));
  }
}

}  // namespace

std::vector<SourcePtr> DiskLogStore::AllSources() {
  std::vector<SourcePtr> sources;
  std::shared_lock lock(mutex_);
  for (const auto& [job, of_job] : by_job_) {
    sources.insert(sources.end(), of_job.begin(), of_job.end());
  }
  return sources;
}

std::vector<LogVolume> DiskLogStore::Volumes() {
  std::vector<LogVolume> volumes;
  for (const SourcePtr& open : AllSources()) {
    const LogSource& source = open->source;
    if (volumes.empty() || volumes.back().project != source.project ||
        volumes.back().job_id != source.job_id) {
      volumes.push_back({.project = source.project, .job_id = source.job_id});
    }
    Measure(source.dir, &volumes.back());
  }
  return volumes;
}

Status DiskLogStore::MoveAway(const OpenSource& source) const {
  const std::string to = fmt::format("{}/{}", RemovedDir(), source.source.source_id);
  if (rename(source.source.dir.c_str(), to.c_str()) == 0 || errno == ENOENT) return OkStatus();
  return ErrnoStatus(errno, fmt::format("move '{}' away", source.source.dir));
}

void DiskLogStore::Forget(const OpenSource& source) {
  const JobKey job(source.source.project, source.source.job_id);
  by_id_.erase(source.source.source_id);
  const auto it = by_job_.find(job);
  if (it == by_job_.end()) return;
  std::erase_if(it->second, [&](const SourcePtr& other) { return other.get() == &source; });
  if (it->second.empty()) by_job_.erase(it);
}

Status DiskLogStore::RewriteRegistry() {
  return registry_->Keep([this](const LogSource& s) { return by_id_.contains(s.source_id); });
}

Status DiskLogStore::RemoveLogs(const std::vector<JobKey>& jobs) {
  RETURN_IF_ERROR(MakeDirectories(RemovedDir()));
  {
    // Writers first: none may be opened on a folder that moves.
    const std::lock_guard writers_lock(writers_mutex_);
    const std::unique_lock lock(mutex_);
    for (const JobKey& job : jobs) {
      writers_.erase(job);
      const auto it = by_job_.find(job);
      if (it == by_job_.end()) continue;
      for (const SourcePtr& source : std::vector<SourcePtr>(it->second)) {
        RETURN_IF_ERROR(MoveAway(*source));
        Forget(*source);
      }
    }
    RETURN_IF_ERROR(RewriteRegistry());
  }
  return RemoveTree(RemovedDir());
}

Result<size_t> DiskLogStore::ForgetGone() {
  std::vector<SourcePtr> gone = AllSources();
  std::erase_if(gone, [](const SourcePtr& source) { return FileExists(source->source.dir); });
  if (gone.empty()) return 0;
  const std::lock_guard writers_lock(writers_mutex_);
  const std::unique_lock lock(mutex_);
  // A service writer may have made its folder again.
  std::erase_if(gone, [](const SourcePtr& source) { return FileExists(source->source.dir); });
  for (const SourcePtr& source : gone) {
    writers_.erase({source->source.project, source->source.job_id});
    Forget(*source);
  }
  RETURN_IF_ERROR(RewriteRegistry());
  return gone.size();
}

}  // namespace hodei::store
