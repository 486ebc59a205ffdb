// Exchanges over real loopback sockets, byte for byte.
#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <regex>

#include "base/testing/status_matchers.h"
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

// A handler that knows its answer from the head.
class Refusal : public RequestHandler {
 public:
  Where where() const override { return Where::kInline; }
  bool wants_body() const override { return false; }
  Status OnBody(std::string_view /*piece*/) override { return Internal("not wanted"); }
  HttpResponse OnEnd() override { return TextResponse(401, "text/plain", "no"); }
  HttpResponse OnError(const Status& status) override {
    return TextResponse(500, "text/plain", status.message());
  }
};

HttpResponse Answer(const RequestHead& request, const std::string& body) {
  const std::string_view path = request.path();
  if (path.starts_with("/status/")) {
    return TextResponse(std::stoi(std::string(path.substr(8))), "text/plain", "body");
  }
  if (path == "/inject") {
    HttpResponse response = TextResponse(200, "text/plain\r\nX-Evil: 1", "x");
    response.headers.Add("X-A", "a\r\n\r\nHTTP/1.1 200 OK\r\n\n\x01z");
    response.headers.Add("Bad Name", "x");
    response.headers.Add("Bad\r\nName", "x");
    response.headers.Add("Content-Length", "99");
    response.headers.Add("transfer-encoding", "chunked");
    return response;
  }
  if (path == "/throw") throw std::runtime_error("bug");
  if (path == "/close") {
    HttpResponse response = TextResponse(200, "text/plain", "bye");
    response.close = true;
    return response;
  }
  if (path == "/head") {
    HttpResponse response = TextResponse(200, "text/plain", "");
    response.content_length_of_head = 1234;
    return response;
  }
  return TextResponse(
      200, "text/plain",
      request.method + " " + request.target + " " + request.host + " [" + body + "]");
}

std::unique_ptr<RequestHandler> Route(const RequestHead& head) {
  if (head.path() == "/refuse") return std::make_unique<Refusal>();
  const auto where =
      head.query() == "pool" ? RequestHandler::Where::kPool : RequestHandler::Where::kInline;
  if (head.path() == "/limit") {
    return CollectBody(
        5, where, [](const std::string& body) { return TextResponse(200, "text/plain", body); },
        [](const Status& status) { return TextResponse(413, "text/plain", status.reason()); });
  }
  return Reply(head, Answer, where);
}

// Replaces what differs between runs and drops the fields that every answer has.
std::string Normalise(std::string bytes) {
  const std::regex own(
      "Server: hodei\r\nDate: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n"
      "X-Request-Id: [0-9a-f]{32}\r\nX-Content-Type-Options: nosniff\r\n");
  return std::regex_replace(bytes, own, "");
}

struct Exchange {
  const char* name;
  std::string request;
  std::string response;
};

std::string Text(const std::string& status, const std::string& body, bool close = false) {
  return "HTTP/1.1 " + status +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         (close ? "Connection: close\r\n" : "") + "\r\n" + body;
}

TEST(HttpServer, AnswersByteForByte) {
  const std::string get = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string last = "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const std::string last_answer = Text("200 OK", "GET /last h []", true);
  const Exchange table[] = {
      {"close", last, last_answer},
      {"pipelined", get + get + last,
       Text("200 OK", "GET /x h []") + Text("200 OK", "GET /x h []") + last_answer},
      {"pool between inline",
       get + "PUT /x?pool HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi" + last,
       Text("200 OK", "GET /x h []") + Text("200 OK", "PUT /x?pool h [hi]") + last_answer},
      {"chunked",
       "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n"
       "2;x=y\r\nbc\r\n0\r\nT: v\r\n\r\n" +
           last,
       Text("200 OK", "POST /c h [abc]") + last_answer},
      {"absolute form", "GET http://eu.example:81/a?b HTTP/1.1\r\nHost: other\r\n\r\n" + last,
       Text("200 OK", "GET /a?b eu.example:81 []") + last_answer},
      {"head", "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + last,
       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n" + last_answer},
      {"head of another length", "HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n" + last,
       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1234\r\n\r\n" + last_answer},
      {"204 has no body", "GET /status/204 HTTP/1.1\r\nHost: h\r\n\r\n" + last,
       "HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n" + last_answer},
      {"304 keeps the connection", "GET /status/304 HTTP/1.1\r\nHost: h\r\n\r\n" + last,
       "HTTP/1.1 304 Not Modified\r\nContent-Type: text/plain\r\n\r\n" + last_answer},
      {"308, 404, 412 keep the connection",
       "GET /status/308 HTTP/1.1\r\nHost: h\r\n\r\nGET /status/404 HTTP/1.1\r\nHost: h\r\n\r\n"
       "GET /status/412 HTTP/1.1\r\nHost: h\r\n\r\n" +
           last,
       Text("308 Permanent Redirect", "body") + Text("404 Not Found", "body") +
           Text("412 Precondition Failed", "body") + last_answer},
      {"http 1.0 closes", "GET /o HTTP/1.0\r\n\r\n", Text("200 OK", "GET /o  []", true)},
      {"http 1.0 keep-alive", "GET /o HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + last,
       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n"
       "Connection: keep-alive\r\n\r\nGET /o  []" +
           last_answer},
      {"handler closes", "GET /close HTTP/1.1\r\nHost: h\r\n\r\n" + get,
       Text("200 OK", "bye", true)},
      {"handler throws", "GET /throw HTTP/1.1\r\nHost: h\r\n\r\n" + last,
       Text("500 Internal Server Error", "internal error") + last_answer},
      {"handler throws on the pool", "GET /throw?pool HTTP/1.1\r\nHost: h\r\n\r\n" + last,
       Text("500 Internal Server Error", "internal error") + last_answer},
      {"answers cannot be split", "GET /inject HTTP/1.1\r\nHost: h\r\n\r\n" + last,
       "HTTP/1.1 200 OK\r\nContent-Type: text/plain  X-Evil: 1\r\n"
       "X-A: a    HTTP/1.1 200 OK    z\r\nContent-Length: 1\r\n\r\nx" +
           last_answer},
      {"unwanted small body is skipped",
       "PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /" + last,
       Text("401 Unauthorized", "no") + last_answer},
      {"unwanted chunked body closes",
       "PUT /refuse HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + get,
       Text("401 Unauthorized", "no", true)},
      {"unwanted body that is waited for closes",
       "PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
       Text("401 Unauthorized", "no", true)},
      {"body over the handler's limit, all there",
       "PUT /limit HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n123456" + last,
       Text("413 Content Too Large", "bodyTooLarge") + last_answer},
      {"body at the handler's limit",
       "PUT /limit?pool HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345" + last,
       Text("200 OK", "12345") + last_answer},
      {"malformed chunk",
       "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + get,
       Text("400 Bad Request", "malformed chunked body: a chunk's size is missing", true)},
      {"length and chunked",
       "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\n" +
           get,
       Text("400 Bad Request", "both Content-Length and Transfer-Encoding", true)},
      {"two lengths",
       "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd" + get,
       Text("400 Bad Request", "repeated Content-Length", true)},
      {"folded field", "GET /x HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n" + get,
       Text("400 Bad Request", "bad header field", true)},
      {"bare line feeds", "GET /x HTTP/1.1\nHost: h\n\n" + get,
       Text("400 Bad Request", "a line without CRLF", true)},
      {"no host", "GET /x HTTP/1.1\r\n\r\n" + get,
       Text("400 Bad Request", "Host is missing", true)},
      {"http 2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
       Text("505 HTTP Version Not Supported", "this server speaks HTTP/1.1", true)},
      {"head after an error of a HEAD", "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\nbad\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n" +
           Text("400 Bad Request", "bad request line", true)},
  };
  TestServer server(Route);
  for (const Exchange& row : table) {
    SCOPED_TRACE(row.name);
    RawConnection peer(server.port());
    ASSERT_TRUE(peer.Send(row.request));
    peer.ShutdownWrite();
    EXPECT_EQ(Normalise(peer.ReadToEnd()), row.response);
    EXPECT_TRUE(peer.closed());
  }
}

TEST(HttpServer, TheSameByteByByte) {
  TestServer server(Route);
  RawConnection peer(server.port());
  const std::string request =
      "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "PUT /b?pool HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nxyz";
  for (char byte : request) ASSERT_TRUE(peer.Send({&byte, 1}));
  EXPECT_EQ(Normalise(peer.ReadToEnd()),
            Text("200 OK", "PUT /a h [abc]") + Text("200 OK", "PUT /b?pool h [xyz]", true));
}

TEST(HttpServer, EveryAnswerHasItsOwnUnguessableRequestId) {
  TestServer server(Route);
  RawConnection peer(server.port());
  std::set<std::string> ids;
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE(peer.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    const std::string response = peer.ReadResponse();
    const size_t at = response.find("X-Request-Id: ");
    ASSERT_NE(at, std::string::npos);
    ids.insert(response.substr(at + 14, 32));
  }
  EXPECT_EQ(ids.size(), 600U);
}

TEST(HttpServer, AsksForTheBodyOnlyWhenTheClientWaitsForThat) {
  TestServer server(Route);
  RawConnection peer(server.port());
  const std::string head =
      "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  ASSERT_TRUE(peer.Send(head));
  EXPECT_EQ(peer.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(peer.Send("abc"));
  EXPECT_EQ(Normalise(peer.ReadResponse()), Text("200 OK", "PUT /x h [abc]"));
  // The body is there already: the interim answer would be noise.
  ASSERT_TRUE(peer.Send(head + "abc"));
  EXPECT_EQ(Normalise(peer.ReadResponse()), Text("200 OK", "PUT /x h [abc]"));
}

TEST(HttpServer, LargeBodiesArriveWholeInBoundedPieces) {
  static constexpr size_t kPieceBytes = 64 * 1024;
  size_t largest = 0;
  class Counter : public RequestHandler {
   public:
    explicit Counter(size_t* largest) : largest_(largest) {}
    Status OnBody(std::string_view piece) override {
      *largest_ = std::max(*largest_, piece.size());
      // No piece crosses a multiple of the limit: files are written in aligned parts.
      EXPECT_EQ(total_ / kPieceBytes, (total_ + piece.size() - 1) / kPieceBytes);
      total_ += piece.size();
      return OkStatus();
    }
    HttpResponse OnEnd() override {
      return TextResponse(200, "text/plain", std::to_string(total_));
    }
    HttpResponse OnError(const Status&) override { return TextResponse(400, "text/plain", ""); }

   private:
    size_t* largest_;
    size_t total_ = 0;
  };
  ServerOptions options;
  options.body_piece_bytes = kPieceBytes;
  TestServer server([&](const RequestHead&) { return std::make_unique<Counter>(&largest); },
                    options);
  RawConnection peer(server.port());
  const std::string body(5'000'000, 'b');
  ASSERT_TRUE(peer.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n" + body));
  EXPECT_THAT(peer.ReadResponse(), EndsWith("\r\n\r\n5000000"));
  EXPECT_LE(largest, options.body_piece_bytes);
}

TEST(HttpServer, ErrorAnswerReachesAClientThatWritesItsWholeRequestFirst) {
  TestServer server(Route);
  RawConnection peer(server.port());
  const std::string body(8'000'000, 'b');
  ASSERT_TRUE(
      peer.Send("PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n" + body));
  EXPECT_EQ(Normalise(peer.ReadToEnd()), Text("401 Unauthorized", "no", true));
}

TEST(HttpServer, UnixSocketsCarryTheirLabelAndCanComeAndGo) {
  const TemporaryDirectory dir;
  TestServer server([](const RequestHead& head) {
    return Reply(head, [](const RequestHead& request, const std::string&) {
      return TextResponse(200, "text/plain",
                          request.peer.address + ":" + request.peer.socket_label);
    });
  });
  const std::string folder = dir.path() + "/" + std::string(120, 'p');  // over sun_path's 107 bytes
  ASSERT_THAT(MakeDirectories(folder), IsOk());
  const std::string path = folder + "/api.sock";
  ASSERT_THAT(server.server().ListenUnix(path, 0600, "job:a"), IsOk());
  ASSERT_THAT(server.server().ListenUnix(dir.path() + "/b", 0666, "job:b"), IsOk());
  EXPECT_THAT(server.server().ListenUnix(dir.path() + "/c", 0666, "job:b"),
              StatusIs(Code::kAlreadyExists));
  struct stat file {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600);
  RawConnection a(path);
  ASSERT_TRUE(a.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(Normalise(a.ReadResponse()), Text("200 OK", "unix:job:a"));
  RawConnection b(dir.path() + "/b");
  ASSERT_TRUE(b.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(Normalise(b.ReadResponse()), Text("200 OK", "unix:job:b"));

  ASSERT_THAT(server.server().CloseUnix("job:a"), IsOk());
  ASSERT_THAT(server.server().CloseUnix("job:unknown"), IsOk());
  EXPECT_EQ(a.ReadToEnd(), "");
  EXPECT_TRUE(a.closed());
  EXPECT_FALSE(FileExists(path));
  ASSERT_TRUE(b.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(Normalise(b.ReadResponse()), Text("200 OK", "unix:job:b"));
  ASSERT_THAT(server.server().ListenUnix(path, 0600, "job:a"), IsOk());
  RawConnection again(path);
  ASSERT_TRUE(again.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(Normalise(again.ReadResponse()), Text("200 OK", "unix:job:a"));
}

TEST(HttpServer, StaleSocketFileIsReplacedAndOtherFilesAreNot) {
  const TemporaryDirectory dir;
  const std::string path = dir.path() + "/api.sock";
  FunctionApplication application(Route);
  {
    ASSERT_OK_AND_ASSIGN(const auto crashed, HttpServer::Create(ServerOptions(), &application));
    ASSERT_THAT(crashed->ListenUnix(path, 0600, "x"), IsOk());
    // Destroyed without Start(): the socket file stays, as after a crash.
    ASSERT_EQ(rename(path.c_str(), (path + ".kept").c_str()), 0);
  }
  ASSERT_EQ(rename((path + ".kept").c_str(), path.c_str()), 0);
  TestServer server(Route);
  EXPECT_THAT(server.server().ListenUnix(path, 0600, "x"), IsOk());
  ASSERT_THAT(WriteFileDurably(dir.path() + "/file", "precious"), IsOk());
  EXPECT_THAT(server.server().ListenUnix(dir.path() + "/file", 0600, "y"),
              StatusIs(Code::kFailedPrecondition));
  EXPECT_TRUE(FileExists(dir.path() + "/file"));
}

TEST(HttpServer, TakenPortIsAnErrorThatSaysSo) {
  TestServer server(Route);
  FunctionApplication application(Route);
  ASSERT_OK_AND_ASSIGN(const auto second, HttpServer::Create(ServerOptions(), &application));
  EXPECT_THAT(second->ListenTcp("127.0.0.1", server.port()),
              StatusIs(Code::kFailedPrecondition, HasSubstr("another program")));
  EXPECT_THAT(second->ListenTcp("localhost", 0), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace hodei::net
