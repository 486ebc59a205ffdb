#include "domain/access/key_file.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <utility>

#include "base/encoding.h"
#include "domain/access/json_text.h"

namespace hodei::access {

std::string PrintKeyFile(const KeyFile& file) {
  const std::string& url = file.server_url;
  const std::pair<const char*, std::string> fields[] = {
      {"type", "service_account"},
      {"project_id", file.project_id},
      {"private_key_id", file.private_key_id},
      {"private_key", file.private_key_pem.Reveal()},
      {"client_email", file.client_email},
      {"client_id", file.client_id},
      {"auth_uri", url + "/o/oauth2/auth"},
      {"token_uri", url + kTokenPath},
      {"auth_provider_x509_cert_url", url + "/oauth2/v1/certs"},
      {"client_x509_cert_url", url + "/robot/v1/metadata/x509/" + PercentEncode(file.client_email)},
      {"universe_domain", "googleapis.com"},
  };
  std::string out = "{\n";
  for (const auto& [name, value] : fields) {
    out += fmt::format("{}  \"{}\": {}", out.size() > 2 ? ",\n" : "", name, JsonText(value));
  }
  return out + "\n}\n";
}

Result<KeyFile> ParseKeyFile(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) {
    return InvalidArgument("the key file is no JSON");
  }
  KeyFile file;
  std::string private_key, token_uri;
  const std::pair<const char*, std::string*> fields[] = {
      {"project_id", &file.project_id}, {"private_key_id", &file.private_key_id},
      {"private_key", &private_key},    {"client_email", &file.client_email},
      {"client_id", &file.client_id},   {"token_uri", &token_uri},
  };
  for (const auto& [name, out] : fields) {
    std::string_view value;
    if (root[name].get_string().get(value) != simdjson::SUCCESS || value.empty()) {
      return InvalidArgument(fmt::format("the key file has no {}", name));
    }
    *out = value;
  }
  file.private_key_pem = Secret(std::move(private_key));
  if (!token_uri.ends_with(kTokenPath)) return InvalidArgument("the key file is another server's");
  file.server_url = token_uri.substr(0, token_uri.size() - std::string_view(kTokenPath).size());
  return file;
}

}  // namespace hodei::access
