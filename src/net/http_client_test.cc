#include "net/http_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <thread>

#include "base/testing/status_matchers.h"
#include "net/endpoint.h"
#include "net/http_server.h"
#include "net/testing/function_application.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace hodei::net {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Reply;
using testing::TestServer;

HttpResponse Echo(const RequestHead& request, const std::string& body) {
  HttpResponse response =
      TextResponse(200, "text/plain", request.method + " " + request.target + " [" + body + "]");
  response.headers.Add("X-Peer", request.peer.address);
  response.headers.Add("X-Host", request.host);
  response.headers.Add("X-Chunked", std::string(request.headers.Get("Transfer-Encoding")));
  return response;
}

std::unique_ptr<RequestHandler> Start(const RequestHead& head) { return Reply(head, Echo); }

TEST(ParseEndpoint, ReadsEveryForm) {
  struct Row {
    const char* url;
    Endpoint::Kind kind;
    const char* host;
    uint16_t port;
    const char* authority;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"http://127.0.0.1:8080", Endpoint::Kind::kTcp, "127.0.0.1", 8080, "127.0.0.1:8080"},
           {"http://h/", Endpoint::Kind::kTcp, "h", 80, "h"},
           {"https://a.b", Endpoint::Kind::kTls, "a.b", 443, "a.b"},
           {"http://[::1]:9", Endpoint::Kind::kTcp, "::1", 9, "[::1]:9"},
           {"http://[::1]", Endpoint::Kind::kTcp, "::1", 80, "[::1]"},
           {"unix:/run/x", Endpoint::Kind::kUnix, "/run/x", 0, "localhost"}}) {
    const Result<Endpoint> endpoint = ParseEndpoint(row.url);
    ASSERT_THAT(endpoint, IsOk()) << row.url;
    EXPECT_EQ(static_cast<int>(endpoint->kind), static_cast<int>(row.kind)) << row.url;
    EXPECT_EQ(endpoint->host, row.host);
    EXPECT_EQ(endpoint->port, row.port);
    EXPECT_EQ(endpoint->authority, row.authority);
  }
}

TEST(ParseEndpoint, RefusesEverythingElse) {
  for (const char* url : {"", "127.0.0.1:80", "ftp://h", "http://", "http://:80", "http://h:0",
                          "http://h:65536", "http://h:x", "http://h/path", "http://u@h",
                          "http://[::1", "http://[::1]x", "unix:x", "http://h:80\r\nX: y"}) {
    EXPECT_THAT(ParseEndpoint(url), StatusIs(Code::kInvalidArgument)) << url;
  }
}

TEST(HttpClient, SendsBodiesOfEveryKindOverOneConnection) {
  TestServer server(Start);
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url() + "/"));
  ASSERT_OK_AND_ASSIGN(const ClientResponse plain, client->Send(ClientRequest()));
  EXPECT_EQ(plain.body, "GET / []");
  EXPECT_EQ(plain.headers.Get("x-host"), "127.0.0.1:" + std::to_string(server.port()));

  ClientRequest body;
  body.method = "POST";
  body.target = "/p?q";
  body.body = "hello";
  ASSERT_OK_AND_ASSIGN(const ClientResponse posted, client->Send(body));
  EXPECT_EQ(posted.body, "POST /p?q [hello]");

  for (const bool with_length : {false, true}) {
    ClientRequest source;
    source.method = "PUT";
    int pieces = 0;
    source.body_source = [&pieces]() -> Result<std::string> {
      return ++pieces <= 3 ? std::string(2, static_cast<char>('a' + pieces)) : std::string();
    };
    if (with_length) source.body_length = 6;
    ASSERT_OK_AND_ASSIGN(const ClientResponse streamed, client->Send(source));
    EXPECT_EQ(streamed.body, "PUT / [bbccdd]");
    EXPECT_EQ(streamed.headers.Get("X-Chunked"), with_length ? "" : "chunked");
    EXPECT_EQ(streamed.headers.Get("X-Peer"), plain.headers.Get("X-Peer")) << "kept alive";
  }
}

TEST(HttpClient, HeadersCannotSplitTheRequest) {
  TestServer server([](const RequestHead& head) {
    return Reply(head, [](const RequestHead& request, const std::string&) {
      return TextResponse(200, "text/plain", std::string(request.headers.Get("X")));
    });
  });
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  ClientRequest request;
  request.headers.Add("X", "a\r\nY: b");
  request.headers.Add("Z Z", "bad name");
  ASSERT_OK_AND_ASSIGN(const ClientResponse response, client->Send(request));
  EXPECT_EQ(response.body, "a  Y: b");
  request.target = "/ HTTP/1.1\r\nX: y\r\n\r\n";
  EXPECT_THAT(client->Send(request), StatusIs(Code::kInvalidArgument));
}

TEST(HttpClient, SinkReceivesWhatWasAskedForAndItsErrorStopsReading) {
  TestServer server([](const RequestHead& head) {
    return Reply(head, [](const RequestHead& request, const std::string&) {
      return TextResponse(request.path() == "/absent" ? 404 : 200, "text/plain",
                          std::string(1'000'000, 'x'));
    });
  });
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  size_t received = 0;
  const auto count = [&](std::string_view piece) {
    received += piece.size();
    return OkStatus();
  };
  ASSERT_OK_AND_ASSIGN(const ClientResponse response, client->Send(ClientRequest(), count));
  EXPECT_EQ(response.body.size(), 0U);
  EXPECT_EQ(received, 1'000'000U);
  ClientRequest absent;
  absent.target = "/absent";
  ASSERT_OK_AND_ASSIGN(const ClientResponse error, client->Send(absent, count));
  EXPECT_EQ(error.status, 404);
  EXPECT_EQ(error.body.size(), 1'000'000U) << "an error's text is not the thing asked for";
  EXPECT_EQ(received, 1'000'000U);
  EXPECT_THAT(client->Send(ClientRequest(), [](std::string_view) { return DataLoss("full"); }),
              StatusIs(Code::kDataLoss, HasSubstr("full")));
  EXPECT_THAT(client->Send(ClientRequest()), IsOk()) << "a new connection is made";
}

TEST(HttpClient, HeadHasNoBody) {
  TestServer server(Start);
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  ClientRequest request;
  request.method = "HEAD";
  ASSERT_OK_AND_ASSIGN(const ClientResponse head, client->Send(request));
  EXPECT_EQ(head.body, "");
  EXPECT_NE(head.headers.Get("Content-Length"), "0");
  EXPECT_THAT(client->Send(ClientRequest()), IsOk());
}

TEST(HttpClient, NobodyListeningIsUnavailableAndNamesTheUrl) {
  std::string url;
  {
    TestServer server(Start);
    url = server.url();
  }
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(url));
  const Status refused = client->Send(ClientRequest()).status();
  EXPECT_THAT(refused, StatusIs(Code::kUnavailable, AllOf(HasSubstr(url), HasSubstr("refused"))));
  EXPECT_EQ(refused.reason(), "connect");
  ASSERT_OK_AND_ASSIGN(const auto socket, HttpClient::Connect("unix:/nonexistent/socket"));
  EXPECT_THAT(socket->Send(ClientRequest()),
              StatusIs(Code::kUnavailable, HasSubstr("unix:/nonexistent/socket")));
  EXPECT_THAT(HttpClient::Connect("nonsense"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(HttpClient::Connect("https://h", "/nonexistent.pem"),
              StatusIs(Code::kInvalidArgument, HasSubstr("/nonexistent.pem")));
}

// A server that plays a script: what it does with each connection it accepts, in order.
class ScriptedServer {
 public:
  // `play(fd)` for each connection; the socket is closed afterwards.
  explicit ScriptedServer(std::vector<std::function<void(int)>> script)
      : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_.get(), name, size), 0);
    EXPECT_EQ(listen(listener_.get(), 8), 0);
    EXPECT_EQ(getsockname(listener_.get(), name, &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, script = std::move(script)] {
      for (const auto& play : script) {
        const UniqueFd fd(accept(listener_.get(), nullptr, nullptr));
        ++accepted_;
        play(fd.get());
      }
    });
  }
  ~ScriptedServer() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  const std::string& url() const { return url_; }
  int accepted() const { return accepted_; }

  static void ReadSome(int fd) {
    std::array<char, 4096> bytes;
    EXPECT_GT(recv(fd, bytes.data(), bytes.size(), 0), 0);
  }
  static void Write(int fd, std::string_view bytes) {
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  static void WaitForEnd(int fd) {
    std::array<char, 4096> bytes;
    while (recv(fd, bytes.data(), bytes.size(), 0) > 0) {
    }
  }

 private:
  UniqueFd listener_;
  std::string url_;
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(HttpClient, IdempotentRequestIsSentAgainWhenAKeptConnectionHasEnded) {
  ScriptedServer server({[](int fd) {
                           ScriptedServer::ReadSome(fd);
                           ScriptedServer::Write(fd, kOk);
                           ScriptedServer::ReadSome(fd);  // and goes away without an answer
                         },
                         [](int fd) {
                           ScriptedServer::ReadSome(fd);
                           ScriptedServer::Write(fd, kOk);
                         }});
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  EXPECT_THAT(client->Send(ClientRequest()), IsOk());
  EXPECT_THAT(client->Send(ClientRequest()), IsOk());
  EXPECT_EQ(server.accepted(), 2);
}

TEST(HttpClient, PostIsNeverSentTwice) {
  ScriptedServer server({[](int fd) {
    ScriptedServer::ReadSome(fd);
    ScriptedServer::Write(fd, kOk);
    ScriptedServer::ReadSome(fd);
  }});
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  EXPECT_THAT(client->Send(ClientRequest()), IsOk());
  ClientRequest post;
  post.method = "POST";
  EXPECT_THAT(client->Send(post), StatusIs(Code::kUnavailable, HasSubstr("before it answered")));
}

TEST(HttpClient, DeadlineEndsTheWaitForAnAnswer) {
  ScriptedServer server({[](int fd) { ScriptedServer::WaitForEnd(fd); }});
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  EXPECT_THAT(client->Send(ClientRequest(), {}, milliseconds(50)),
              StatusIs(Code::kDeadlineExceeded, HasSubstr(server.url())));
}

TEST(HttpClient, AnswersThatBreakOffAreErrors) {
  const std::pair<std::string_view, Code> table[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", Code::kUnavailable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", Code::kUnavailable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz", Code::kDataLoss},
      {"HTTP/1.1 200 OK\r\nContent-", Code::kUnavailable},
      {"220 mail.example ESMTP\r\n\r\n", Code::kInternal},
      {"", Code::kUnavailable},
  };
  for (const auto& [bytes, code] : table) {
    ScriptedServer server({[bytes = bytes](int fd) {
      ScriptedServer::ReadSome(fd);
      ScriptedServer::Write(fd, bytes);
    }});
    ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
    EXPECT_THAT(client->Send(ClientRequest()), StatusIs(code)) << bytes;
  }
}

TEST(HttpClient, BodyWithoutLengthEndsWithTheConnectionAndInterimAnswersAreSkipped) {
  ScriptedServer server({[](int fd) {
    ScriptedServer::ReadSome(fd);
    ScriptedServer::Write(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall of it");
  }});
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  ASSERT_OK_AND_ASSIGN(const ClientResponse response, client->Send(ClientRequest()));
  EXPECT_EQ(response.body, "all of it");
}

TEST(HttpClient, AnswerThatComesBeforeTheBodyIsSentIsReturned) {
  TestServer server([](const RequestHead&) {
    return CollectBody(
        1000, RequestHandler::Where::kInline, [](const std::string&) { return HttpResponse(); },
        [](const Status&) { return TextResponse(413, "text/plain", "too large"); });
  });
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  for (const bool streamed : {false, true}) {
    ClientRequest request;
    request.method = "PUT";
    uint64_t sent = 0;
    if (streamed) {
      request.body_source = [&sent]() -> Result<std::string> {
        sent += 1 << 20;
        return sent < (uint64_t{1} << 34) ? std::string(1 << 20, 'x') : std::string();
      };
    } else {
      request.body = std::string(64 << 20, 'x');
    }
    ASSERT_OK_AND_ASSIGN(const ClientResponse response, client->Send(request));
    EXPECT_EQ(response.status, 413);
    EXPECT_EQ(response.body, "too large");
    EXPECT_LT(sent, uint64_t{1} << 30);
  }
}

TEST(HttpClient, BodySourceThatFailsOrLiesAboutItsLengthIsAnError) {
  TestServer server(Start);
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(server.url()));
  ClientRequest request;
  request.method = "PUT";
  request.body_source = []() -> Result<std::string> { return DataLoss("unreadable"); };
  EXPECT_THAT(client->Send(request), StatusIs(Code::kDataLoss, HasSubstr("unreadable")));
  request.body_source = []() -> Result<std::string> { return std::string(); };
  request.body_length = 5;
  EXPECT_THAT(client->Send(request), StatusIs(Code::kAborted));
  EXPECT_THAT(client->Send(ClientRequest()), IsOk());
}

TEST(HttpClient, SpeaksOverUnixSocketsOfAnyPathLength) {
  const TemporaryDirectory dir;
  TestServer server(Start);
  const std::string folder = dir.path() + "/" + std::string(200, 'f');
  ASSERT_THAT(MakeDirectories(folder), IsOk());
  ASSERT_THAT(server.server().ListenUnix(folder + "/s", 0600, "x"), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect("unix:" + folder + "/s"));
  ASSERT_OK_AND_ASSIGN(const ClientResponse response, client->Send(ClientRequest()));
  EXPECT_EQ(response.headers.Get("X-Peer"), "unix");
}

}  // namespace
}  // namespace hodei::net
