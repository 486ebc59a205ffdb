// Databases of a server that goes on, as they were at one moment.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

struct sqlite3;

namespace hodei::store {

// One moment of several databases: while their writers are held up together, for milliseconds, a
// read transaction begins in each; then the writers go on and the transactions keep what they saw.
class SqliteSnapshot {
 public:
  // UNAVAILABLE when a writer does not pause within ten seconds.
  static Result<std::unique_ptr<SqliteSnapshot>> Take(const std::vector<std::string>& paths);
  ~SqliteSnapshot();
  SqliteSnapshot(const SqliteSnapshot&) = delete;
  SqliteSnapshot& operator=(const SqliteSnapshot&) = delete;

  // Writes database number `index`, in the order of `paths`, to a new file. Not synced.
  Status CopyTo(size_t index, const std::string& path) const;

 private:
  SqliteSnapshot() = default;
  std::vector<sqlite3*> readers_;
};

// OK when SQLite finds the database in order, else DATA_LOSS.
Status CheckDatabase(const std::string& path);

}  // namespace hodei::store
