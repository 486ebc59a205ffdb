#include "net/name_certificates.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "net/testing/function_application.h"
#include "net/testing/raw_connection.h"
#include "sys/file.h"

namespace hodei::net {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using testing::RawConnection;
using testing::Reply;
using testing::TestServer;

X509* Parse(const std::string& pem) {
  BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  return certificate;
}

// A client that trusts one authority; tells who answered, or why nobody did.
class TlsClient {
 public:
  explicit TlsClient(const std::string& authority_pem)
      : context_(SSL_CTX_new(TLS_client_method())) {
    X509* authority = Parse(authority_pem);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority);
    X509_free(authority);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  }
  ~TlsClient() { SSL_CTX_free(context_); }

  // `asked` is what the handshake names, empty: nothing; `expected` what the certificate must name.
  std::string Get(const std::string& socket_path, const std::string& asked,
                  const std::string& expected) {
    const RawConnection connection(socket_path);
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, connection.fd());
    if (!asked.empty()) SSL_set_tlsext_host_name(ssl, asked.c_str());
    SSL_set1_host(ssl, expected.c_str());
    std::string answer = "refused";
    if (SSL_connect(ssl) == 1) {
      constexpr std::string_view kRequest =
          "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
      SSL_write(ssl, kRequest.data(), static_cast<int>(kRequest.size()));
      char buffer[4096];
      answer.clear();
      for (int n = 0; (n = SSL_read(ssl, buffer, sizeof buffer)) > 0;) answer.append(buffer, n);
      answer = answer.substr(answer.find("\r\n\r\n") + 4);
    }
    SSL_free(ssl);
    return answer;
  }

 private:
  SSL_CTX* context_;
};

class NameCertificatesTest : public ::testing::Test {
 protected:
  std::unique_ptr<NameCertificates> Open(const Clock& clock) {
    return *NameCertificates::Open(dir_.path() + "/jobs", {"example.com", "metadata"}, clock);
  }

  const TemporaryDirectory dir_;
};

TEST_F(NameCertificatesTest, TheAuthorityIsKeptAndItsKeyIsPrivate) {
  const std::string first = Open(SystemClock())->authority_pem();
  EXPECT_EQ(Open(SystemClock())->authority_pem(), first);
  struct stat file {};
  ASSERT_EQ(stat((dir_.path() + "/jobs-key.pem").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600);
  ASSERT_THAT(WriteFileDurably(dir_.path() + "/jobs-key.pem", "garbage"), IsOk());
  EXPECT_NE(Open(SystemClock())->authority_pem(), first) << "a damaged one is replaced";
}

TEST_F(NameCertificatesTest, IssuesForNamesOfItsZonesOnly) {
  const auto certificates = Open(SystemClock());
  for (const char* name : {"example.com", "A.Example.COM", "x.y_z.example.com", "metadata"}) {
    ASSERT_OK_AND_ASSIGN(const TlsFiles files, certificates->Issue(name));
    X509* certificate = Parse(files.certificate_chain_pem);
    EXPECT_EQ(X509_check_host(certificate, name, 0, 0, nullptr), 1) << name;
    X509_free(certificate);
  }
  for (const std::string& name :
       {std::string(), std::string("example.org"), std::string("badexample.com"),
        std::string("*.example.com"), std::string(".example.com"), std::string("a..example.com"),
        std::string("a,DNS:example.org.example.com"), std::string("a b.example.com"),
        std::string(300, 'a') + ".example.com"}) {
    EXPECT_THAT(certificates->Issue(name), StatusIs(Code::kNotFound)) << name;
  }
}

// Whoever gets hold of its key can still pretend to be nobody else.
TEST_F(NameCertificatesTest, TheAuthorityCannotCertifyOtherNames) {
  const auto certificates = Open(SystemClock());
  CertificateAndKey authority{certificates->authority_pem(),
                              *ReadFile(dir_.path() + "/jobs-key.pem")};
  const auto verifies = [&](const std::string& name) {
    const auto issued = *IssueServerCertificate(authority, {name}, SystemClock().Now());
    X509* certificate = Parse(issued.certificate_pem);
    X509* root = Parse(authority.certificate_pem);
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, root);
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, certificate, nullptr);
    const bool good = X509_verify_cert(context) == 1;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(root);
    X509_free(certificate);
    return good;
  };
  EXPECT_TRUE(verifies("storage.example.com"));
  EXPECT_FALSE(verifies("bank.example.org"));
}

TEST_F(NameCertificatesTest, AServerAnswersUnderEveryNameThatIsAskedFor) {
  TestServer server([](const RequestHead& head) {
    return Reply(head, [](const RequestHead& request, const std::string&) {
      return TextResponse(200, "text/plain",
                          request.peer.socket_label + (request.peer.tls ? " by tls" : ""));
    });
  });
  const std::shared_ptr<const NameCertificates> certificates = Open(SystemClock());
  const std::string path = dir_.path() + "/tls.sock";
  ASSERT_THAT(server.server().ListenUnixTls(path, 0600, "tls:a", certificates), IsOk());
  TlsClient client(certificates->authority_pem());
  for (const char* name :
       {"storage.example.com", "my.bucket.example.com", "metadata", "storage.example.com"}) {
    EXPECT_EQ(client.Get(path, name, name), "tls:a by tls") << name;
  }
  EXPECT_EQ(client.Get(path, "", "example.com"), "tls:a by tls");
  EXPECT_EQ(client.Get(path, "example.org", "example.org"), "refused");
  EXPECT_EQ(client.Get(path, "a.example.com", "b.example.com"), "refused");
  TlsClient stranger(CreateCertificateAuthority(SystemClock().Now())->certificate_pem);
  EXPECT_EQ(stranger.Get(path, "a.example.com", "a.example.com"), "refused");
  EXPECT_THAT(server.server().CloseUnix("tls:a"), IsOk());
}

}  // namespace
}  // namespace hodei::net
