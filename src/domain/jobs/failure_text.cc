#include "domain/jobs/failure_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <string>

namespace hodei::jobs {
namespace {

std::string SignalName(int signal) {
  switch (signal) {
    case SIGABRT:
      return "SIGABRT";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGHUP:
      return "SIGHUP";
    case SIGILL:
      return "SIGILL";
    case SIGINT:
      return "SIGINT";
    case SIGKILL:
      return "SIGKILL";
    case SIGPIPE:
      return "SIGPIPE";
    case SIGQUIT:
      return "SIGQUIT";
    case SIGSEGV:
      return "SIGSEGV";
    case SIGSYS:
      return "SIGSYS";
    case SIGTERM:
      return "SIGTERM";
    case SIGTRAP:
      return "SIGTRAP";
    case SIGXCPU:
      return "SIGXCPU";
    case SIGXFSZ:
      return "SIGXFSZ";
    default:
      return fmt::format("signal {}", signal);
  }
}

std::string Pointer(std::string_view job_id) {
  return fmt::format(
      "To find out more about why your job exited please check the logs: hodei ml-engine jobs "
      "stream-logs {}",
      job_id);
}

// Cuts at the front, at the start of a UTF-8 character.
std::string LastBytes(const std::string& text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t start = text.size() - limit;
  while (start < text.size() && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) ++start;
  return "[...]\n" + text.substr(start);
}

}  // namespace

int ExitStatusOf(const exec::ReplicaExit& exit) {
  return exit.signal != 0 ? 128 + exit.signal : exit.exit_code;
}

std::string ExplainingTail(const std::vector<std::string>& lines) {
  size_t first = lines.size() > kFailureTailLines ? lines.size() - kFailureTailLines : 0;
  for (size_t i = lines.size(); i-- > first;) {
    if (lines[i].starts_with("Traceback (most recent call last):")) {
      first = i;
      break;
    }
  }
  std::string tail;
  for (size_t i = first; i < lines.size(); ++i) {
    if (!tail.empty()) tail += '\n';
    tail += lines[i];
  }
  return LastBytes(tail, kFailureTailBytes);
}

std::string ReplicaFailure(std::string_view role, int index, const exec::ReplicaExit& exit,
                           const std::vector<std::string>& tail, std::string_view job_id) {
  std::string text;
  if (exit.out_of_memory) {
    text = fmt::format(
        "The replica {} {} ran out-of-memory and exited with a non-zero status of {}. Termination "
        "reason: OOM.",
        role, index, ExitStatusOf(exit));
  } else if (exit.signal != 0) {
    text = fmt::format(
        "The replica {} {} exited with a non-zero status of {}({}). Termination reason: Error.",
        role, index, ExitStatusOf(exit), SignalName(exit.signal));
  } else {
    text = fmt::format(
        "The replica {} {} exited with a non-zero status of {}. Termination reason: Error.", role,
        index, exit.exit_code);
  }
  if (exit.disk_full) text += " Its disk was full.";
  if (!exit.detail.empty()) text += " " + exit.detail;
  const std::string explained = ExplainingTail(tail);
  if (!explained.empty()) text += "\n" + explained;
  return text + "\n\n" + Pointer(job_id);
}

std::string RestartsExhausted(const std::string& replica_failure) {
  return "The replica was restarted 5 times and failed again. " + replica_failure;
}

std::string AttemptsExhausted(std::string_view reason, int attempts) {
  return fmt::format("The job was lost {} times and is not tried again. The last time: {}",
                     attempts, reason);
}

std::string EnvironmentFailure(std::string_view error, std::string_view job_id) {
  return fmt::format("{}\n\n{}", error, Pointer(job_id));
}

std::string WaitedTooLong(int64_t seconds, std::string_view waiting_for) {
  std::string text = fmt::format(
      "The job was cancelled because it did not start within its maxWaitTime of {} seconds.",
      seconds);
  if (!waiting_for.empty()) text += fmt::format(" {}", waiting_for);
  return text;
}

std::string RanTooLong(int64_t seconds) {
  return fmt::format(
      "The job was cancelled because it ran longer than its maxRunningTime of {} seconds.",
      seconds);
}

}  // namespace hodei::jobs
