#include "cli/storage/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "base/encoding.h"

namespace hodei::cli {

std::string GuessContentType(const std::string& name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 29> kTypes = {{
      {".csv", "text/csv"},
      {".tsv", "text/tab-separated-values"},
      {".txt", "text/plain"},
      {".json", "application/json"},
      {".html", "text/html"},
      {".htm", "text/html"},
      {".xml", "text/xml"},
      {".css", "text/css"},
      {".js", "text/javascript"},
      {".md", "text/markdown"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},
      {".svg", "image/svg+xml"},
      {".webp", "image/webp"},
      {".ico", "image/vnd.microsoft.icon"},
      {".bmp", "image/bmp"},
      {".mp3", "audio/mpeg"},
      {".wav", "audio/x-wav"},
      {".mp4", "video/mp4"},
      {".pdf", "application/pdf"},
      {".py", "text/x-python"},
      {".sh", "application/x-sh"},
      {".tar", "application/x-tar"},
      {".tgz", "application/x-tar"},
      {".gz", "application/gzip"},
      {".bz2", "application/x-bzip2"},
      {".zip", "application/zip"},
  }};
  if (name.size() > 7 && name.substr(name.size() - 7) == ".tar.gz") return "application/x-tar";
  size_t dot = name.rfind('.');
  std::string_view ending =
      dot == name.npos ? std::string_view() : std::string_view(name).substr(dot);
  for (const auto& [known, type] : kTypes) {
    if (ending == known) return std::string(type);
  }
  return "application/octet-stream";
}

Status RunTransfers(std::vector<TransferTask> tasks, const TransferOptions& options,
                    TransferProgress* progress) {
  uint64_t bytes = 0;
  for (const TransferTask& task : tasks) bytes += task.bytes;
  progress->Begin(tasks.size(), bytes);
  std::atomic<size_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  Status first;
  TransferReport report;
  report.moved = [progress](uint64_t moved) { progress->Moved(moved); };
  report.note = [progress](const std::string& text) { progress->Note(text); };
  auto work = [&] {
    while (!stop) {
      size_t index = next.fetch_add(1);
      if (index >= tasks.size()) return;
      const TransferTask& task = tasks[index];
      progress->StartFile(task.label);
      Status status = task.run(report);
      progress->EndFile();
      if (status.ok()) continue;
      std::lock_guard lock(mutex);
      if (first.ok()) first = status;
      if (tasks.size() > 1) progress->Failed(task.label, status.message());
      // What would fail for every task is not worth trying for each.
      if (!options.continue_on_error || status.reason() == "connect") stop = true;
    }
  };
  std::vector<std::thread> workers;
  size_t count = std::max<size_t>(1, std::min(options.threads, tasks.size()));
  for (size_t i = 1; i < count; ++i) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  progress->Finish();
  return first;
}

}  // namespace hodei::cli
