#include "store/s3/s3_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "net/scoped_signature.h"

namespace hodei::store {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

// "20130524T000000Z"
std::string BasicTime(WallTime now) {
  std::string text = FormatRfc3339(now, 0);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

}  // namespace

std::string S3Path(std::string_view bucket, std::string_view key) {
  std::string path = "/" + PercentEncode(bucket);
  if (!key.empty()) path += "/" + PercentEncode(key, "/");
  return path;
}

std::string S3Query(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (!query.empty()) query += '&';
    query += PercentEncode(name) + "=" + PercentEncode(value);
  }
  return query;
}

Status SignS3Request(const S3Credentials& credentials, std::string_view host,
                     std::string_view payload_sha256_hex, WallTime now,
                     net::ClientRequest* request) {
  const std::string time = BasicTime(now);
  const std::string date = time.substr(0, 8);
  request->headers.Set("Host", std::string(host));
  request->headers.Set("x-amz-content-sha256", std::string(payload_sha256_hex));
  request->headers.Set("x-amz-date", time);
  std::map<std::string, std::string> headers;
  for (const auto& [name, value] : request->headers.fields()) {
    const std::string lower = AsciiLower(name);
    if (lower == "host" || lower == "range" || lower.starts_with("x-amz-")) headers[lower] = value;
  }
  std::string names;
  std::string lines;
  for (const auto& [name, value] : headers) {
    if (!names.empty()) names += ';';
    names += name;
    lines += name + ":" + value + "\n";
  }
  const size_t mark = request->target.find('?');
  std::string query;
  if (mark != std::string::npos) {
    ASSIGN_OR_RETURN(query, net::CanonicalQuery(request->target.substr(mark + 1), ""));
  }
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request->method, request->target.substr(0, mark), query,
                  lines, names, payload_sha256_hex);
  const net::SigningScope scope{"AWS4", date, credentials.region, "s3", "aws4_request"};
  const std::string scope_text =
      fmt::format("{}/{}/{}/{}", scope.date, scope.region, scope.service, scope.terminator);
  const std::string mac = net::ScopedMac(
      credentials.secret_key.Reveal(), scope,
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope_text, Sha256Hex(canonical)));
  request->headers.Set("Authorization",
                       fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                                   credentials.access_key_id, scope_text, names, HexEncode(mac)));
  return OkStatus();
}

}  // namespace hodei::store
