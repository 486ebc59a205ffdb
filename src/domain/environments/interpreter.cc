#include "domain/environments/interpreter.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "sys/file.h"

namespace hodei::environments {
namespace {

constexpr std::string_view kPrefix = "python3.";

// N of "python3.N", -1 for other names.
int Minor(std::string_view name) {
  if (!name.starts_with(kPrefix)) return -1;
  name.remove_prefix(kPrefix.size());
  if (name.empty() || name.size() > 3) return -1;
  int minor = 0;
  for (char c : name) {
    if (c < '0' || c > '9') return -1;
    minor = minor * 10 + (c - '0');
  }
  return minor;
}

std::string RealPath(const std::string& path) {
  std::unique_ptr<char, void (*)(void*)> resolved(realpath(path.c_str(), nullptr), &std::free);
  return resolved ? std::string(resolved.get()) : std::string();
}

}  // namespace

std::vector<Interpreter> FindInterpreters(const std::string& folder,
                                          const std::string& visible_root) {
  std::vector<std::pair<int, Interpreter>> found;
  auto names = ListDirectory(folder);
  if (!names.ok()) return {};
  for (const std::string& name : *names) {
    int minor = Minor(name);
    std::string path = fmt::format("{}/{}", folder, name);
    std::string real = RealPath(path);
    struct stat status;
    if (minor < 0 || !real.starts_with(visible_root + "/") || stat(real.c_str(), &status) != 0 ||
        !S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0) {
      continue;
    }
    // Size and modification time change with every upgrade of the distribution's Python, and an
    // environment built for the one before must not be used with it.
    found.emplace_back(minor, Interpreter{fmt::format("3.{}", minor), path,
                                          fmt::format("{}:{}:{}", real, status.st_size,
                                                      static_cast<int64_t>(status.st_mtime))});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Interpreter> interpreters;
  for (auto& [minor, interpreter] : found) interpreters.push_back(std::move(interpreter));
  return interpreters;
}

}  // namespace hodei::environments
