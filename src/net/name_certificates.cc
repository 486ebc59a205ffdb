#include "net/name_certificates.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/ascii.h"

namespace hodei::net {
namespace {

constexpr size_t kMaxNameBytes = 253;

// Stricter than what a certificate could hold: names are compared as they are, in lower case.
bool IsHostName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
         name.back() != '.' && name.find("..") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_';
         });
}

}  // namespace

Result<std::unique_ptr<NameCertificates>> NameCertificates::Open(const std::string& prefix,
                                                                 std::vector<std::string> zones,
                                                                 const Clock& clock) {
  if (zones.empty()) return InvalidArgument("certificates for no name");
  const AuthorityOptions options{.common_name = "Hodei authority of jobs",
                                 .permitted_names = zones};
  const std::string certificate_path = prefix + ".pem";
  const std::string key_path = prefix + "-key.pem";
  auto authority = EnsureAuthority(certificate_path, key_path, options, clock.Now());
  if (authority.status().code() == Code::kFailedPrecondition) {
    unlink(certificate_path.c_str());
    authority = EnsureAuthority(certificate_path, key_path, options, clock.Now());
  }
  if (!authority.ok()) return Annotate(authority.status(), "the authority of jobs");
  return std::unique_ptr<NameCertificates>(
      new NameCertificates(*std::move(authority), std::move(zones), clock));
}

bool NameCertificates::Covers(std::string_view name) const {
  return std::any_of(zones_.begin(), zones_.end(), [name](const std::string& zone) {
    return name == zone || (name.size() > zone.size() && name.ends_with(zone) &&
                            name[name.size() - zone.size() - 1] == '.');
  });
}

Result<TlsFiles> NameCertificates::Issue(std::string_view name) const {
  const std::string host = AsciiLower(name);
  if (!IsHostName(host) || !Covers(host)) {
    return NotFound(fmt::format("no certificate for '{}'", host));
  }
  ASSIGN_OR_RETURN(CertificateAndKey issued,
                   IssueServerCertificate(authority_, {host}, clock_.Now()));
  return TlsFiles{issued.certificate_pem + authority_.certificate_pem, std::move(issued.key_pem)};
}

}  // namespace hodei::net
