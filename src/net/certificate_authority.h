// The installation's own certificate authority: gsutil and gRPC speak TLS only, and no public
// authority certifies localhost. The authority lives as long as the data folder, so that clients
// trust one file for good; the server's certificate is renewed below it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_server.h"

namespace hodei::net {

struct CertificateAndKey {
  std::string certificate_pem;
  std::string key_pem;
};

struct AuthorityOptions {
  std::string common_name = "Hodei installation authority";
  // The only DNS names it may certify, each with everything below it; empty: any.
  std::vector<std::string> permitted_names;
};

// A self-signed authority, ECDSA P-256, valid for ten years.
Result<CertificateAndKey> CreateCertificateAuthority(WallTime now,
                                                     const AuthorityOptions& options = {});
// The authority in these two files, made if the certificate's is absent. FAILED_PRECONDITION when
// it is there but unusable.
Result<CertificateAndKey> EnsureAuthority(const std::string& certificate_path,
                                          const std::string& key_path,
                                          const AuthorityOptions& options, WallTime now);
// The name under which OpenSSL looks for the certificate in a folder: "1a2b3c4d.0".
Result<std::string> HashedFileName(const std::string& certificate_pem);
// A server certificate for `names` (DNS names, wildcards and IP addresses), valid for 397 days,
// the longest that common clients accept, and never longer than the authority.
Result<CertificateAndKey> IssueServerCertificate(const CertificateAndKey& authority,
                                                 const std::vector<std::string>& names,
                                                 WallTime now);

struct Certificates {
  TlsFiles server;        // for HttpServer::ListenTls
  std::string ca_file;    // path of the authority's certificate, for clients
  bool reissued = false;  // the server's certificate is new
};

// Reads the certificates in `dir`, creating what is missing: ca.pem, ca-key.pem, server.pem,
// server-key.pem, durable, keys with mode 0600. localhost, 127.0.0.1, ::1 and the host's name are
// always certified, `names` in addition. The server's certificate is issued anew when it has less
// than 30 days left, is not valid yet, or certifies other names. FAILED_PRECONDITION when the
// authority is there but unusable: replacing it would silently break every client that trusts it.
Result<Certificates> EnsureCertificates(const std::string& dir,
                                        const std::vector<std::string>& names, const Clock& clock);

}  // namespace hodei::net
