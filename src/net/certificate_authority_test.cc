#include "net/certificate_authority.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "net/http_client.h"
#include "net/testing/function_application.h"
#include "sys/file.h"

namespace hodei::net {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using testing::FunctionApplication;
using ::testing::HasSubstr;
using testing::Reply;

std::unique_ptr<RequestHandler> SayHello(const RequestHead& head) {
  return Reply(head, [](const RequestHead& request, const std::string&) {
    return TextResponse(200, "text/plain", request.peer.tls ? "hello by tls" : "hello");
  });
}

TEST(CertificateAuthority, FilesAreMadeOnceAndKeysArePrivate) {
  const TemporaryDirectory dir;
  const FakeClock clock;
  ASSERT_OK_AND_ASSIGN(const Certificates first, EnsureCertificates(dir.path(), {}, clock));
  EXPECT_TRUE(first.reissued);
  ASSERT_OK_AND_ASSIGN(const Certificates second, EnsureCertificates(dir.path(), {}, clock));
  EXPECT_FALSE(second.reissued);
  EXPECT_EQ(first.server.certificate_chain_pem, second.server.certificate_chain_pem);
  for (const char* name : {"/ca-key.pem", "/server-key.pem"}) {
    struct stat file {};
    ASSERT_EQ(stat((dir.path() + name).c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0600) << name;
  }
}

TEST(CertificateAuthority, ServerCertificateIsRenewedBeforeItExpiresUnderTheSameAuthority) {
  const TemporaryDirectory dir;
  FakeClock clock;
  ASSERT_OK_AND_ASSIGN(const Certificates first, EnsureCertificates(dir.path(), {}, clock));
  ASSERT_OK_AND_ASSIGN(const std::string authority, ReadFile(first.ca_file));
  clock.Advance(std::chrono::hours(24 * 366));
  ASSERT_OK_AND_ASSIGN(const Certificates kept, EnsureCertificates(dir.path(), {}, clock));
  EXPECT_FALSE(kept.reissued);
  clock.Advance(std::chrono::hours(24 * 2));
  ASSERT_OK_AND_ASSIGN(const Certificates renewed, EnsureCertificates(dir.path(), {}, clock));
  EXPECT_TRUE(renewed.reissued);
  ASSERT_OK_AND_ASSIGN(const std::string authority_after, ReadFile(first.ca_file));
  EXPECT_EQ(authority, authority_after);
}

TEST(CertificateAuthority, ServerCertificateFollowsTheNames) {
  const TemporaryDirectory dir;
  const FakeClock clock;
  ASSERT_THAT(EnsureCertificates(dir.path(), {"a.example"}, clock), IsOk());
  ASSERT_OK_AND_ASSIGN(const Certificates same,
                       EnsureCertificates(dir.path(), {"a.example"}, clock));
  EXPECT_FALSE(same.reissued);
  ASSERT_OK_AND_ASSIGN(const Certificates other,
                       EnsureCertificates(dir.path(), {"*.googleapis.com"}, clock));
  EXPECT_TRUE(other.reissued);
}

TEST(CertificateAuthority, TornServerFilesAreIssuedAnew) {
  const TemporaryDirectory dir;
  const FakeClock clock;
  ASSERT_THAT(EnsureCertificates(dir.path(), {}, clock), IsOk());
  ASSERT_THAT(WriteFileDurably(dir.path() + "/server-key.pem", "garbage"), IsOk());
  ASSERT_OK_AND_ASSIGN(const Certificates repaired, EnsureCertificates(dir.path(), {}, clock));
  EXPECT_TRUE(repaired.reissued);
}

TEST(CertificateAuthority, DamagedAuthorityIsAnErrorThatNamesTheFiles) {
  const TemporaryDirectory dir;
  const FakeClock clock;
  ASSERT_THAT(EnsureCertificates(dir.path(), {}, clock), IsOk());
  ASSERT_THAT(WriteFileDurably(dir.path() + "/ca-key.pem", "garbage"), IsOk());
  EXPECT_THAT(EnsureCertificates(dir.path(), {}, clock),
              StatusIs(Code::kFailedPrecondition, HasSubstr("ca-key.pem")));
}

TEST(CertificateAuthority, NamesThatAreNoHostNamesAreRefused) {
  const FakeClock clock;
  ASSERT_OK_AND_ASSIGN(const CertificateAndKey authority, CreateCertificateAuthority(clock.Now()));
  for (const char* name : {"", "a,IP:1.2.3.4", "a b", "a\n"}) {
    EXPECT_THAT(IssueServerCertificate(authority, {name}, clock.Now()),
                StatusIs(Code::kInvalidArgument))
        << name;
  }
}

class TlsServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(certificates_, EnsureCertificates(dir_.path(), {}, SystemClock()));
    ASSERT_OK_AND_ASSIGN(server_, HttpServer::Create(ServerOptions(), &application_));
    ASSERT_OK_AND_ASSIGN(const uint16_t port,
                         server_->ListenTls("127.0.0.1", 0, certificates_.server));
    ASSERT_THAT(server_->Start(), IsOk());
    port_ = std::to_string(port);
  }

  const TemporaryDirectory dir_;
  FunctionApplication application_{SayHello};
  Certificates certificates_;
  std::unique_ptr<HttpServer> server_;
  std::string port_;
};

TEST_F(TlsServerTest, ClientThatTrustsTheAuthorityIsServed) {
  for (const char* host : {"localhost", "127.0.0.1"}) {
    ASSERT_OK_AND_ASSIGN(
        const auto client,
        HttpClient::Connect(std::string("https://") + host + ":" + port_, certificates_.ca_file));
    for (int i = 0; i < 3; ++i) {
      ASSERT_OK_AND_ASSIGN(const ClientResponse response, client->Send(ClientRequest()));
      EXPECT_EQ(response.body, "hello by tls");
    }
  }
}

TEST_F(TlsServerTest, ClientThatDoesNotTrustTheAuthorityRefuses) {
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect("https://127.0.0.1:" + port_));
  EXPECT_THAT(client->Send(ClientRequest()),
              StatusIs(Code::kUnavailable, HasSubstr("not trusted")));
}

TEST_F(TlsServerTest, ReloadKeepsTheOldFilesWhenTheNewAreBad) {
  EXPECT_THAT(server_->ReloadTls({"garbage", "garbage"}), StatusIs(Code::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const CertificateAndKey other,
                       CreateCertificateAuthority(SystemClock().Now()));
  EXPECT_THAT(server_->ReloadTls({certificates_.server.certificate_chain_pem, other.key_pem}),
              StatusIs(Code::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const auto client,
                       HttpClient::Connect("https://localhost:" + port_, certificates_.ca_file));
  EXPECT_THAT(client->Send(ClientRequest()), IsOk());
}

TEST_F(TlsServerTest, ReloadServesTheNewCertificateToLaterHandshakes) {
  const TemporaryDirectory other_dir;
  ASSERT_OK_AND_ASSIGN(const Certificates other,
                       EnsureCertificates(other_dir.path(), {}, SystemClock()));
  ASSERT_OK_AND_ASSIGN(const auto before,
                       HttpClient::Connect("https://localhost:" + port_, certificates_.ca_file));
  ASSERT_THAT(before->Send(ClientRequest()), IsOk());
  ASSERT_THAT(server_->ReloadTls(other.server), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto after,
                       HttpClient::Connect("https://localhost:" + port_, other.ca_file));
  EXPECT_THAT(after->Send(ClientRequest()), IsOk());
  EXPECT_THAT(before->Send(ClientRequest()), IsOk()) << "established connections go on";
}

TEST_F(TlsServerTest, LargeBodiesPassBothWays) {
  FunctionApplication echo([](const RequestHead& head) {
    return Reply(
        head,
        [](const RequestHead&, const std::string& body) {
          return TextResponse(200, "application/octet-stream", body);
        },
        RequestHandler::Where::kPool);
  });
  ASSERT_OK_AND_ASSIGN(const auto server, HttpServer::Create(ServerOptions(), &echo));
  ASSERT_OK_AND_ASSIGN(const uint16_t port,
                       server->ListenTls("127.0.0.1", 0, certificates_.server));
  ASSERT_THAT(server->Start(), IsOk());
  ASSERT_OK_AND_ASSIGN(
      const auto client,
      HttpClient::Connect("https://localhost:" + std::to_string(port), certificates_.ca_file));
  ClientRequest request;
  request.method = "PUT";
  request.body = std::string(3'000'001, 'x');
  ASSERT_OK_AND_ASSIGN(const ClientResponse response, client->Send(request));
  EXPECT_EQ(response.body, request.body);
}

}  // namespace
}  // namespace hodei::net
