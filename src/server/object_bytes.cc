#include "server/object_bytes.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "sys/file.h"

namespace hodei::server {
namespace {

constexpr size_t kSecretBytes = 4096;

Result<Secret> ReadSecret(const std::string& path) {
  ASSIGN_OR_RETURN_CTX(std::string text, ReadFile(path, kSecretBytes),
                       "storage.s3.secret_key_file");
  struct stat facts {};
  if (stat(path.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0) {
    return InvalidArgument(
        fmt::format("storage.s3.secret_key_file: others can read '{}': chmod 600 it", path));
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) {
    return InvalidArgument(fmt::format("storage.s3.secret_key_file: '{}' is empty", path));
  }
  return Secret(std::move(text));
}

}  // namespace

Result<std::optional<store::RemoteOptions>> ReadRemoteOptions(const Config& config) {
  const S3& s3 = config.storage().s3();
  if (s3.endpoint().empty()) {
    if (s3.bucket().empty()) return std::optional<store::RemoteOptions>();
    return InvalidArgument("storage.s3.endpoint: say where the bucket is, https://HOST[:PORT]");
  }
  if (s3.bucket().empty()) return InvalidArgument("storage.s3.bucket: name the bucket");
  if (s3.access_key_id().empty() || s3.secret_key_file().empty()) {
    return InvalidArgument("storage.s3: give access_key_id and secret_key_file");
  }
  if (s3.cache_gib() < 0) return InvalidArgument("storage.s3.cache_gib: 1 or more");
  store::RemoteOptions options;
  options.server.endpoint = s3.endpoint();
  options.server.bucket = s3.bucket();
  options.server.ca_file = s3.ca_file();
  options.server.credentials.access_key_id = s3.access_key_id();
  options.server.credentials.region = s3.region().empty() ? "us-east-1" : s3.region();
  ASSIGN_OR_RETURN(options.server.credentials.secret_key, ReadSecret(s3.secret_key_file()));
  options.prefix = s3.has_prefix() ? s3.prefix() : "hodei/";
  if (s3.cache_gib() > 0) options.cache_bytes = static_cast<uint64_t>(s3.cache_gib()) << 30;
  options.take_over = s3.take_over();
  return std::optional(std::move(options));
}

}  // namespace hodei::server
