// A disk that follows a trace and may lose power at any point of it. What was synced is there
// afterwards; of the rest, any part may be: writes and changes of names that were not synced yet
// reach the disk in any order, or not at all, or torn at a sector.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "store/crash/testing/disk_trace.h"

namespace hodei::store::testing {

// What a disk holds after a power cut.
struct DiskImage {
  std::vector<std::string> folders;          // parents first
  std::map<std::string, std::string> files;  // by path

  // Writes it below `folder`, which must be empty. Without what SQLite rebuilds by itself.
  void Unpack(const std::string& folder) const;
};

class DiskState {
 public:
  enum class Loss {
    kAll,      // nothing that was not synced is there
    kNothing,  // a killed process: everything is there
    kTail,     // in order up to a point; the last write torn
    kAny,      // each by itself there or not
    kTorn,     // each sector by itself
  };

  void Apply(const DiskEvent& event);
  DiskImage Cut(Loss loss, std::mt19937* random) const;

 private:
  struct Change {  // of a file
    int64_t number = 0;
    int64_t offset = 0;
    bool truncate = false;
    std::string bytes;
  };
  struct File {
    std::string synced;
    std::vector<Change> changes;
  };
  struct Folder;
  using Node = std::variant<std::shared_ptr<File>, std::shared_ptr<Folder>>;
  struct NameChange {
    int64_t number = 0;
    std::string removed;  // a name, or empty
    std::string added;    // a name, or empty
    Node node;
  };
  struct Folder {
    std::map<std::string, Node> synced;
    std::map<std::string, Node> now;
    std::vector<NameChange> changes;
  };

  std::shared_ptr<Folder> FolderAt(const std::string& path) const;
  void Name(const std::string& path, Node node);
  void Unname(const std::string& path);
  class Cutter;

  std::shared_ptr<Folder> root_ = std::make_shared<Folder>();
  std::map<int, std::shared_ptr<File>> files_;
  int64_t number_ = 0;
};

}  // namespace hodei::store::testing
