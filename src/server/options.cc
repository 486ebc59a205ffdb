#include "server/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <charconv>
#include <cstdlib>

namespace hodei::server {
namespace {

std::string DefaultDataDir() {
  const char* xdg = std::getenv("XDG_DATA_HOME");
  if (xdg != nullptr && *xdg == '/') return std::string(xdg) + "/hodei";
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr || *home == '\0' ? "/var/lib" : home) + "/.local/share/hodei";
}

struct Texts {
  std::string listen = "127.0.0.1:8080";
  std::string listen_tls = "127.0.0.1:8443";
  std::string auth = "token";
};

void Describe(CLI::App* app, Options* options, Texts* texts) {
  app->add_option("--data", options->data_dir,
                  "Folder of everything the server keeps (default: $XDG_DATA_HOME/hodei)");
  app->add_option("--listen", texts->listen, "Address for HTTP; port 0 chooses one")
      ->capture_default_str();
  app->add_option("--listen-tls", texts->listen_tls,
                  "Address for HTTPS, with a certificate of this installation's own authority")
      ->capture_default_str();
  app->add_flag("--no-tls", options->no_tls, "Serve no HTTPS");
  app->add_option("--config", options->config_file,
                  "YAML file; proto/hodei/config.proto is its manual");
  app->add_option("--auth", texts->auth,
                  "token: every request needs a credential; none: emulator mode, loopback only")
      ->check(CLI::IsMember({"token", "none"}))
      ->capture_default_str();
  app->add_flag(
      "--ephemeral", options->ephemeral,
      "Everything in a temporary folder that goes with the server; random ports, --auth none");
  app->add_flag("--insecure-public-http", options->insecure_public_http,
                "Allow --listen on a public address without TLS (something in front must add it)");
  app->add_flag("--doctor", options->doctor,
                "Check this machine, try to break out of the sandbox, exit");
  app->add_flag("--check", options->check,
                "Compare the data folder's index with every stored byte, also beside a running "
                "server; exit")
      ->excludes(app->add_option("--backup", options->backup_to,
                                 "Write a backup of the data folder to this new folder, also "
                                 "beside a running server; exit"));
  app->add_option("--restore", options->restore_from,
                  "Make the data folder, which must not exist, from this backup, check it, exit");
  app->add_flag("--version", options->version, "Print the version");
}

}  // namespace

Result<HostPort> ParseHostPort(const std::string& text) {
  const Status bad = InvalidArgument(
      fmt::format("'{}' is not an address: write HOST:PORT, for example 127.0.0.1:8080", text));
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return bad;
  HostPort out;
  out.host = text.substr(0, colon);
  if (out.host.front() == '[' && out.host.back() == ']') {
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find(':') != std::string::npos) {
    return bad;
  }
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (error != std::errc() || parsed != end) return bad;
  if (out.host == "localhost") out.host = "127.0.0.1";
  return out;
}

bool IsLoopback(const std::string& host) {
  return host == "::1" || host == "localhost" || host.starts_with("127.");
}

Status CheckExposure(const Options& options) {
  const bool public_http = !IsLoopback(options.listen.host);
  const bool public_tls = !options.no_tls && !IsLoopback(options.listen_tls.host);
  if (options.auth_none && (public_http || public_tls)) {
    return FailedPrecondition(
        "--auth none answers anybody: it works on loopback addresses only. Remove --auth none, or "
        "listen on 127.0.0.1");
  }
  if (public_http && !options.insecure_public_http) {
    return FailedPrecondition(fmt::format(
        "--listen {} would serve credentials in the clear to the network. Keep --listen on "
        "127.0.0.1 and use --listen-tls {}:8443 for other machines, or say --insecure-public-http",
        options.listen.host, options.listen.host));
  }
  return OkStatus();
}

Result<Options> ParseOptions(int argc, char** argv) {
  Options options;
  Texts texts;
  CLI::App app("hodeid: the Hodei server");
  Describe(&app, &options, &texts);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    options.help = true;
    return options;
  } catch (const CLI::ParseError& error) {
    return InvalidArgument(fmt::format("{} (see hodeid --help)", error.what()));
  }
  ASSIGN_OR_RETURN(options.listen, ParseHostPort(texts.listen));
  ASSIGN_OR_RETURN(options.listen_tls, ParseHostPort(texts.listen_tls));
  options.auth_none = texts.auth == "none" || options.ephemeral;
  if (options.ephemeral) {
    if (app.count("--listen") == 0) options.listen.port = 0;
    if (app.count("--listen-tls") == 0) options.listen_tls.port = 0;
  }
  if (options.data_dir.empty()) options.data_dir = DefaultDataDir();
  if (options.data_dir.front() != '/') {
    char* here = getcwd(nullptr, 0);
    if (here == nullptr) return FailedPrecondition("the current folder is gone");
    options.data_dir = std::string(here) + "/" + options.data_dir;
    std::free(here);
  }
  while (options.data_dir.size() > 1 && options.data_dir.back() == '/') options.data_dir.pop_back();
  return options;
}

std::string UsageText() {
  Options options;
  Texts texts;
  CLI::App app("hodeid: the Hodei server");
  Describe(&app, &options, &texts);
  return app.help("hodeid");
}

}  // namespace hodei::server
