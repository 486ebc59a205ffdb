#include "net/certificate_authority.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "sys/file.h"

namespace hodei::net {
namespace {

constexpr int64_t kDay = 24 * 3600;
constexpr int64_t kAuthorityDays = 3650;
constexpr int64_t kServerDays = 397;
constexpr int64_t kRenewDays = 30;
constexpr int64_t kSkewSeconds = 3600;  // clients whose clock is behind
constexpr size_t kFileLimitBytes = 64 * 1024;

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Memory = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

Status OpenSslError(std::string_view what) {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return Internal(fmt::format("{}: {}", what, reason == nullptr ? "OpenSSL error" : reason));
}

std::string TextOf(BIO* memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

std::string KeyPem(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return TextOf(memory.get());
}

std::string CertificatePem(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate);
  return TextOf(memory.get());
}

Key ParseKey(const std::string& pem) {
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return key;
}

Certificate ParseCertificate(const std::string& pem) {
  const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

bool SetSerial(X509* certificate) {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, of full length
  BIGNUM* number = BN_bin2bn(bytes.data(), bytes.size(), nullptr);
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool IsIpAddress(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes;
  return inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

// What may stand in a certificate's DNS name without changing the extension's syntax.
bool IsDnsName(const std::string& name) {
  return !name.empty() && name.size() <= 253 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == '*';
         });
}

// Everything but extensions and the signature. `issuer` null: self-signed.
Result<Certificate> Draft(EVP_PKEY* key, X509* issuer, const std::string& common_name,
                          int64_t from_seconds, int64_t to_seconds) {
  Certificate certificate(X509_new());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
  const bool made =
      X509_set_version(certificate.get(), 2) == 1 && SetSerial(certificate.get()) &&
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), from_seconds) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), to_seconds) != nullptr &&
      X509_set_pubkey(certificate.get(), key) == 1 &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1 &&
      X509_set_issuer_name(certificate.get(),
                           X509_get_subject_name(issuer != nullptr ? issuer : certificate.get())) ==
          1;
  if (!made) return OpenSslError("make a certificate");
  return certificate;
}

int64_t UnixSeconds(const ASN1_TIME* time) {
  tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return timegm(&parts);
}

std::set<std::string> CertifiedNames(X509* certificate) {
  std::set<std::string> found;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    const ASN1_STRING* text = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const unsigned char* bytes = ASN1_STRING_get0_data(text);
    if (name->type == GEN_DNS) {
      found.emplace(reinterpret_cast<const char*>(bytes), ASN1_STRING_length(text));
    } else if (name->type == GEN_IPADD) {
      std::array<char, INET6_ADDRSTRLEN> address{};
      inet_ntop(ASN1_STRING_length(text) == 4 ? AF_INET : AF_INET6, bytes, address.data(),
                address.size());
      found.emplace(address.data());
    }
  }
  return found;
}

std::vector<std::string> WithHostNames(const std::vector<std::string>& names) {
  std::set<std::string> all(names.begin(), names.end());
  all.insert({"localhost", "127.0.0.1", "::1"});
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0 && IsDnsName(host.data())) {
    all.insert(host.data());
  }
  return {all.begin(), all.end()};
}

Result<CertificateAndKey> ReadPair(const std::string& certificate, const std::string& key) {
  CertificateAndKey pair;
  ASSIGN_OR_RETURN(pair.certificate_pem, ReadFile(certificate, kFileLimitBytes));
  ASSIGN_OR_RETURN(pair.key_pem, ReadFile(key, kFileLimitBytes));
  return pair;
}

// The key first: a certificate on disk then always has its key.
Status WritePair(const CertificateAndKey& pair, const std::string& certificate,
                 const std::string& key) {
  RETURN_IF_ERROR(WriteFileDurably(key, pair.key_pem, 0600));
  return WriteFileDurably(certificate, pair.certificate_pem, 0644);
}

bool BelongTogether(X509* certificate, EVP_PKEY* key) {
  const bool match =
      certificate != nullptr && key != nullptr && X509_check_private_key(certificate, key) == 1;
  ERR_clear_error();
  return match;
}

bool IsGoodServerCertificate(const CertificateAndKey& pair, const CertificateAndKey& authority,
                             const std::vector<std::string>& names, WallTime now) {
  const Certificate certificate = ParseCertificate(pair.certificate_pem);
  const Key key = ParseKey(pair.key_pem);
  const Certificate issuer = ParseCertificate(authority.certificate_pem);
  if (!BelongTogether(certificate.get(), key.get()) || issuer == nullptr) return false;
  const int64_t seconds = now.unix_nanos / 1'000'000'000;
  const bool verified = X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return verified && UnixSeconds(X509_get0_notBefore(certificate.get())) <= seconds &&
         UnixSeconds(X509_get0_notAfter(certificate.get())) >= seconds + kRenewDays * kDay &&
         CertifiedNames(certificate.get()) == std::set<std::string>(names.begin(), names.end());
}

}  // namespace

Result<CertificateAndKey> EnsureAuthority(const std::string& certificate_path,
                                          const std::string& key_path,
                                          const AuthorityOptions& options, WallTime now) {
  if (!FileExists(certificate_path)) {
    ASSIGN_OR_RETURN(CertificateAndKey authority, CreateCertificateAuthority(now, options));
    RETURN_IF_ERROR(WritePair(authority, certificate_path, key_path));
    return authority;
  }
  Result<CertificateAndKey> authority = ReadPair(certificate_path, key_path);
  const std::string remedy = fmt::format(
      "; remove '{}' and '{}' to make a new authority, which clients must then trust anew",
      certificate_path, key_path);
  if (!authority.ok()) return FailedPrecondition(authority.status().message() + remedy);
  const Certificate certificate = ParseCertificate(authority->certificate_pem);
  const Key key = ParseKey(authority->key_pem);
  if (!BelongTogether(certificate.get(), key.get())) {
    return FailedPrecondition("the certificate authority's files are damaged" + remedy);
  }
  const int64_t seconds = now.unix_nanos / 1'000'000'000;
  if (UnixSeconds(X509_get0_notAfter(certificate.get())) < seconds + kRenewDays * kDay) {
    return FailedPrecondition("the certificate authority expires within 30 days" + remedy);
  }
  return authority;
}

Result<std::string> HashedFileName(const std::string& certificate_pem) {
  const Certificate certificate = ParseCertificate(certificate_pem);
  if (certificate == nullptr) return InvalidArgument("not a certificate");
  return fmt::format("{:08x}.0", X509_subject_name_hash(certificate.get()));
}

Result<CertificateAndKey> CreateCertificateAuthority(WallTime now,
                                                     const AuthorityOptions& options) {
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError("make a key");
  const int64_t seconds = now.unix_nanos / 1'000'000'000;
  ASSIGN_OR_RETURN(Certificate certificate,
                   Draft(key.get(), nullptr, options.common_name, seconds - kSkewSeconds,
                         seconds + kAuthorityDays * kDay));
  std::string permitted;
  for (const std::string& name : options.permitted_names) {
    if (!IsDnsName(name)) return InvalidArgument(fmt::format("'{}' is no DNS name", name));
    permitted += (permitted.empty() ? "permitted;DNS:" : ",permitted;DNS:") + name;
  }
  X509* raw = certificate.get();
  const bool signed_by_itself =
      AddExtension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      AddExtension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") &&
      AddExtension(raw, raw, NID_subject_key_identifier, "hash") &&
      AddExtension(raw, raw, NID_authority_key_identifier, "keyid:always") &&
      (permitted.empty() ||
       AddExtension(raw, raw, NID_name_constraints, "critical," + permitted)) &&
      X509_sign(raw, key.get(), EVP_sha256()) > 0;
  if (!signed_by_itself) return OpenSslError("sign the authority's certificate");
  return CertificateAndKey{CertificatePem(raw), KeyPem(key.get())};
}

Result<CertificateAndKey> IssueServerCertificate(const CertificateAndKey& authority,
                                                 const std::vector<std::string>& names,
                                                 WallTime now) {
  const Certificate issuer = ParseCertificate(authority.certificate_pem);
  const Key issuer_key = ParseKey(authority.key_pem);
  if (!BelongTogether(issuer.get(), issuer_key.get())) {
    return InvalidArgument("the authority's certificate and key are damaged");
  }
  std::string alternatives;
  for (const std::string& name : names) {
    const bool ip = IsIpAddress(name);
    if (!ip && !IsDnsName(name)) {
      return InvalidArgument(fmt::format("'{}' cannot be certified: not a host name", name));
    }
    if (!alternatives.empty()) alternatives += ',';
    alternatives += (ip ? "IP:" : "DNS:") + name;
  }
  const Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError("make a key");
  const int64_t seconds = now.unix_nanos / 1'000'000'000;
  const int64_t end =
      std::min(seconds + kServerDays * kDay, UnixSeconds(X509_get0_notAfter(issuer.get())));
  ASSIGN_OR_RETURN(Certificate certificate,
                   Draft(key.get(), issuer.get(), "Hodei server", seconds - kSkewSeconds, end));
  X509* raw = certificate.get();
  const bool issued =
      AddExtension(raw, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(raw, issuer.get(), NID_key_usage, "critical,digitalSignature") &&
      AddExtension(raw, issuer.get(), NID_ext_key_usage, "serverAuth") &&
      AddExtension(raw, issuer.get(), NID_subject_key_identifier, "hash") &&
      AddExtension(raw, issuer.get(), NID_authority_key_identifier, "keyid:always") &&
      AddExtension(raw, issuer.get(), NID_subject_alt_name, alternatives) &&
      X509_sign(raw, issuer_key.get(), EVP_sha256()) > 0;
  if (!issued) return OpenSslError("sign the server's certificate");
  return CertificateAndKey{CertificatePem(raw), KeyPem(key.get())};
}

Result<Certificates> EnsureCertificates(const std::string& dir,
                                        const std::vector<std::string>& names, const Clock& clock) {
  const WallTime now = clock.Now();
  RETURN_IF_ERROR(MakeDirectories(dir, 0700));
  ASSIGN_OR_RETURN_CTX(CertificateAndKey authority,
                       EnsureAuthority(dir + "/ca.pem", dir + "/ca-key.pem", {}, now),
                       "certificates");
  const std::vector<std::string> all_names = WithHostNames(names);
  const std::string certificate_path = dir + "/server.pem";
  const std::string key_path = dir + "/server-key.pem";
  Certificates certificates;
  certificates.ca_file = dir + "/ca.pem";
  Result<CertificateAndKey> server = ReadPair(certificate_path, key_path);
  if (!server.ok() || !IsGoodServerCertificate(*server, authority, all_names, now)) {
    server = IssueServerCertificate(authority, all_names, now);
    if (!server.ok()) return Annotate(server.status(), "certificates");
    RETURN_IF_ERROR_CTX(WritePair(*server, certificate_path, key_path), "certificates");
    certificates.reissued = true;
  }
  // The authority's certificate goes along for clients that were given another chain.
  certificates.server.certificate_chain_pem = server->certificate_pem + authority.certificate_pem;
  certificates.server.private_key_pem = server->key_pem;
  return certificates;
}

}  // namespace hodei::net
