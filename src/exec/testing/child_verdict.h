// Tests that change what a process sees of the machine do it in a child.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace hodei::exec {

// What `body` returns in a forked child; what it did to the child's namespaces goes with it.
inline std::string ChildVerdict(const std::function<std::string()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string verdict = body();
    (void)!write(ends[1], verdict.data(), verdict.size());
    _exit(0);
  }
  close(ends[1]);
  std::string verdict;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    verdict.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return verdict;
}

}  // namespace hodei::exec
