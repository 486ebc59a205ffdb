// Handlers that answer later, and what they pass on to a backend over a unix socket.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <thread>

#include "base/testing/status_matchers.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/testing/function_application.h"
#include "net/testing/raw_connection.h"
#include "sys/file.h"

namespace hodei::net {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;
using testing::RawConnection;
using testing::Reply;
using testing::TestServer;

// Passes the body on to the backend behind `socket`.
class Forwarder : public RequestHandler {
 public:
  Forwarder(int socket, std::chrono::milliseconds deadline)
      : socket_(socket), deadline_(deadline) {}
  Where where() const override { return Where::kInline; }
  bool answers_later() const override { return true; }
  Status OnBody(std::string_view piece) override {
    body_.append(piece);
    return OkStatus();
  }
  HttpResponse OnEnd() override { return TextResponse(500, "text/plain", "not later"); }
  HttpResponse OnError(const Status&) override { return TextResponse(400, "text/plain", ""); }
  void OnEndLater(BackendCaller* backends, std::function<void(HttpResponse)> done) override {
    BackendRequest request{.backend = 1, .socket = socket_, .deadline = deadline_};
    request.head = fmt::format("POST /predict HTTP/1.1\r\nHost: b\r\nContent-Length: {}\r\n\r\n",
                               body_.size());
    request.body = std::move(body_);
    backends->Call(std::move(request), [done = std::move(done)](Result<BackendResponse> answer) {
      if (!answer.ok()) {
        return done(TextResponse(503, "text/plain", answer.status().ToString()));
      }
      done(TextResponse(answer->status, answer->content_type, std::move(answer->body)));
    });
  }

 private:
  const int socket_;
  const std::chrono::milliseconds deadline_;
  std::string body_;
};

class BackendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(backend_.server().ListenUnix(path_, 0666, "backend"), IsOk());
    ASSERT_OK_AND_ASSIGN(socket_, OpenFile(path_, O_PATH));
  }
  Result<ClientResponse> Post(std::string body) {
    ASSIGN_OR_RETURN(const std::unique_ptr<HttpClient> client, HttpClient::Connect(front_.url()));
    return client->Send({.method = "POST", .target = "/", .headers = {}, .body = std::move(body)});
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/serve.sock";
  UniqueFd socket_;
  std::atomic<int> backend_connections_{0};
  std::chrono::milliseconds deadline_{20'000};
  TestServer backend_{[](const RequestHead& head) {
    return Reply(head, [](const RequestHead&, const std::string& body) {
      if (body == "bad") return TextResponse(400, "application/json", "{\"error\":\"bad\"}");
      return TextResponse(200, "application/json", "<" + body + ">");
    });
  }};
  TestServer front_{
      [this](const RequestHead&) { return std::make_unique<Forwarder>(socket_.get(), deadline_); }};
};

TEST_F(BackendTest, BodyAndAnswerPassUntouched) {
  ASSERT_OK_AND_ASSIGN(const ClientResponse small, Post("x"));
  EXPECT_EQ(small.status, 200);
  EXPECT_EQ(small.body, "<x>");
  EXPECT_EQ(small.headers.Get("Content-Type"), "application/json");
  ASSERT_OK_AND_ASSIGN(const ClientResponse bad, Post("bad"));
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.body, "{\"error\":\"bad\"}");
  // More than a socket buffer holds, in both directions.
  const std::string large(3 << 20, 'y');
  ASSERT_OK_AND_ASSIGN(const ClientResponse echoed, Post(large));
  EXPECT_EQ(echoed.body.size(), large.size() + 2);
}

TEST_F(BackendTest, ManyAtOnceEachGetTheirOwnAnswer) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      auto client = HttpClient::Connect(front_.url());
      for (int i = 0; i < 50; ++i) {
        const std::string body = fmt::format("{}-{}", t, i);
        const auto answer = (*client)->Send({.method = "POST", .target = "/", .body = body});
        if (!answer.ok() || answer->body != "<" + body + ">") ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
}

TEST_F(BackendTest, ABackendThatIsGoneIsAnAnswerToo) {
  ASSERT_THAT(Post("x"), IsOk());
  ASSERT_THAT(backend_.server().CloseUnix("backend"), IsOk());
  // Its threads cut their connections in a moment; a request that comes before is still served.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  ASSERT_OK_AND_ASSIGN(ClientResponse answer, Post("x"));
  while (answer.status == 200 && std::chrono::steady_clock::now() < deadline) {
    ASSERT_OK_AND_ASSIGN(answer, Post("x"));
  }
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("UNAVAILABLE"));
}

TEST_F(BackendTest, KeptConnectionsDoNotHoldTheServersEnd) {
  ASSERT_THAT(Post("x"), IsOk());
  const auto start = std::chrono::steady_clock::now();
  front_.server().Stop(std::chrono::seconds(5));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

// A backend of bytes: whatever it sends, the front answers or gives up in time.
class RawBackendTest : public ::testing::Test {
 protected:
  // Accepts one connection and sends `bytes` when something was received; then closes, or waits.
  void Serve(std::string bytes, bool close_after) {
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path_.c_str());
    ASSERT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener_.get(), 8), 0);
    ASSERT_OK_AND_ASSIGN(socket_, OpenFile(path_, O_PATH));
    thread_ = std::jthread([this, bytes = std::move(bytes), close_after] {
      const UniqueFd peer(accept(listener_.get(), nullptr, nullptr));
      char buffer[4096];
      (void)recv(peer.get(), buffer, sizeof buffer, 0);
      (void)send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (!close_after)
        (void)recv(peer.get(), buffer, sizeof buffer, 0);  // until the front ends it
    });
  }
  std::string Ask(std::chrono::milliseconds deadline = std::chrono::seconds(20)) {
    TestServer front([this, deadline](const RequestHead&) {
      return std::make_unique<Forwarder>(socket_.get(), deadline);
    });
    auto client = HttpClient::Connect(front.url());
    const auto answer = (*client)->Send({.method = "POST", .target = "/", .body = "x"});
    return answer.ok() ? fmt::format("{} {}", answer->status, answer->body)
                       : answer.status().ToString();
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/s";
  UniqueFd listener_;
  UniqueFd socket_;
  std::jthread thread_;
};

TEST_F(RawBackendTest, ACutAnswerIsUnavailable) {
  Serve("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", true);
  EXPECT_THAT(Ask(), HasSubstr("503 UNAVAILABLE"));
}

TEST_F(RawBackendTest, NoHttpIsUnavailable) {
  Serve("SSH-2.0-x\r\n\r\n", true);
  EXPECT_THAT(Ask(), HasSubstr("503 UNAVAILABLE"));
}

TEST_F(RawBackendTest, AnAnswerThatIsTooLargeIsRefusedBeforeItIsRead) {
  Serve("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", false);
  EXPECT_THAT(Ask(), HasSubstr("503 RESOURCE_EXHAUSTED"));
}

TEST_F(RawBackendTest, SilenceEndsAtTheDeadline) {
  Serve("", false);
  EXPECT_THAT(Ask(std::chrono::milliseconds(50)), HasSubstr("503 DEADLINE_EXCEEDED"));
}

}  // namespace
}  // namespace hodei::net
