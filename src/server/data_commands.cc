#include "server/data_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "server/object_bytes.h"
#include "store/backup/data_backup.h"

namespace hodei::server {
namespace {

int Fail(const Status& status) {
  fmt::print(stderr, "hodeid: {}\n", status.message());
  return 1;
}

// One line on a terminal, drawn over and over; silent elsewhere.
class ProgressLine {
 public:
  explicit ProgressLine(const char* what) : what_(what), shown_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  store::ByteProgress Report() {
    if (!shown_) return {};
    return [this](uint64_t done, uint64_t total) { Draw(done, total); };
  }

 private:
  static constexpr std::chrono::milliseconds kBetween{200};

  void Draw(uint64_t done, uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (drawn_ && now - last_ < kBetween) return;
    drawn_ = true;
    last_ = now;
    constexpr double kMiB = 1 << 20;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = seconds > 0 ? static_cast<double>(done) / kMiB / seconds : 0;
    fmt::print(stderr, "\r\x1b[K{} {:.0f} of {:.0f} MiB ({}%), {:.0f} MiB/s", what_,
               static_cast<double>(done) / kMiB, static_cast<double>(total) / kMiB,
               total == 0 ? 100 : done * 100 / total, rate);
    std::fflush(stderr);
  }

  const char* const what_;
  const bool shown_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_;
  bool drawn_ = false;
};

Result<store::FsckReport> Check(const std::string& data, const Config& config) {
  ProgressLine line("checked");
  ASSIGN_OR_RETURN(std::optional<store::RemoteOptions> remote, ReadRemoteOptions(config));
  return store::CheckData(data, {std::move(remote), line.Report()});
}

Result<store::BackupReport> Backup(const std::string& data, const std::string& to,
                                   const Config& config) {
  ProgressLine line("copied");
  ASSIGN_OR_RETURN(std::optional<store::RemoteOptions> remote, ReadRemoteOptions(config));
  return store::CreateBackup(data, to, {std::move(remote), line.Report()});
}

Status Restore(const std::string& backup, const std::string& data) {
  ProgressLine line("copied all; checked");
  return store::RestoreBackup(backup, data, line.Report());
}

}  // namespace

int RunCheck(const std::string& data, const Config& config) {
  const Result<store::FsckReport> report = Check(data, config);
  if (!report.ok()) return Fail(report.status());
  for (const std::string& problem : report->problems) fmt::print(stderr, "{}\n", problem);
  fmt::print(
      "{}: {} objects, {} held, {} unfinished uploads, {} parts; {} contents with {} bytes, {} "
      "references to them; {} segments; {} problems\n",
      report->problems.empty() ? "ok" : "not ok", report->objects, report->held, report->uploads,
      report->parts, report->contents, report->bytes, report->references, report->segments,
      report->problems.size());
  return report->problems.empty() ? 0 : 1;
}

int RunBackup(const std::string& data, const std::string& to, const Config& config) {
  const Result<store::BackupReport> report = Backup(data, to, config);
  if (!report.ok()) return Fail(report.status());
  fmt::print("ok: {} holds {} content files, {} of them linked; writers waited {:.1f} ms\n", to,
             report->contents, report->linked, report->paused_millis);
  return 0;
}

int RunRestore(const std::string& backup, const std::string& data) {
  const Status restored = Restore(backup, data);
  if (!restored.ok()) return Fail(restored);
  fmt::print("ok: {} is a data folder again: start hodeid --data {}\n", data, data);
  return 0;
}

}  // namespace hodei::server
