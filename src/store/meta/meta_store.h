// Where resources live: serialized messages under (kind, name), with a revision that changes on
// every write, durable when Commit() returns. The one place that must survive a restart, besides
// object bytes and logs.
//
// Thread-safe. Reads see the last committed state and never wait for writers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::store {

struct Record {
  std::string kind;          // "job", "bucket", "account": our own word, [a-z_]+
  std::string name;          // full resource name; any bytes, ordered bytewise
  int64_t revision = 0;      // grows over the whole store with every write
  int64_t create_order = 0;  // grows with creation; ListOptions::newest_first sorts by it
  std::string value;         // a serialized message
};

struct Write {
  enum class Op { kPut, kDelete } op = Op::kPut;
  std::string kind;
  std::string name;
  std::string value;
  // The revision the record must have now. 0: must not exist (ALREADY_EXISTS otherwise).
  // Absent: whatever is there. A mismatch is ABORTED, a missing record NOT_FOUND.
  std::optional<int64_t> expected_revision;
};

struct ListOptions {
  std::string prefix;  // of the name
  size_t limit = 100;
  bool newest_first = false;  // by create_order descending; otherwise by name
  std::string after;          // resume token from ListPage::next; empty for the first page
};

struct ListPage {
  std::vector<Record> records;
  std::string next;  // empty on the last page
};

class MetaStore {
 public:
  virtual ~MetaStore() = default;
  virtual Result<Record> Get(std::string_view kind, std::string_view name) = 0;
  virtual Result<ListPage> List(std::string_view kind, const ListOptions& options) = 0;
  // All writes or none; atomic, and durable when this returns OK. Returns the revision of each
  // write, in order. Concurrent commits share one disk sync.
  virtual Result<std::vector<int64_t>> Commit(const std::vector<Write>& writes) = 0;
  // `changed` is called after each commit that touched `kind`, with the names, from the writer's
  // thread: it must only wake somebody. The returned object ends the watch when it dies.
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  virtual std::unique_ptr<Watch> WatchKind(
      std::string_view kind,
      std::function<void(const std::vector<std::string>& names)> changed) = 0;
};

// SQLite in WAL mode, synchronous=FULL, one writer thread. Refuses a newer schema, a second
// process, and a damaged file, each with a message that says what to do.
Result<std::unique_ptr<MetaStore>> OpenSqliteMetaStore(const std::string& path);
// The fake, and the store of `--ephemeral`.
std::unique_ptr<MetaStore> MakeMemoryMetaStore();

}  // namespace hodei::store
