// What a running transfer shows: a line a file, and on a terminal a bar with rate and time left.
#pragma once

#include <mutex>
#include <string>

#include "base/clock.h"
#include "cli/output/console.h"

namespace hodei::cli {

// Thread-safe.
class TransferProgress {
 public:
  // Both must outlive this. `quiet`: shows nothing but failures.
  TransferProgress(Console* console, const Clock* clock, bool quiet);
  void Begin(size_t files, uint64_t bytes);
  // `label` is a line of its own; empty: none.
  void StartFile(const std::string& label);
  // A line beside the bar.
  void Note(const std::string& text);
  void Moved(uint64_t bytes);
  void EndFile();
  void Failed(const std::string& label, const std::string& message);
  // The last state of the bar and the average rate.
  void Finish();
  // gsutil's closing words instead: "Operation completed over 3 objects/1.5 KiB."
  void UseGsutilWords() { gsutil_words_ = true; }

 private:
  std::string Bar(Nanoseconds now) const;
  void Draw(bool force);
  void ClearBar();

  Console* console_;
  const Clock* clock_;
  const bool quiet_;
  bool gsutil_words_ = false;
  std::mutex mutex_;
  // Guarded by mutex_.
  size_t files_ = 0;
  size_t files_done_ = 0;
  uint64_t bytes_ = 0;
  uint64_t bytes_done_ = 0;
  Nanoseconds start_{0};
  Nanoseconds drawn_at_{0};
  bool drawn_ = false;
};

}  // namespace hodei::cli
