// Records what a program asks of the disk below one folder: writes, syncs and changes of names, in
// the order in which they happened. The test program that links this has every such call of its own
// and of SQLite's pass through here, by definitions that stand in for the C library's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hodei::store::testing {

struct DiskEvent {
  enum class Kind {
    kMakeFolder,  // path
    kCreate,      // path, file
    kWrite,       // file, offset, bytes
    kTruncate,    // file, offset: its new size
    kSync,        // file
    kSyncFolder,  // path
    kRename,      // path to target
    kRemove,      // path
    kLink,        // path to target
    kMark,        // not the disk's: the test says something, in `bytes`
  };
  Kind kind = Kind::kMark;
  std::string path;  // relative to the folder; "" is the folder itself
  std::string target;
  int file = 0;  // a file keeps its number through renames
  int64_t offset = 0;
  std::string bytes;
};

class DiskTrace {
 public:
  // From now on all calls below `folder`, which must exist and be empty, are recorded. One trace at
  // a time in a process.
  static void Start(const std::string& folder);
  // The test's own words in between: "acknowledged a 3".
  static void Mark(std::string text);
  static std::vector<DiskEvent> Stop();
};

}  // namespace hodei::store::testing
