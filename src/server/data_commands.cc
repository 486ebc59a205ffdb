#include "server/data_commands.h"

#include <fmt/format.h>

#include <cstdio>

#include "store/backup/data_backup.h"

namespace hodei::server {
namespace {

int Fail(const Status& status) {
  fmt::print(stderr, "hodeid: {}\n", status.message());
  return 1;
}

}  // namespace

int RunCheck(const std::string& data) {
  const Result<store::FsckReport> report = store::CheckData(data);
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

int RunBackup(const std::string& data, const std::string& to) {
  const Result<store::BackupReport> report = store::CreateBackup(data, to);
  if (!report.ok()) return Fail(report.status());
  fmt::print("ok: {} holds {} content files, {} of them linked; writers waited {:.1f} ms\n", to,
             report->contents, report->linked, report->paused_millis);
  return 0;
}

int RunRestore(const std::string& backup, const std::string& data) {
  const Status restored = store::RestoreBackup(backup, data);
  if (!restored.ok()) return Fail(restored);
  fmt::print("ok: {} is a data folder again: start hodeid --data {}\n", data, data);
  return 0;
}

}  // namespace hodei::server
