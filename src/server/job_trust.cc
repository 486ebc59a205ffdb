#include "server/job_trust.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/digest.h"
#include "domain/jobs/private_google.h"
#include "net/certificate_authority.h"
#include "sys/file.h"

namespace hodei::server {
namespace {

constexpr size_t kBundleLimitBytes = 8 << 20;
constexpr size_t kMaxHostFiles = 10'000;
constexpr char kBundle[] = "ca-certificates.crt";

// Links stay links: what they lead to lies below /usr, which jobs see.
Status CopyHashedNames(const std::string& from, const std::string& to) {
  const auto names = ListDirectory(from);
  if (!names.ok()) return OkStatus();  // a host that trusts nobody
  size_t copied = 0;
  for (const std::string& name : *names) {
    if (name == kBundle || ++copied > kMaxHostFiles) continue;
    char target[4096];
    const ssize_t n = readlink((from + "/" + name).c_str(), target, sizeof target - 1);
    if (n <= 0) continue;
    target[n] = '\0';
    if (symlink(target, (to + "/" + name).c_str()) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, fmt::format("link '{}'", name));
    }
  }
  return OkStatus();
}

Status WritePublic(const std::string& path, const std::string& text) {
  return WriteFileDurably(path, text, 0644);
}

}  // namespace

Result<std::string> MakeJobTrust(const std::string& dir, const std::string& authority_pem,
                                 const std::string& host_certs) {
  std::string bundle = ReadFile(host_certs + "/" + kBundle, kBundleLimitBytes).value_or("");
  if (!bundle.empty() && bundle.back() != '\n') bundle += '\n';
  bundle += authority_pem;
  const std::string boto = jobs::BotoConfig();
  const std::string note = jobs::NoBucketFilesNote();
  ASSIGN_OR_RETURN(const std::string hashed, net::HashedFileName(authority_pem));
  const std::string path = dir + "/" + Sha256Hex(bundle + boto + note).substr(0, 16);
  if (FileExists(path)) return path;
  const std::string draft = path + ".new";
  RETURN_IF_ERROR(RemoveTree(draft));
  RETURN_IF_ERROR(MakeDirectories(draft + "/certs", 0755));
  RETURN_IF_ERROR(CopyHashedNames(host_certs, draft + "/certs"));
  RETURN_IF_ERROR(WritePublic(draft + "/certs/" + kBundle, bundle));
  RETURN_IF_ERROR(WritePublic(draft + "/certs/" + hashed, authority_pem));
  RETURN_IF_ERROR(WritePublic(draft + "/authority.pem", authority_pem));
  RETURN_IF_ERROR(WritePublic(draft + "/boto.cfg", boto));
  RETURN_IF_ERROR(MakeDirectories(draft + "/gcs", 0755));
  RETURN_IF_ERROR(WritePublic(draft + "/gcs/README", note));
  if (rename(draft.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "keep " + path);
  return path;
}

}  // namespace hodei::server
