#include "cli/storage/transfer_journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "base/digest.h"
#include "sys/file.h"
#include "sys/file_lock.h"

namespace hodei::cli {
namespace {

constexpr size_t kStateLimitBytes = 64 << 10;

}  // namespace

Status TransferEntry::Remember(const std::string& state) {
  if (!lock_) return OkStatus();
  state_ = state;
  // In place, not by rename: the lock is on this very file.
  if (ftruncate(lock_.get(), 0) != 0 || lseek(lock_.get(), 0, SEEK_SET) != 0) {
    return ErrnoStatus(errno, "write '" + path_ + "'");
  }
  return WriteAll(lock_.get(), state);
}

void TransferEntry::Forget() {
  if (lock_) unlink(path_.c_str());
  lock_.Reset();
  state_.clear();
}

TransferEntry TransferJournal::Open(const std::string& what) const {
  TransferEntry entry;
  if (folder_.empty() || !MakeDirectories(folder_).ok()) return entry;
  entry.path_ = folder_ + "/" + Sha256Hex(what);
  Result<UniqueFd> fd = OpenFile(entry.path_, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (!fd.ok() || !LockFile(fd->get(), std::chrono::milliseconds(0)).ok()) return entry;
  // The name may have been unlinked by the program that held it between open and lock.
  struct stat held {
  }, named{};
  bool same = fstat(fd->get(), &held) == 0 && stat(entry.path_.c_str(), &named) == 0 &&
              held.st_ino == named.st_ino;
  if (!same) return entry;
  entry.state_ = ReadFile(entry.path_, kStateLimitBytes).value_or("");
  entry.lock_ = std::move(*fd);
  return entry;
}

void TransferJournal::Prune() const {
  Result<std::vector<std::string>> names = ListDirectory(folder_);
  if (!names.ok()) return;
  std::vector<std::pair<time_t, std::string>> kept;
  const time_t oldest =
      time(nullptr) - std::chrono::duration_cast<std::chrono::seconds>(kKept).count();
  for (const std::string& name : *names) {
    std::string path = folder_ + "/" + name;
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) continue;
    if (status.st_mtime < oldest) {
      unlink(path.c_str());
    } else {
      kept.emplace_back(status.st_mtime, path);
    }
  }
  if (kept.size() <= kMostEntries) return;
  std::sort(kept.begin(), kept.end());
  for (size_t i = 0; i + kMostEntries < kept.size(); ++i) unlink(kept[i].second.c_str());
}

}  // namespace hodei::cli
