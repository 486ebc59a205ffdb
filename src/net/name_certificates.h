// Server certificates made on demand for the names of some zones, by an authority of their own that
// can certify nothing else. For listeners that answer under many names at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/certificate_authority.h"

namespace hodei::net {

// Thread-safe.
class NameCertificates {
 public:
  // The authority is PREFIX.pem and PREFIX-key.pem (0600), made if absent or unusable: whoever
  // trusts it gets its certificate from us at every start. A zone is a name with everything below.
  static Result<std::unique_ptr<NameCertificates>> Open(const std::string& prefix,
                                                        std::vector<std::string> zones,
                                                        const Clock& clock);

  // Whether `name` is in a zone.
  bool Covers(std::string_view name) const;
  // Makes a certificate for `name` anew: some tens of microseconds. NOT_FOUND when it is in no
  // zone or is no host name.
  Result<TlsFiles> Issue(std::string_view name) const;
  // What clients that name no host are served: the first zone's.
  const std::string& default_name() const { return zones_.front(); }
  const std::string& authority_pem() const { return authority_.certificate_pem; }
  const Clock& clock() const { return clock_; }

 private:
  NameCertificates(CertificateAndKey authority, std::vector<std::string> zones, const Clock& clock)
      : authority_(std::move(authority)), zones_(std::move(zones)), clock_(clock) {}

  const CertificateAndKey authority_;
  const std::vector<std::string> zones_;
  const Clock& clock_;
};

}  // namespace hodei::net
