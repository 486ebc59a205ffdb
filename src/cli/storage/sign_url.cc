// sign-url and gsutil's signurl: V4 signed URLs of this server, made with a service account's key.
#include "cli/storage/sign_url.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "cli/service_account.h"
#include "cli/storage/storage_handlers.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

std::tm Utc(WallTime time) { return fmt::gmtime(std::time_t(time.unix_nanos / kNanosPerSecond)); }

std::string KeyFile(Context& context) {
  std::string given = context.line().Text("private-key-file");
  return given.empty() ? context.settings().DataFolder() + "/credentials/owner.json" : given;
}

Result<std::string> RegionOf(Context& context, Api& api, const std::string& bucket) {
  std::string given = context.line().Text("region");
  if (!given.empty() && given != "auto") return AsciiLower(given);
  Result<Json> found = GetBucket(api, bucket);
  if (found.ok()) return AsciiLower(MemberText(*found, "location"));
  return Annotate(
      found.status(),
      fmt::format("Failed to auto-detect the region for {}; give it with --region", bucket));
}

}  // namespace

Result<int64_t> ParseDurationSeconds(const std::string& text) {
  static const std::map<char, int64_t> kUnits = {
      {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
  std::string_view rest = text;
  if (!rest.empty() && (rest[0] == 'P' || rest[0] == 'p')) rest.remove_prefix(1);
  int64_t total = 0, number = 0;
  bool digits = false, any = false;
  constexpr int64_t kMost = 100LL * 366 * 86400;
  for (char c : rest) {
    char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (c >= '0' && c <= '9') {
      number = number * 10 + (c - '0');
      digits = any = true;
      if (number > kMost) break;
    } else if (auto unit = kUnits.find(lower); unit != kUnits.end() && digits) {
      total += number * unit->second;
      number = 0;
      digits = false;
    } else if (lower == 'y' && digits) {
      total += number * 365 * 86400 + number * 21600;
      number = 0;
      digits = false;
    } else if (lower != 't' || digits) {
      any = false;
      break;
    }
  }
  if (digits) total += number;  // a bare number counts seconds
  if (!any || total > kMost || number > kMost) {
    return InvalidArgument(
        fmt::format("Failed to parse duration [{}]; use 30s, 10m, 1h or 7d.", text));
  }
  return total;
}

Result<std::string> SignedUrl(const SignedUrlRequest& request, const std::string& client_email,
                              const std::string& private_key) {
  std::string host = request.server_url.substr(request.server_url.find("://") + 3);
  std::map<std::string, std::string> headers = {{"host", host}};
  for (const auto& [name, value] : request.headers) headers[AsciiLower(name)] = value;
  std::string canonical_headers, signed_headers;
  for (const auto& [name, value] : headers) {
    canonical_headers += name + ":" + value + "\n";
    signed_headers += (signed_headers.empty() ? "" : ";") + name;
  }
  std::tm now = Utc(request.now);
  std::string scope = fmt::format("{:%Y%m%d}/{}/storage/goog4_request", now, request.region);
  std::map<std::string, std::string> query = {
      {"X-Goog-Algorithm", "GOOG4-RSA-SHA256"},
      {"X-Goog-Credential", client_email + "/" + scope},
      {"X-Goog-Date", fmt::format("{:%Y%m%dT%H%M%SZ}", now)},
      {"X-Goog-Expires", std::to_string(request.seconds)},
      {"X-Goog-SignedHeaders", signed_headers}};
  for (const auto& [name, value] : request.parameters) query[name] = value;
  std::string canonical_query;
  for (const auto& [name, value] : query) {
    canonical_query +=
        (canonical_query.empty() ? "" : "&") + PercentEncode(name) + "=" + PercentEncode(value);
  }
  std::string path = "/" + request.url.bucket;
  if (!request.url.object.empty()) path += "/" + PercentEncode(request.url.object, "/");
  std::string canonical = request.verb + "\n" + path + "\n" + canonical_query + "\n" +
                          canonical_headers + "\n" + signed_headers + "\nUNSIGNED-PAYLOAD";
  std::string to_sign =
      "GOOG4-RSA-SHA256\n" + query["X-Goog-Date"] + "\n" + scope + "\n" + Sha256Hex(canonical);
  ASSIGN_OR_RETURN(std::string signature, SignRs256(private_key, to_sign));
  return fmt::format("{}{}?{}&X-Goog-Signature={}", request.server_url, path, canonical_query,
                     HexEncode(signature));
}

Result<int> SignUrls(Context& context) {
  const CommandLine& line = context.line();
  bool gsutil = InGsutilWords(context);
  std::vector<std::string> urls = line.positionals;
  std::string key_file = KeyFile(context);
  if (gsutil && !line.Switch("use-service-account")) {
    // gsutil's first word is the key file.
    if (urls.size() < 2) return InvalidArgument("Give the key file, then the URLs to sign.");
    key_file = urls.front();
    urls.erase(urls.begin());
  }
  SignedUrlRequest request;
  request.verb = line.Text("http-verb", "GET");
  ASSIGN_OR_RETURN(request.seconds, ParseDurationSeconds(line.Text("duration", "1h")));
  constexpr int64_t kLongest = 7 * 86400;
  if (request.seconds < 1 || request.seconds > kLongest) {
    return InvalidArgument("--duration must be between one second and seven days.");
  }
  for (const auto& [name, value] : line.Pairs("headers")) request.headers[name] = value;
  if (line.Has("content-type")) request.headers["content-type"] = line.Text("content-type");
  for (const auto& [name, value] : line.Pairs("query-params")) request.parameters[name] = value;
  ASSIGN_OR_RETURN_CTX(std::string text, ReadFile(key_file, 64 << 10),
                       "the key to sign with (--private-key-file)");
  ASSIGN_OR_RETURN(ServiceAccountKey key, ParseServiceAccountKey(text));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  request.server_url = api->url();
  request.now = context.clock().Now();
  std::string expires =
      fmt::format("{:%Y-%m-%d %H:%M:%S}", Utc(request.now + std::chrono::seconds(request.seconds)));
  Json rows = Json::array();
  for (const std::string& one : urls) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(one));
    std::vector<GsUrl> named = {url};
    if (HasWildcard(url.object)) {
      ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandUrl(*api, url));
      if (entries.empty()) return MatchedNothing(one);
      named.clear();
      for (const ObjectEntry& entry : entries) named.push_back(entry.url());
    }
    ASSIGN_OR_RETURN(request.region, RegionOf(context, *api, url.bucket));
    for (const GsUrl& each : named) {
      request.url = each;
      if (!each.generation.empty()) request.parameters["generation"] = each.generation;
      ASSIGN_OR_RETURN(std::string made,
                       SignedUrl(request, key.client_email, key.private_key.Reveal()));
      rows.push_back({{"expiration", expires},
                      {"http_verb", request.verb},
                      {"resource", each.Text()},
                      {"signed_url", made}});
    }
  }
  if (!gsutil) return context.PrintList(rows, "yaml", "signed_url");
  context.console().Out("URL\tHTTP Method\tExpiration\tSigned URL\n");
  for (const Json& row : rows) {
    context.console().Out(fmt::format("{}\t{}\t{}\t{}\n", MemberText(row, "resource"),
                                      MemberText(row, "http_verb"), MemberText(row, "expiration"),
                                      MemberText(row, "signed_url")));
  }
  return 0;
}

}  // namespace hodei::cli
