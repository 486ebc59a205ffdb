// The CSV record of a copy (-L): what was copied is skipped by the next run with the same file.
#pragma once

#include <mutex>
#include <set>
#include <string>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::cli {

struct CopyRecord {
  std::string source;
  std::string destination;
  uint64_t bytes = 0;
  std::string result;  // "OK", "skip" or "error"
  std::string description;
};

// Thread-safe after Open().
class CopyManifest {
 public:
  static constexpr size_t kLimitBytes = 1ULL << 30;
  // Reads what an earlier run recorded and opens the file for more.
  Status Open(const std::string& path);
  bool IsDone(const std::string& source) const { return done_.count(source) > 0; }
  // A record that cannot be written is lost; the copy itself stands.
  void Add(const CopyRecord& record);

 private:
  std::mutex mutex_;
  UniqueFd fd_;
  std::set<std::string> done_;
};

}  // namespace hodei::cli
