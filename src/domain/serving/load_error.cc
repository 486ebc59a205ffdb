#include "domain/serving/load_error.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/log_frame.h"
#include "sys/file.h"

namespace hodei::serving {
namespace {

constexpr std::string_view kMark = "LOAD_ERROR ";
constexpr size_t kSegmentsReadMaxBytes = 32 << 20;

}  // namespace

std::string ParseLoadError(std::string_view line) {
  if (!line.starts_with(kMark)) return "";
  line.remove_prefix(kMark.size());
  if (line.size() > 6 * kLoadErrorMaxBytes) return "";
  const auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_string()) return "";
  std::string text = parsed.get<std::string>();
  if (text.size() > kLoadErrorMaxBytes) text.resize(kLoadErrorMaxBytes);
  while (!text.empty() && !IsValidUtf8(text)) text.pop_back();  // a character was cut
  return text;
}

std::string FindLoadError(const std::string& log_dir) {
  const auto names = ListDirectory(log_dir);
  if (!names.ok()) return "";
  std::string found;
  std::string line;
  for (const std::string& name : *names) {
    const auto bytes = ReadFile(log_dir + "/" + name, kSegmentsReadMaxBytes);
    if (!bytes.ok()) continue;
    std::string_view rest = *bytes;
    if (!rest.starts_with(kLogMagic)) continue;
    rest.remove_prefix(kLogMagic.size());
    while (!rest.empty()) {
      const ParsedLogFrame parsed = ParseLogFrame(rest);
      if (parsed.kind != ParsedLogFrame::Kind::kFrame) break;
      if (line.size() < 8 * kLoadErrorMaxBytes) line += parsed.frame.text;
      rest.remove_prefix(parsed.size_bytes);
      if ((parsed.frame.flags & LogFrame::kFlagContinues) != 0) continue;
      if (std::string text = ParseLoadError(line); !text.empty()) found = std::move(text);
      line.clear();
    }
  }
  return found;
}

std::string EndText(const exec::ReplicaStatus& status) {
  const exec::ReplicaExit& exit = status.exit;
  if (exit.out_of_memory) return "was ended because it used more memory than its machine type has.";
  if (exit.disk_full) return "ended because its disk was full.";
  if (!exit.detail.empty()) return fmt::format("could not run: {}.", exit.detail);
  if (status.phase == exec::ReplicaPhase::kLost) return "was lost.";
  if (exit.signal != 0) return fmt::format("was ended by signal {}.", exit.signal);
  return fmt::format("ended with status {}.", exit.exit_code);
}

}  // namespace hodei::serving
