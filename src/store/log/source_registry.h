// The durable list of sources: one frame per source in a file that grows at its
// end, and is written anew when sources leave.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "store/log/log_store.h"
#include "sys/unique_fd.h"

namespace hodei::store {

// One thread at a time.
class SourceRegistry {
 public:
  // Reads `path`, creating it when absent. Folders below `base_dir` are kept relative to it, so
  // that the data folder may be moved. A torn last record is cut off.
  static Result<SourceRegistry> Open(const std::string& path, const std::string& base_dir);
  const std::vector<LogSource>& sources() const { return sources_; }
  // Durable when it returns.
  Status Append(const LogSource& source);
  // Drops all others, durably; after an error the file is as it was.
  Status Keep(const std::function<bool(const LogSource&)>& wanted);

 private:
  SourceRegistry() = default;
  std::string Frame(const LogSource& source, uint64_t seq) const;

  std::string path_;
  std::string base_dir_;
  UniqueFd fd_;
  std::vector<LogSource> sources_;
};

}  // namespace hodei::store
