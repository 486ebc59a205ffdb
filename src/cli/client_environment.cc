#include "cli/client_environment.h"

#include <fmt/format.h>

namespace hodei::cli {
namespace {

struct HostPort {
  std::string host;
  std::string port;
};

HostPort SplitUrl(std::string_view url) {
  size_t scheme = url.find("://");
  bool tls = url.substr(0, 5) == "https";
  std::string_view rest = scheme == url.npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  size_t colon = rest.rfind(':');
  if (colon == rest.npos || rest.back() == ']') return {std::string(rest), tls ? "443" : "80"};
  return {std::string(rest.substr(0, colon)), std::string(rest.substr(colon + 1))};
}

std::string Lookup(const EnvironmentVariables& variables, const std::string& name) {
  auto found = variables.find(name);
  return found == variables.end() ? "" : found->second;
}

// A proxy would be asked for our loopback address, too.
void AddProxyExceptions(const ClientEnvironmentInput& input, ClientEnvironment* out) {
  bool proxied = false;
  for (const char* name :
       {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"}) {
    proxied |= !Lookup(input.present, name).empty();
  }
  if (!proxied) return;
  std::string host = SplitUrl(input.url).host;
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    std::string value = Lookup(input.present, name);
    if (("," + value + ",").find("," + host + ",") == std::string::npos) {
      value += (value.empty() ? "" : ",") + host;
    }
    out->exports.emplace_back(name, value);
  }
}

// A remote called "hodei" that no configuration file has to define.
void AddRclone(const ClientEnvironmentInput& input, ClientEnvironment* out) {
  auto add = [&](const char* name, std::string value) {
    out->exports.emplace_back(std::string("RCLONE_CONFIG_HODEI_") + name, std::move(value));
  };
  add("TYPE", "google cloud storage");
  add("ENDPOINT", input.url + "/storage/v1/");
  add("PROJECT_NUMBER", input.project);
  add("BUCKET_POLICY_ONLY", "true");
  if (input.asks_credential) {
    add("SERVICE_ACCOUNT_FILE", input.data_folder + "/credentials/owner.json");
  } else {
    add("ANONYMOUS", "true");
  }
}

}  // namespace

std::string ShellQuoted(std::string_view text) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (!text.empty() && text.find_first_not_of(kSafe) == text.npos) return std::string(text);
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

ClientEnvironment MakeClientEnvironment(const ClientEnvironmentInput& input) {
  ClientEnvironment out;
  auto add = [&](std::string name, std::string value) {
    out.exports.emplace_back(std::move(name), std::move(value));
  };
  const std::string credentials = input.data_folder + "/credentials";
  add("HODEI_SERVER", input.url);
  add("HODEI_DATA", input.data_folder);
  for (const char* api :
       {"ML", "LOGGING", "CLOUDRESOURCEMANAGER", "NOTEBOOKS", "ARTIFACTREGISTRY", "CLOUDBILLING"}) {
    add(fmt::format("CLOUDSDK_API_ENDPOINT_OVERRIDES_{}", api), input.url + "/");
  }
  add("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", input.url + "/storage/v1/");
  add("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", input.url + "/compute/v1/");
  add("CLOUDSDK_CONFIG", input.work_folder + "/gcloud");
  add("CLOUDSDK_CORE_PROJECT", input.project);
  add("CLOUDSDK_AI_PLATFORM_REGION", "global");
  add("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true");
  add("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true");
  add("CLOUDSDK_CORE_DISABLE_PROMPTS", "true");
  add("CLOUDSDK_CORE_SURVEY_DISABLE_PROMPTS", "true");
  if (input.asks_credential) {
    add("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", credentials + "/owner.token");
    add("GOOGLE_APPLICATION_CREDENTIALS", credentials + "/owner.json");
    add("API_ENDPOINT_OVERRIDE", input.url);
    out.unset = {"CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "STORAGE_EMULATOR_HOST",
                 "CLOUD_STORAGE_EMULATOR_ENDPOINT"};
    out.notes.push_back(
        "STORAGE_EMULATOR_HOST is left unset: with it the client libraries send no credential. "
        "Where "
        "a library needs an address, give it api_endpoint=" +
        input.url + ".");
  } else {
    add("CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true");
    add("STORAGE_EMULATOR_HOST", input.url);
    add("CLOUD_STORAGE_EMULATOR_ENDPOINT", input.url);
    out.unset = {"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS",
                 "API_ENDPOINT_OVERRIDE"};
  }
  add("GOOGLE_CLOUD_PROJECT", input.project);
  // gcsfs would ask for the kind of each bucket by gRPC, at Google's own host, and wait for it.
  add("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false");
  add("GCLOUD_PROJECT", input.project);
  // gcsfs takes the address as a setting of its file systems, under both of their names.
  add("FSSPEC_GCS_ENDPOINT_URL", input.url);
  add("FSSPEC_GS_ENDPOINT_URL", input.url);
  AddRclone(input, &out);
  if (!input.tls_url.empty()) {
    // The gsutil inside the Cloud SDK would otherwise put gcloud's credential over the boto file's.
    add("CLOUDSDK_CORE_PASS_CREDENTIALS_TO_GSUTIL", "false");
    add("BOTO_CONFIG", input.work_folder + "/boto");
    // Node adds this one to what it trusts already.
    add("NODE_EXTRA_CA_CERTS", input.data_folder + "/tls/ca.pem");
    // The Cloud SDK hands this one to its gsutil, over what the boto file says.
    add("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", input.work_folder + "/ca-bundle.pem");
  } else {
    out.notes.push_back("gsutil needs https, and this server was started without --listen-tls.");
  }
  if (input.url.rfind("https://", 0) == 0) {
    for (const char* name : {"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"}) {
      add(name, input.work_folder + "/ca-bundle.pem");
    }
  }
  AddProxyExceptions(input, &out);
  return out;
}

std::string BotoConfiguration(const ClientEnvironmentInput& input) {
  HostPort tls = SplitUrl(input.tls_url);
  std::string text = "# Written by `hodei env`; changes are lost.\n[Credentials]\n";
  text += fmt::format("gs_json_host = {0}\ngs_json_port = {1}\ngs_host = {0}\ngs_port = {1}\n",
                      tls.host, tls.port);
  if (input.asks_credential) {
    text += fmt::format("gs_service_key_file = {}/credentials/owner.json\n", input.data_folder);
  }
  text += fmt::format(
      "\n[Boto]\nhttps_validate_certificates = True\nca_certificates_file = "
      "{}/ca-bundle.pem\nnum_retries = 3\n",
      input.work_folder);
  text += fmt::format(
      "\n[GSUtil]\nprefer_api = json\ndefault_project_id = {}\nstate_dir = "
      "{}/gsutil\nsoftware_update_check_period = 0\nuse_gcloud_storage = False\n",
      input.project, input.work_folder);
  // Two percent signs: boto's own reader of this file takes one for a reference.
  text += "\n[OAuth2]\ntoken_cache = file_system\ntoken_cache_path_pattern = " + input.work_folder +
          "/gsutil-token-cache/%%(key)s\n";
  // gsutil asks Google's token endpoint, whatever the key says, unless it is told here.
  if (!input.token_uri.empty()) text += "provider_token_uri = " + input.token_uri + "\n";
  return text;
}

}  // namespace hodei::cli
