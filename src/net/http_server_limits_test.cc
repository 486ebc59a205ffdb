// What a slow, greedy or vanishing peer gets, and what the others notice of it: nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/testing/status_matchers.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/testing/function_application.h"
#include "net/testing/raw_connection.h"
#include "sys/unique_fd.h"

namespace hodei::net {
namespace {

using ::hodei::testing::IsOk;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::RawConnection;
using testing::Reply;
using ::testing::StartsWith;
using testing::TestServer;

constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

// Opens once; whoever waits goes on.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // False when nobody opened it for long.
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

std::unique_ptr<RequestHandler> Hello(const RequestHead& head) {
  return Reply(head, [](const RequestHead&, const std::string&) {
    return TextResponse(200, "text/plain", "hello");
  });
}

bool IsServed(RawConnection* peer) {
  return peer->Send(kGet) && peer->ReadResponse().starts_with("HTTP/1.1 200 OK\r\n");
}

TEST(HttpServerLimits, HeadThatTakesTooLongIsAnswered408) {
  ServerOptions options;
  options.head_deadline = milliseconds(100);
  TestServer server(Hello, options);
  RawConnection peer(server.port());
  ASSERT_TRUE(peer.Send("GET / HTTP/1.1\r\nHo"));
  EXPECT_THAT(peer.ReadToEnd(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_TRUE(peer.closed());
}

TEST(HttpServerLimits, SilentPeersAreClosed) {
  ServerOptions options;
  options.head_deadline = milliseconds(100);
  options.idle_deadline = milliseconds(200);
  TestServer server(Hello, options);
  RawConnection never_asked(server.port());
  EXPECT_EQ(never_asked.ReadToEnd(), "");
  EXPECT_TRUE(never_asked.closed());
  RawConnection asked_once(server.port());
  ASSERT_TRUE(IsServed(&asked_once));
  EXPECT_EQ(asked_once.ReadToEnd(), "");
  EXPECT_TRUE(asked_once.closed());
}

// Counts how a request ended.
struct Ends {
  Gate aborted;
  Gate got_body;
};
class Watcher : public RequestHandler {
 public:
  Watcher(Ends* ends, Where where) : ends_(ends), where_(where) {}
  Where where() const override { return where_; }
  Status OnBody(std::string_view) override {
    ends_->got_body.Open();
    return OkStatus();
  }
  HttpResponse OnEnd() override { return TextResponse(200, "text/plain", ""); }
  HttpResponse OnError(const Status&) override { return TextResponse(400, "text/plain", ""); }
  void OnAbort() override { ends_->aborted.Open(); }

 private:
  Ends* const ends_;
  const Where where_;
};

TEST(HttpServerLimits, BodyThatStopsHalfwayAbortsTheHandler) {
  for (const auto where : {RequestHandler::Where::kInline, RequestHandler::Where::kPool}) {
    for (const bool reset : {false, true}) {
      Ends ends;
      TestServer server(
          [&](const RequestHead&) { return std::make_unique<Watcher>(&ends, where); });
      RawConnection peer(server.port());
      ASSERT_TRUE(peer.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"));
      ASSERT_TRUE(ends.got_body.Wait());
      reset ? peer.Reset() : peer.Close();
      EXPECT_TRUE(ends.aborted.Wait());
    }
  }
}

TEST(HttpServerLimits, BodyThatIsTooSlowAbortsTheHandler) {
  Ends ends;
  ServerOptions options;
  options.body_piece_deadline = milliseconds(100);
  TestServer server(
      [&](const RequestHead&) {
        return std::make_unique<Watcher>(&ends, RequestHandler::Where::kPool);
      },
      options);
  RawConnection peer(server.port());
  ASSERT_TRUE(peer.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"));
  EXPECT_TRUE(ends.aborted.Wait());
  EXPECT_EQ(peer.ReadToEnd(), "");
}

TEST(HttpServerLimits, TargetsAndHeadsAreBounded) {
  TestServer server(Hello);
  const ServerOptions options;
  RawConnection at_limit(server.port());
  ASSERT_TRUE(at_limit.Send("GET /" + std::string(options.target_limit_bytes - 1, 'a') +
                            " HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(at_limit.ReadResponse(), StartsWith("HTTP/1.1 200 OK"));
  RawConnection over(server.port());
  ASSERT_TRUE(over.Send("GET /" + std::string(options.target_limit_bytes, 'a') +
                        " HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(over.ReadToEnd(), StartsWith("HTTP/1.1 414 URI Too Long"));
  RawConnection endless(server.port());
  std::string fields = "GET / HTTP/1.1\r\nHost: h\r\n";
  while (fields.size() < options.head_limit_bytes)
    fields += "X: " + std::string(1000, 'a') + "\r\n";
  ASSERT_TRUE(endless.Send(fields));
  EXPECT_THAT(endless.ReadToEnd(), StartsWith("HTTP/1.1 431 Request Header Fields Too Large"));
}

TEST(HttpServerLimits, ConnectionOverTheLimitIsTold503) {
  ServerOptions options;
  options.connection_limit = 2;
  TestServer server(Hello, options);
  RawConnection first(server.port());
  ASSERT_TRUE(IsServed(&first));
  RawConnection second(server.port());
  ASSERT_TRUE(IsServed(&second));
  RawConnection third(server.port());
  EXPECT_THAT(third.ReadToEnd(),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: 1\r\n")));
  EXPECT_TRUE(IsServed(&first));
  second.Close();
  // Its place is free as soon as the server has seen the end.
  bool served = false;
  for (int i = 0; i < 1000 && !served; ++i) {
    RawConnection fourth(server.port());
    served = IsServed(&fourth);
  }
  EXPECT_TRUE(served);
}

// Takes every descriptor that the process may still have, until it dies.
class DescriptorFamine {
 public:
  DescriptorFamine() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = 256;
    setrlimit(RLIMIT_NOFILE, &low);
    while (true) {
      UniqueFd taken(dup(STDERR_FILENO));
      if (!taken) break;
      taken_.push_back(std::move(taken));
    }
  }
  ~DescriptorFamine() {
    taken_.clear();
    setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  std::vector<UniqueFd> taken_;
};

// Fault F11.
TEST(HttpServerLimits, OutOfDescriptorsANewPeerIsTold503AndTheOldOnesAreServed) {
  TestServer server(Hello);
  RawConnection first(server.port());
  ASSERT_TRUE(IsServed(&first));
  UniqueFd late(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(server.port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  {
    const DescriptorFamine famine;
    ASSERT_EQ(connect(late.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    std::string answer(4096, '\0');
    const ssize_t n = recv(late.get(), answer.data(), answer.size(), 0);
    answer.resize(n > 0 ? static_cast<size_t>(n) : 0);
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: 1\r\n")));
    EXPECT_TRUE(IsServed(&first));
  }
  RawConnection after(server.port());
  EXPECT_TRUE(IsServed(&after));
}

TEST(HttpServerLimits, RequestOverThePoolsQueueIsTold503AndKeepsItsConnection) {
  Gate running;
  Gate release;
  ServerOptions options;
  options.pool_threads = 1;
  options.pool_queue_limit = 1;
  TestServer server(
      [&](const RequestHead& head) {
        return Reply(
            head,
            [&](const RequestHead& request, const std::string&) {
              if (request.path() == "/block") {
                running.Open();
                release.Wait();
              }
              return TextResponse(200, "text/plain", "done");
            },
            head.path() == "/inline" ? RequestHandler::Where::kInline
                                     : RequestHandler::Where::kPool);
      },
      options);
  RawConnection blocking(server.port());
  ASSERT_TRUE(blocking.Send("GET /block HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(running.Wait());
  RawConnection queued(server.port());
  ASSERT_TRUE(queued.Send(kGet));
  // An inline answer behind it shows that the I/O thread has seen the queued one.
  RawConnection marker(server.port());
  ASSERT_TRUE(marker.Send("GET /inline HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(marker.ReadResponse(), StartsWith("HTTP/1.1 200 OK"));
  RawConnection over(server.port());
  ASSERT_TRUE(over.Send(kGet));
  EXPECT_THAT(over.ReadResponse(),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: 1\r\n")));
  release.Open();
  EXPECT_THAT(blocking.ReadResponse(), StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(queued.ReadResponse(), StartsWith("HTTP/1.1 200 OK"));
  ASSERT_TRUE(over.Send(kGet));
  EXPECT_THAT(over.ReadResponse(), StartsWith("HTTP/1.1 200 OK"));
}

TEST(HttpServerLimits, PeerThatDoesNotReadDelaysNobodyAndIsCut) {
  ServerOptions options;
  options.body_piece_deadline = milliseconds(300);
  TestServer server(
      [](const RequestHead& head) {
        return Reply(head, [](const RequestHead& request, const std::string&) {
          return TextResponse(200, "text/plain",
                              std::string(request.path() == "/big" ? 64 << 20 : 5, 'x'));
        });
      },
      options);
  RawConnection deaf(server.port());
  ASSERT_TRUE(deaf.Send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n"));
  RawConnection other(server.port());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(IsServed(&other));
  // Reading begins only after the server has given up: the stream ends early.
  std::this_thread::sleep_for(milliseconds(900));
  EXPECT_LT(deaf.ReadToEnd().size(), size_t{64 << 20});
  EXPECT_TRUE(deaf.closed());
}

TEST(HttpServerLimits, OneByteChunksTakeLinearWorkAndNoExtraMemory) {
  size_t pieces = 0;
  class Counter : public RequestHandler {
   public:
    explicit Counter(size_t* pieces) : pieces_(pieces) {}
    Where where() const override { return Where::kInline; }
    Status OnBody(std::string_view piece) override {
      ++*pieces_;
      total_ += piece.size();
      return OkStatus();
    }
    HttpResponse OnEnd() override {
      return TextResponse(200, "text/plain", std::to_string(total_));
    }
    HttpResponse OnError(const Status&) override { return TextResponse(400, "text/plain", ""); }

   private:
    size_t* const pieces_;
    size_t total_ = 0;
  };
  TestServer server([&](const RequestHead&) { return std::make_unique<Counter>(&pieces); });
  RawConnection peer(server.port());
  ASSERT_TRUE(peer.Send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
  std::string chunks;
  for (int i = 0; i < 10'000; ++i) chunks += "1\r\nx\r\n";
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(peer.Send(chunks));
  ASSERT_TRUE(peer.Send("0\r\n\r\n"));
  EXPECT_THAT(peer.ReadResponse(), ::testing::EndsWith("\r\n\r\n1000000"));
  EXPECT_LT(pieces, 100'000U) << "chunks are joined before the handler sees them";
}

TEST(HttpServerLimits, StopLetsRunningRequestsFinishAndClosesIdleConnections) {
  Gate running;
  Gate release;
  auto server = std::make_unique<TestServer>([&](const RequestHead& head) {
    return Reply(
        head,
        [&](const RequestHead& request, const std::string&) {
          if (request.path() == "/block") {
            running.Open();
            release.Wait();
          }
          return TextResponse(200, "text/plain", "done");
        },
        RequestHandler::Where::kPool);
  });
  const uint16_t port = server->port();
  RawConnection idle(port);
  ASSERT_TRUE(IsServed(&idle));
  RawConnection busy(port);
  ASSERT_TRUE(busy.Send("GET /block HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(running.Wait());
  std::thread stopper([&] { server->server().Stop(std::chrono::seconds(20)); });
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_TRUE(idle.closed());
  release.Open();
  EXPECT_THAT(busy.ReadToEnd(),
              AllOf(StartsWith("HTTP/1.1 200 OK"), HasSubstr("\r\nConnection: close\r\n")));
  stopper.join();
  RawConnection late(port);
  EXPECT_LT(late.fd(), 0);
  server->server().Stop(milliseconds(0));
}

TEST(HttpServerLimits, StopCutsWhatOutlastsTheGrace) {
  Gate started;
  TestServer server([&](const RequestHead& head) {
    started.Open();
    return Hello(head);
  });
  RawConnection peer(server.port());
  ASSERT_TRUE(peer.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"));
  ASSERT_TRUE(started.Wait());
  server.server().Stop(milliseconds(50));
  EXPECT_EQ(peer.ReadToEnd(), "");
  EXPECT_TRUE(peer.closed());
}

TEST(HttpServerLimits, ManyConnectionsOverSeveralIoThreads) {
  ServerOptions options;
  options.io_threads = 3;
  options.pool_threads = 4;
  TestServer server(
      [](const RequestHead& head) {
        return Reply(
            head,
            [](const RequestHead&, const std::string& body) {
              return TextResponse(200, "text/plain", body);
            },
            head.path() == "/pool" ? RequestHandler::Where::kPool : RequestHandler::Where::kInline);
      },
      options);
  std::vector<std::thread> clients;
  std::atomic<int> wrong{0};
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      Result<std::unique_ptr<HttpClient>> client = HttpClient::Connect(server.url());
      for (int i = 0; i < 100; ++i) {
        ClientRequest request;
        request.method = "POST";
        request.target = i % 2 == 0 ? "/pool" : "/inline";
        request.body = std::string(static_cast<size_t>(i) * 997, static_cast<char>('a' + c));
        Result<ClientResponse> response = (*client)->Send(request);
        if (!response.ok() || response->body != request.body) ++wrong;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace hodei::net
