#include "base/failpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace hodei {
namespace internal {
std::atomic<bool> failpoints_armed{false};
}  // namespace internal
namespace {

struct Action {
  enum class Kind { kKill, kError, kDelay } kind = Kind::kKill;
  int value = 0;     // errno or milliseconds
  int at_hit = 0;    // 0: every hit
  int hits = 0;
};

// The one mutable global of the tree: failpoints exist to reach places no dependency reaches.
struct Armed {
  std::mutex mutex;
  std::map<std::string, Action, std::less<>> actions;
  std::string log_path;
};

Armed& GetArmed() {
  static Armed armed;
  return armed;
}

int ToInt(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int ErrnoByName(std::string_view name) {
  if (name == "ENOSPC") return ENOSPC;
  if (name == "EIO") return EIO;
  if (name == "EMFILE") return EMFILE;
  return ToInt(name);
}

void ParseOne(std::string_view item, Armed* armed) {
  const size_t equals = item.find('=');
  if (equals == std::string_view::npos) return;
  const std::string name(item.substr(0, equals));
  std::string_view what = item.substr(equals + 1);
  Action action;
  if (const size_t at = what.find('@'); at != std::string_view::npos) {
    action.at_hit = ToInt(what.substr(at + 1));
    what = what.substr(0, at);
  }
  if (what.starts_with("error:")) {
    action.kind = Action::Kind::kError;
    action.value = ErrnoByName(what.substr(6));
  } else if (what.starts_with("delay:")) {
    action.kind = Action::Kind::kDelay;
    action.value = ToInt(what.substr(6));
  }
  armed->actions[name] = action;
}

void LogHit(const std::string& path, std::string_view name) {
  if (path.empty()) return;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const std::string line = std::string(name) + "\n";
  if (write(fd, line.data(), line.size()) < 0) { /* the log is best effort */
  }
  close(fd);
}

}  // namespace

void ArmFailpointsFromEnvironment() {
  const char* spec = std::getenv("HODEI_FAILPOINTS");
  const char* log = std::getenv("HODEI_FAILPOINT_LOG");
  if (spec == nullptr && log == nullptr) return;
  Armed& armed = GetArmed();
  std::lock_guard lock(armed.mutex);
  std::string_view rest = spec == nullptr ? "" : spec;
  while (!rest.empty()) {
    const size_t end = rest.find(';');
    ParseOne(rest.substr(0, end), &armed);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  if (log != nullptr) armed.log_path = log;
  internal::failpoints_armed = true;
}

namespace internal {

Status HitFailpoint(std::string_view name) {
  Armed& armed = GetArmed();
  std::unique_lock lock(armed.mutex);
  LogHit(armed.log_path, name);
  const auto it = armed.actions.find(name);
  if (it == armed.actions.end()) return OkStatus();
  Action& action = it->second;
  ++action.hits;
  if (action.at_hit != 0 && action.hits != action.at_hit) return OkStatus();
  const Action now = action;
  lock.unlock();
  switch (now.kind) {
    case Action::Kind::kKill:
      kill(getpid(), SIGKILL);
      pause();
      break;
    case Action::Kind::kError:
      return ErrnoStatus(now.value, std::string("failpoint ") + std::string(name));
    case Action::Kind::kDelay:
      std::this_thread::sleep_for(std::chrono::milliseconds(now.value));
      break;
  }
  return OkStatus();
}

}  // namespace internal
}  // namespace hodei
