#include "cli/storage/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "base/encoding.h"

namespace hodei::cli {

std::string GuessContentType(const std::string& name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kTypes = {{
      {".csv", "text/csv"},
      {".txt", "text/plain"},
      {".json", "application/json"},
      {".html", "text/html"},
      {".htm", "text/html"},
      {".css", "text/css"},
      {".js", "text/javascript"},
      {".md", "text/markdown"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},
      {".py", "text/x-python"},
      {".tar", "application/x-tar"},
      {".tgz", "application/x-tar"},
      {".gz", "application/gzip"},
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

Status RunTransfers(std::vector<TransferTask> tasks, size_t threads, TransferProgress* progress) {
  uint64_t bytes = 0;
  for (const TransferTask& task : tasks) bytes += task.bytes;
  progress->Begin(tasks.size(), bytes);
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status first;
  auto work = [&] {
    while (true) {
      size_t index = next.fetch_add(1);
      if (index >= tasks.size()) return;
      const TransferTask& task = tasks[index];
      progress->StartFile(task.label);
      Status status = task.run([&](uint64_t moved) { progress->Moved(moved); });
      progress->EndFile();
      if (status.ok()) continue;
      std::lock_guard lock(mutex);
      if (first.ok()) first = status;
      if (tasks.size() > 1) progress->Failed(task.label, status.message());
    }
  };
  std::vector<std::thread> workers;
  size_t count = std::max<size_t>(1, std::min(threads, tasks.size()));
  for (size_t i = 1; i < count; ++i) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  progress->Finish();
  return first;
}

}  // namespace hodei::cli
