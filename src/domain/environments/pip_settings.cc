#include "domain/environments/pip_settings.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "sys/file.h"

namespace hodei::environments {
namespace {

// Variables that say where or whether pip installs; ours decide that.
constexpr std::array kIgnoredPipVariables = {
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_CACHE_DIR",
    "PIP_LOG",
    "PIP_SRC",
    "PIP_REPORT",
    "PIP_DRY_RUN",
    "PIP_NO_DEPS",
    "PIP_PYTHON",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_CONFIG_FILE",
    "PIP_EDITABLE",
    "PIP_REQUIREMENT",
    "PIP_NO_BUILD_ISOLATION",
    "PIP_BREAK_SYSTEM_PACKAGES",
};

constexpr std::array kNetworkVariables = {
    "HTTP_PROXY",         "HTTPS_PROXY",    "ALL_PROXY",     "NO_PROXY",
    "http_proxy",         "https_proxy",    "all_proxy",     "no_proxy",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
};

template <typename List>
bool Contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string_view WithoutFileScheme(std::string_view word) {
  constexpr std::string_view kScheme = "file://";
  return word.starts_with(kScheme) ? word.substr(kScheme.size()) : word;
}

// Words of `text` between white space, '=' and quotes: what may be a path in a pip.conf.
std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (char c : text) {
    if (std::string_view(" \t\r\n=\"'").find(c) == std::string_view::npos) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

class Gatherer {
 public:
  explicit Gatherer(const PipSources& sources) : sources_(sources) {}

  PipSettings Run() {
    // pip's order: global, user, site, and the file PIP_CONFIG_FILE names over all of them.
    AddConfig("/etc/xdg/pip/pip.conf");
    AddConfig(sources_.etc + "/pip.conf");
    if (!sources_.home.empty()) {
      AddConfig(sources_.home + "/.pip/pip.conf");
      AddConfig(Variable("XDG_CONFIG_HOME").empty()
                    ? sources_.home + "/.config/pip/pip.conf"
                    : Variable("XDG_CONFIG_HOME") + "/pip/pip.conf");
    }
    if (std::string file = Variable("PIP_CONFIG_FILE"); !file.empty()) AddConfig(file);
    for (const auto& [name, value] : sources_.environment) {
      bool of_pip = name.starts_with("PIP_") && !Contains(kIgnoredPipVariables, name);
      if (of_pip || Contains(kNetworkVariables, name)) settings_.env[name] = Inside(value);
    }
    return std::move(settings_);
  }

 private:
  std::string Variable(const std::string& name) const {
    auto it = sources_.environment.find(name);
    return it == sources_.environment.end() ? std::string() : it->second;
  }

  void AddConfig(const std::string& path) {
    auto text = ReadFile(path, kPipConfigBytesMax);
    if (!text.ok() || text->empty()) return;
    settings_.config_files.push_back(path);
    for (const std::string& word : Words(*text)) Mount(WithoutFileScheme(word));
  }

  // `value` with each path in it that exists here replaced by its path in the sandbox.
  std::string Inside(const std::string& value) {
    std::string inside;
    for (size_t at = 0; at < value.size();) {
      size_t end = value.find(' ', at);
      if (end == std::string::npos) end = value.size();
      std::string word = value.substr(at, end - at);
      std::string mounted = Mount(WithoutFileScheme(word));
      inside += mounted.empty() ? word : mounted;
      if (end < value.size()) inside += ' ';
      at = end + 1;
    }
    return inside;
  }

  // The path inside of `host_path`, mounted now if it exists; empty when it is not a path.
  std::string Mount(std::string_view host_path) {
    std::string path(host_path);
    struct stat status;
    if (path.size() < 2 || path[0] != '/' || stat(path.c_str(), &status) != 0) return "";
    if (auto it = settings_.inside_paths.find(path); it != settings_.inside_paths.end()) {
      return it->second;
    }
    if (settings_.inside_paths.size() >= kPipPathsMax) return "";
    std::string inside = fmt::format("/opt/hodei/pip/{}", settings_.inside_paths.size());
    settings_.mounts.push_back({.host_path = path, .inside_path = inside});
    settings_.inside_paths[path] = inside;
    return inside;
  }

  const PipSources& sources_;
  PipSettings settings_;
};

}  // namespace

PipSettings GatherPipSettings(const PipSources& sources) { return Gatherer(sources).Run(); }

}  // namespace hodei::environments
