#include "cli/storage/copy_manifest.h"

#include <fcntl.h>

#include <vector>

#include "base/clock.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr std::string_view kHeading =
    "Source,Destination,Start,End,Md5,UploadId,Source Size,Bytes Transferred,Result,Description\n";
constexpr size_t kResultColumn = 8;

std::string Field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

// The rows of a CSV text; quoted fields may hold commas, quotes and newlines.
std::vector<std::vector<std::string>> Rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1);
  std::string field;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ',' || c == '\n')) {
      rows.back().push_back(std::move(field));
      field.clear();
      if (c == '\n') rows.emplace_back();
    } else {
      field += c;
    }
  }
  return rows;
}

}  // namespace

Status CopyManifest::Open(const std::string& path) {
  bool fresh = !FileExists(path);
  if (!fresh) {
    ASSIGN_OR_RETURN(std::string text, ReadFile(path, kLimitBytes));
    for (const auto& row : Rows(text)) {
      bool copied = row.size() > kResultColumn &&
                    (row[kResultColumn] == "OK" || row[kResultColumn] == "skip");
      if (copied) done_.insert(row[0]);
    }
    fresh = text.empty();
  }
  ASSIGN_OR_RETURN(fd_, OpenFile(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  return fresh ? WriteAll(fd_.get(), kHeading) : OkStatus();
}

void CopyManifest::Add(const CopyRecord& record) {
  std::string now = FormatRfc3339(SystemClock().Now(), 6);
  std::string moved = record.result == "OK" ? std::to_string(record.bytes) : "0";
  std::string row = Field(record.source) + "," + Field(record.destination) + "," + now + "," + now +
                    ",,," + std::to_string(record.bytes) + "," + moved + "," + record.result + "," +
                    Field(record.description) + "\n";
  std::lock_guard lock(mutex_);
  (void)WriteAll(fd_.get(), row).ok();
}

}  // namespace hodei::cli
