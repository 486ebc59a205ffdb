// Remembers half-done transfers of large files between runs of this program: where the server keeps
// an upload's session, and which generation a partial download belongs to.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::cli {

// One half-done transfer; only one program at a time can hold it.
class TransferEntry {
 public:
  TransferEntry() = default;
  // What an earlier run left, or "".
  const std::string& state() const { return state_; }
  // Replaces what a later run will find. Without a held entry it does nothing.
  Status Remember(const std::string& state);
  void Forget();

 private:
  friend class TransferJournal;
  std::string path_;
  std::string state_;
  UniqueFd lock_;
};

// Thread-safe: each call works on a file of its own.
class TransferJournal {
 public:
  static constexpr std::chrono::hours kKept{7 * 24};
  static constexpr size_t kMostEntries = 1000;

  explicit TransferJournal(std::string folder) : folder_(std::move(folder)) {}
  // The entry for a transfer described by `what`: every word that must be the same for it to be
  // continued (server, source, destination, size, times). One that another program holds, or a
  // folder that cannot be written, gives an entry that remembers nothing: the transfer then starts
  // from its beginning.
  TransferEntry Open(const std::string& what) const;
  // Removes entries older than kKept and, past kMostEntries, the oldest ones.
  void Prune() const;

 private:
  std::string folder_;
};

}  // namespace hodei::cli
