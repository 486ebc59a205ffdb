#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/status_matchers.h"
#include "net/testing/function_application.h"
#include "net/testing/raw_connection.h"

namespace hodei::net {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::RawConnection;
using testing::Reply;
using ::testing::StartsWith;
using testing::TestServer;

// Answers with what arrived.
std::unique_ptr<RequestHandler> Echo(const RequestHead& head) {
  const auto where =
      head.path() == "/pool" ? RequestHandler::Where::kPool : RequestHandler::Where::kInline;
  return Reply(
      head,
      [](const RequestHead& request, const std::string& body) {
        return TextResponse(200, "text/plain",
                            request.method + " " + request.target + " " + request.host + " [" +
                                body + "] " + request.peer.socket_label);
      },
      where);
}

TEST(HttpServer, AnswersInlineAndFromThePoolOnOneConnection) {
  TestServer server(Echo);
  RawConnection peer(server.port());
  ASSERT_TRUE(peer.Send("GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(peer.ReadResponse(),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\nGET /a?b=c h [] ")));
  ASSERT_TRUE(peer.Send("PUT /pool HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"));
  EXPECT_THAT(peer.ReadResponse(), EndsWith("\r\n\r\nPUT /pool h [abc] "));
}

}  // namespace
}  // namespace hodei::net
