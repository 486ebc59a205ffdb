#include "cli/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/output/json.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

std::string TrimEnd(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

std::string WithoutSlash(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

}  // namespace

Settings::Settings(const CommandLine* line, EnvironmentVariables environment)
    : line_(line), environment_(std::move(environment)) {
  Reload();
}

void Settings::Reload() {
  Result<PropertyFile> file = PropertyFile::Read(PropertyPath());
  if (file.ok()) properties_ = std::move(file).value();
}

std::optional<std::string> Settings::Variable(const std::string& name) const {
  auto found = environment_.find(name);
  if (found == environment_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::string Settings::Home() const { return Variable("HOME").value_or("/"); }

std::string Settings::ConfigFolder() const {
  if (auto folder = Variable("HODEI_CONFIG")) return *folder;
  return Variable("XDG_CONFIG_HOME").value_or(Home() + "/.config") + "/hodei";
}

std::string Settings::PropertyVariable(const std::string& name) {
  std::string variable = "CLOUDSDK_";
  for (char c : name) variable += c == '/' ? '_' : static_cast<char>(std::toupper(c));
  return variable;
}

std::optional<std::string> Settings::Property(const std::string& name) const {
  if (auto value = Variable(PropertyVariable(name))) return value;
  return StoredProperty(name);
}

std::optional<std::string> Settings::StoredProperty(const std::string& name) const {
  Result<PropertyName> parsed = ParsePropertyName(name);
  if (!parsed.ok()) return std::nullopt;
  return properties_.Get(*parsed);
}

std::string Settings::DataFolder() const {
  std::string folder;
  if (line_->Has("data")) {
    folder = line_->Text("data");
  } else if (auto variable = Variable("HODEI_DATA")) {
    folder = *variable;
  } else if (auto property = properties_.Get({"core", "data"})) {
    folder = *property;
  } else {
    return Variable("XDG_DATA_HOME").value_or(Home() + "/.local/share") + "/hodei";
  }
  if (!folder.empty() && folder[0] != '/') {
    folder = Variable("PWD").value_or(".") + "/" + folder;
  }
  return WithoutSlash(folder);
}

Result<ServerRecord> Settings::ReadServerRecord() const {
  std::string path = DataFolder() + "/server.json";
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, 64 << 10));
  ASSIGN_OR_RETURN_CTX(Json json, ParseJsonText(text), path);
  ServerRecord record;
  record.url = WithoutSlash(MemberText(json, "url"));
  record.tls_url = WithoutSlash(MemberText(json, "tls_url"));
  record.version = MemberText(json, "version");
  record.auth = MemberText(json, "auth");
  record.pid = std::strtol(MemberText(json, "pid").c_str(), nullptr, 10);
  return record;
}

ServerAddress Settings::Server() const {
  ServerAddress address;
  if (line_->Has("server")) {
    address = {WithoutSlash(line_->Text("server")), "", "the --server flag"};
  } else if (auto url = Variable("HODEI_SERVER"); url && !line_->Has("data")) {
    address = {WithoutSlash(*url), "", "$HODEI_SERVER"};
  } else if (auto property = properties_.Get({"core", "server"}); property && !line_->Has("data")) {
    address = {WithoutSlash(*property), "", "the property core/server"};
  } else if (Result<ServerRecord> record = ReadServerRecord();
             record.ok() && !record->url.empty()) {
    address = {record->url, "", DataFolder() + "/server.json"};
  } else {
    address = {"http://127.0.0.1:8080", "", "the default"};
  }
  if (address.url.find("://") == std::string::npos) address.url = "http://" + address.url;
  if (address.url.rfind("https://", 0) == 0) {
    std::string own = DataFolder() + "/tls/ca.pem";
    auto chosen = properties_.Get({"core", "ca_file"});
    address.ca_file = chosen ? *chosen : FileExists(own) ? own : "";
  }
  return address;
}

std::string Settings::OwnerKeyMember(const std::string& member) const {
  Result<std::string> text = ReadFile(DataFolder() + "/credentials/owner.json", 64 << 10);
  if (!text.ok()) return "";
  Result<Json> json = ParseJsonText(*text);
  return json.ok() ? MemberText(*json, member) : "";
}

Result<std::string> Settings::Project() const {
  std::string project;
  if (line_->Has("project")) {
    project = line_->Text("project");
  } else if (auto property = Property("core/project")) {
    project = *property;
  } else {
    project = OwnerKeyMember("project_id");
    if (project.empty()) project = "hodei-local";
  }
  bool number = !project.empty() && std::all_of(project.begin(), project.end(),
                                                [](char c) { return c >= '0' && c <= '9'; });
  if (number || project.empty() || project.find('/') != project.npos) {
    return InvalidArgument(
        fmt::format("[{}] is not a project ID. Give the ID, not the number, with --project or "
                    "`hodei config set project PROJECT_ID`; `hodei projects list` shows the IDs.",
                    project));
  }
  return project;
}

Result<Secret> Settings::AccessToken() const {
  std::string path;
  if (line_->Has("access-token-file")) {
    path = line_->Text("access-token-file");
  } else if (auto variable = Variable("HODEI_ACCESS_TOKEN_FILE")) {
    path = *variable;
  } else if (auto property = properties_.Get({"auth", "access_token_file"})) {
    path = *property;
  } else {
    path = DataFolder() + "/credentials/owner.token";
    if (!FileExists(path)) return Secret();
  }
  Result<std::string> text = ReadFile(path, 64 << 10);
  if (!text.ok()) return Annotate(text.status(), "cannot read the access token");
  return Secret(TrimEnd(std::move(text).value()));
}

std::string Settings::Account() const {
  if (auto account = Property("core/account")) return *account;
  return OwnerKeyMember("client_email");
}

std::optional<std::string> Settings::Region() const {
  if (line_->Has("region")) return line_->Text("region");
  if (auto region = Property("compute/region")) return region;
  // `hodei env` sets this one to "global", which is an endpoint and no place to train.
  auto region = Property("ai_platform/region");
  return region && *region != "global" ? region : std::nullopt;
}

}  // namespace hodei::cli
