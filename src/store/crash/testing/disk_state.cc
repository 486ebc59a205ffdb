#include "store/crash/testing/disk_state.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "sys/file.h"

namespace hodei::store::testing {
namespace {

constexpr size_t kSectorBytes = 512;
constexpr size_t kPageBytes = 4096;
// How far back from the end a cut "in order" may lie.
constexpr uint32_t kTailChanges = 48;

std::pair<std::string, std::string> Split(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

void Put(std::string* file, int64_t offset, std::string_view bytes) {
  const auto at = static_cast<size_t>(offset);
  if (file->size() < at + bytes.size()) file->resize(at + bytes.size(), '\0');
  std::memcpy(file->data() + at, bytes.data(), bytes.size());
}

}  // namespace

// Draws one image.
class DiskState::Cutter {
 public:
  Cutter(Loss loss, std::mt19937* random, int64_t changes) : loss_(loss), random_(*random) {
    unit_ = Once(2) ? kSectorBytes : kPageBytes;
    last_ = changes - 1 - static_cast<int64_t>(random_() % kTailChanges);
  }

  void Collect(const Folder& folder, const std::string& path, DiskImage* image) {
    std::map<std::string, Node> names = folder.synced;
    // Names of one folder change in their order: a journal of the file system sees to that.
    size_t kept = 0;
    for (const NameChange& change : folder.changes) kept += KeepName(change.number) ? 1 : 0;
    if (loss_ == Loss::kAny || loss_ == Loss::kTorn) {
      kept = random_() % (folder.changes.size() + 1);
    }
    for (size_t i = 0; i < kept; ++i) {
      const NameChange& change = folder.changes[i];
      if (!change.removed.empty()) names.erase(change.removed);
      if (!change.added.empty()) names[change.added] = change.node;
    }
    for (const auto& [name, node] : names) {
      const std::string full = path.empty() ? name : path + "/" + name;
      if (const auto* file = std::get_if<std::shared_ptr<File>>(&node)) {
        image->files[full] = Bytes(**file);
      } else {
        image->folders.push_back(full);
        Collect(*std::get<std::shared_ptr<Folder>>(node), full, image);
      }
    }
  }

 private:
  bool Once(uint32_t in) { return random_() % in == 0; }
  bool KeepName(int64_t number) const {
    return loss_ == Loss::kNothing || (loss_ == Loss::kTail && number <= last_);
  }

  std::string Bytes(const File& file) {
    std::string bytes = file.synced;
    for (const Change& change : file.changes) {
      if (change.truncate) {
        if (Keeps(change)) bytes.resize(static_cast<size_t>(change.offset), '\0');
      } else if (loss_ == Loss::kTorn || (loss_ == Loss::kTail && change.number == last_)) {
        Tear(change, &bytes);
      } else if (Keeps(change)) {
        Put(&bytes, change.offset, change.bytes);
      }
    }
    return bytes;
  }

  bool Keeps(const Change& change) {
    switch (loss_) {
      case Loss::kAll:
        return false;
      case Loss::kNothing:
        return true;
      case Loss::kTail:
        return change.number < last_;
      default:
        return Once(2);
    }
  }

  // Any of the write's sectors; with kTail only its first ones.
  void Tear(const Change& change, std::string* bytes) {
    const std::string_view all = change.bytes;
    for (size_t at = 0; at < all.size();) {
      const size_t in_unit = (static_cast<size_t>(change.offset) + at) % unit_;
      const std::string_view piece = all.substr(at, unit_ - in_unit);
      const bool kept = Once(2);
      if (kept) Put(bytes, change.offset + static_cast<int64_t>(at), piece);
      if (!kept && loss_ == Loss::kTail) return;
      at += piece.size();
    }
  }

  const Loss loss_;
  std::mt19937& random_;
  size_t unit_ = kSectorBytes;
  int64_t last_ = 0;
};

void DiskImage::Unpack(const std::string& folder) const {
  for (const std::string& path : folders) {
    if (!MakeDirectories(folder + "/" + path).ok()) std::abort();
  }
  for (const auto& [path, bytes] : files) {
    if (path.ends_with("-shm")) continue;  // shared memory: after a power cut it is made anew
    const Result<UniqueFd> fd = OpenFile(folder + "/" + path, O_WRONLY | O_CREAT | O_EXCL);
    if (!fd.ok() || !WriteAll(fd->get(), bytes).ok()) std::abort();
  }
}

std::shared_ptr<DiskState::Folder> DiskState::FolderAt(const std::string& path) const {
  std::shared_ptr<Folder> folder = root_;
  for (size_t at = 0; at < path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    const auto it = folder->now.find(path.substr(at, slash - at));
    if (it == folder->now.end()) std::abort();  // the trace names a folder that nobody made
    folder = std::get<std::shared_ptr<Folder>>(it->second);
    at = slash + 1;
  }
  return folder;
}

void DiskState::Name(const std::string& path, Node node) {
  const auto [parent, name] = Split(path);
  const std::shared_ptr<Folder> folder = FolderAt(parent);
  folder->now[name] = node;
  folder->changes.push_back({number_++, "", name, std::move(node)});
}

void DiskState::Unname(const std::string& path) {
  const auto [parent, name] = Split(path);
  const std::shared_ptr<Folder> folder = FolderAt(parent);
  folder->now.erase(name);
  folder->changes.push_back({number_++, name, "", {}});
}

void DiskState::Apply(const DiskEvent& event) {
  using Kind = DiskEvent::Kind;
  switch (event.kind) {
    case Kind::kMakeFolder:
      return Name(event.path, std::make_shared<Folder>());
    case Kind::kCreate: {
      auto file = std::make_shared<File>();
      files_[event.file] = file;
      return Name(event.path, std::move(file));
    }
    case Kind::kWrite:
    case Kind::kTruncate: {
      const bool truncate = event.kind == Kind::kTruncate;
      files_.at(event.file)->changes.push_back({number_++, event.offset, truncate, event.bytes});
      return;
    }
    case Kind::kSync: {
      File& file = *files_.at(event.file);
      for (const Change& change : file.changes) {
        if (change.truncate) {
          file.synced.resize(static_cast<size_t>(change.offset), '\0');
        } else {
          Put(&file.synced, change.offset, change.bytes);
        }
      }
      file.changes.clear();
      return;
    }
    case Kind::kSyncFolder: {
      const std::shared_ptr<Folder> folder = FolderAt(event.path);
      folder->synced = folder->now;
      folder->changes.clear();
      return;
    }
    case Kind::kRename: {
      const auto [from_parent, from] = Split(event.path);
      const auto [to_parent, to] = Split(event.target);
      if (from_parent != to_parent) std::abort();  // nobody does; it would be two folders' change
      const std::shared_ptr<Folder> folder = FolderAt(from_parent);
      const Node node = folder->now.at(from);
      folder->now.erase(from);
      folder->now[to] = node;
      folder->changes.push_back({number_++, from, to, node});
      return;
    }
    case Kind::kLink: {
      const auto [parent, name] = Split(event.path);
      return Name(event.target, FolderAt(parent)->now.at(name));
    }
    case Kind::kRemove:
      return Unname(event.path);
    case Kind::kMark:
      return;
  }
}

DiskImage DiskState::Cut(Loss loss, std::mt19937* random) const {
  DiskImage image;
  Cutter(loss, random, number_).Collect(*root_, "", &image);
  return image;
}

}  // namespace hodei::store::testing
