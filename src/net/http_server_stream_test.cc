// Bodies that are not in memory: files and streams.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/testing/status_matchers.h"
#include "net/certificate_authority.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/testing/function_application.h"
#include "net/testing/raw_connection.h"
#include "sys/file.h"

namespace hodei::net {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::AllOf;
using ::testing::EndsWith;
using testing::FunctionApplication;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawConnection;
using testing::Reply;
using ::testing::StartsWith;
using testing::TestServer;

// The test's hand on a StreamBody that the server owns.
class StreamControl {
 public:
  using Done = std::function<void(Result<std::string>)>;

  // Called by the body.
  void Asked(Done done) {
    const std::lock_guard lock(mutex_);
    done_ = std::move(done);
    changed_.notify_all();
  }
  void Destroyed() {
    const std::lock_guard lock(mutex_);
    destroyed_ = true;
    changed_.notify_all();
  }

  // Called by the test. Waits until the server asks for the next piece, and takes the callback.
  Done TakeDone() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [this] { return done_ != nullptr; });
    return std::exchange(done_, nullptr);
  }
  bool WaitUntilDestroyed() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return destroyed_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Done done_;
  bool destroyed_ = false;
};

class ControlledBody : public StreamBody {
 public:
  explicit ControlledBody(StreamControl* control) : control_(control) {}
  ~ControlledBody() override { control_->Destroyed(); }
  void Next(std::function<void(Result<std::string>)> done) override {
    control_->Asked(std::move(done));
  }

 private:
  StreamControl* const control_;
};

FunctionApplication::Starter Follow(StreamControl* control, RequestHandler::Where where) {
  return [control, where](const RequestHead& head) {
    return Reply(
        head,
        [control](const RequestHead&, const std::string&) {
          HttpResponse response;
          response.body = std::make_unique<ControlledBody>(control);
          return response;
        },
        where);
  };
}

constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

class StreamTest : public ::testing::TestWithParam<RequestHandler::Where> {
 protected:
  StreamControl control_;
  TestServer server_{Follow(&control_, GetParam())};
};

INSTANTIATE_TEST_SUITE_P(Where, StreamTest,
                         ::testing::Values(RequestHandler::Where::kInline,
                                           RequestHandler::Where::kPool),
                         [](const auto& info) {
                           return info.param == RequestHandler::Where::kInline ? "Inline" : "Pool";
                         });

TEST_P(StreamTest, PiecesBecomeChunksAsTheyCome) {
  RawConnection peer(server_.port());
  ASSERT_TRUE(peer.Send(kGet));
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked"));
  control_.TakeDone()(std::string("first"));
  EXPECT_EQ(peer.ReadUntil("first\r\n"), "5\r\nfirst\r\n");
  control_.TakeDone()(std::string(20, 'x'));
  EXPECT_EQ(peer.ReadUntil("x\r\n"), "14\r\n" + std::string(20, 'x') + "\r\n");
  control_.TakeDone()(std::string());
  EXPECT_EQ(peer.ReadUntil("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_TRUE(control_.WaitUntilDestroyed());
  ASSERT_TRUE(peer.Send(kGet)) << "the connection goes on";
  EXPECT_THAT(peer.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK"));
  control_.TakeDone()(std::string());
  EXPECT_EQ(peer.ReadUntil("0\r\n\r\n"), "0\r\n\r\n");
}

TEST_P(StreamTest, BodyDiesWhenThePeerGoesAwayAndLatePiecesAreDropped) {
  for (const bool reset : {false, true}) {
    StreamControl control;
    TestServer server(Follow(&control, GetParam()));
    RawConnection peer(server.port());
    ASSERT_TRUE(peer.Send(kGet));
    const StreamControl::Done done = control.TakeDone();
    reset ? peer.Reset() : peer.Close();
    EXPECT_TRUE(control.WaitUntilDestroyed());
    done(std::string("too late"));
  }
}

TEST_P(StreamTest, PeerThatPipelinedARequestIsStillSeenToGo) {
  RawConnection peer(server_.port());
  ASSERT_TRUE(peer.Send(kGet));
  const StreamControl::Done done = control_.TakeDone();
  ASSERT_TRUE(peer.Send(kGet));
  peer.Close();
  EXPECT_TRUE(control_.WaitUntilDestroyed());
}

TEST_P(StreamTest, ErrorCutsTheConnectionWithoutTheLastChunk) {
  RawConnection peer(server_.port());
  ASSERT_TRUE(peer.Send(kGet));
  control_.TakeDone()(std::string("part"));
  control_.TakeDone()(Internal("disk"));
  EXPECT_THAT(peer.ReadToEnd(), AllOf(HasSubstr("4\r\npart\r\n"), Not(EndsWith("0\r\n\r\n"))));
  EXPECT_TRUE(peer.closed());
}

TEST_P(StreamTest, OldClientsGetTheStreamUnchunkedUntilTheEnd) {
  RawConnection peer(server_.port());
  ASSERT_TRUE(peer.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  control_.TakeDone()(std::string("ab"));
  control_.TakeDone()(std::string());
  EXPECT_THAT(peer.ReadToEnd(), AllOf(EndsWith("\r\n\r\nab"), HasSubstr("Connection: close")));
}

TEST_P(StreamTest, HeadOfAStreamAsksForNothing) {
  RawConnection peer(server_.port());
  ASSERT_TRUE(peer.Send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(peer.ReadToEnd(),
              AllOf(HasSubstr("Transfer-Encoding: chunked\r\n"), EndsWith("\r\n\r\n")));
}

TEST_P(StreamTest, StopEndsStreamsThatWait) {
  RawConnection peer(server_.port());
  ASSERT_TRUE(peer.Send(kGet));
  const StreamControl::Done done = control_.TakeDone();
  server_.server().Stop(std::chrono::seconds(20));
  EXPECT_TRUE(control_.WaitUntilDestroyed());
  done(std::string("after the server"));
  EXPECT_THAT(peer.ReadToEnd(), EndsWith("\r\n\r\n"));
}

TEST_P(StreamTest, LateDoneAfterTheServerIsGoneDoesNothing) {
  StreamControl control;
  StreamControl::Done done;
  {
    TestServer server(Follow(&control, GetParam()));
    RawConnection peer(server.port());
    ASSERT_TRUE(peer.Send(kGet));
    done = control.TakeDone();
  }
  done(std::string("nobody listens"));
}

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3'000'000; ++i) content_.push_back(static_cast<char>(i * 7 + (i >> 8)));
    ASSERT_THAT(WriteFileDurably(path_, content_), IsOk());
  }

  // Serves the range named by "?offset,length".
  std::unique_ptr<RequestHandler> Serve(const RequestHead& head) {
    return Reply(head, [this](const RequestHead& request, const std::string&) {
      const std::string query(request.query());
      HttpResponse response;
      FileBody file;
      file.fd = UniqueFd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
      file.offset = std::stoull(query);
      file.length = std::stoull(query.substr(query.find(',') + 1));
      response.body = std::move(file);
      return response;
    });
  }

  const TemporaryDirectory dir_;
  const std::string path_ = dir_.path() + "/file";
  std::string content_;
};

TEST_F(FileTest, RangesArriveExactlyByPlainSocketUnixSocketAndTls) {
  FunctionApplication application([this](const RequestHead& head) { return Serve(head); });
  ASSERT_OK_AND_ASSIGN(const Certificates certificates,
                       EnsureCertificates(dir_.path() + "/tls", {}, SystemClock()));
  ASSERT_OK_AND_ASSIGN(const auto server, HttpServer::Create(ServerOptions(), &application));
  ASSERT_OK_AND_ASSIGN(const uint16_t plain, server->ListenTcp("127.0.0.1", 0));
  ASSERT_OK_AND_ASSIGN(const uint16_t tls, server->ListenTls("127.0.0.1", 0, certificates.server));
  ASSERT_THAT(server->ListenUnix(dir_.path() + "/s", 0600, "x"), IsOk());
  ASSERT_THAT(server->Start(), IsOk());
  for (const std::string& url :
       {"http://127.0.0.1:" + std::to_string(plain), "https://127.0.0.1:" + std::to_string(tls),
        "unix:" + dir_.path() + "/s"}) {
    ASSERT_OK_AND_ASSIGN(const auto client, HttpClient::Connect(url, certificates.ca_file));
    for (const auto& [offset, length] : std::vector<std::pair<size_t, size_t>>{
             {0, content_.size()}, {0, 0}, {5, 1}, {1'000'000, 1'048'577}, {content_.size(), 0}}) {
      ClientRequest request;
      request.target = "/?" + std::to_string(offset) + "," + std::to_string(length);
      ASSERT_OK_AND_ASSIGN(const ClientResponse response, client->Send(request));
      EXPECT_EQ(response.body.size(), length);
      EXPECT_TRUE(response.body == content_.substr(offset, length)) << url << offset;
    }
  }
}

TEST_F(FileTest, FileThatIsShorterThanPromisedCutsTheConnection) {
  TestServer server([this](const RequestHead& head) { return Serve(head); });
  RawConnection peer(server.port());
  ASSERT_TRUE(peer.Send("GET /?2999990,100 HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(peer.ReadToEnd(),
              AllOf(HasSubstr("Content-Length: 100\r\n"), EndsWith(content_.substr(2'999'990))));
  EXPECT_TRUE(peer.closed());
}

TEST_F(FileTest, PeerThatLeavesInTheMiddleHarmsNobody) {
  TestServer server([this](const RequestHead& head) { return Serve(head); });
  for (int i = 0; i < 20; ++i) {
    RawConnection peer(server.port());
    ASSERT_TRUE(peer.Send("GET /?0,3000000 HTTP/1.1\r\nHost: h\r\n\r\n"));
    ASSERT_THAT(peer.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK"));
    peer.Reset();
  }
  RawConnection peer(server.port());
  ASSERT_TRUE(peer.Send("GET /?1,3 HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(peer.ReadResponse(), EndsWith(content_.substr(1, 3)));
}

TEST_F(FileTest, HeadHasTheFilesLength) {
  TestServer server([this](const RequestHead& head) { return Serve(head); });
  RawConnection peer(server.port());
  ASSERT_TRUE(peer.Send("HEAD /?0,3000000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(peer.ReadToEnd(),
              AllOf(HasSubstr("Content-Length: 3000000\r\n"), EndsWith("\r\n\r\n")));
}

}  // namespace
}  // namespace hodei::net
