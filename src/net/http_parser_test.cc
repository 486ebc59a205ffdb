#include "net/http_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hodei::net {
namespace {

// Parses a whole head the way a connection does.
RequestFraming Parse(const std::string& bytes, RequestHead* head, HeadLimits limits = {}) {
  HeadScanner scanner(limits);
  const ParseState state = scanner.Scan(bytes);
  RequestFraming framing;
  if (state == ParseState::kDone) {
    return ParseRequestHead(
        std::string_view(bytes).substr(scanner.begin(), scanner.end() - scanner.begin()), limits,
        head);
  }
  framing.http_status = state == ParseState::kError ? scanner.http_status() : -1;
  framing.message = scanner.message();
  return framing;
}

TEST(ParseRequestHead, ReadsEveryPart) {
  RequestHead head;
  const RequestFraming framing = Parse(
      "POST /v1/a%20b?x=1&y=? HTTP/1.1\r\nHost: h:80\r\ncontent-LENGTH: 12\r\n"
      "X-A:  two words\t\r\nx-a: again\r\nEmpty:\r\nExpect: 100-Continue\r\n\r\n",
      &head);
  ASSERT_EQ(framing.http_status, 0) << framing.message;
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/a%20b?x=1&y=?");
  EXPECT_EQ(head.path(), "/v1/a%20b");
  EXPECT_EQ(head.query(), "x=1&y=?");
  EXPECT_EQ(head.host, "h:80");
  EXPECT_EQ(head.content_length, 12U);
  EXPECT_TRUE(head.has_body);
  EXPECT_TRUE(framing.keep_alive);
  EXPECT_TRUE(framing.expect_continue);
  EXPECT_EQ(head.headers.Get("X-A"), "two words");
  EXPECT_EQ(head.headers.GetAll("x-A"), (std::vector<std::string_view>{"two words", "again"}));
  EXPECT_TRUE(head.headers.Has("empty"));
  EXPECT_EQ(head.headers.Get("empty"), "");
}

struct Accepted {
  const char* bytes;
  const char* method;
  const char* target;
  const char* host;
  bool keep_alive;
};

TEST(ParseRequestHead, AcceptsTheFormsThatClientsSend) {
  const Accepted table[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", "h", true},
      {"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", "h", true},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", "", true},
      {"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", "GET", "/", "[::1]:8080", true},
      {"GET http://a.b:8080/c?d HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/c?d", "a.b:8080", true},
      {"GET HTTP://a.b HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", "a.b", true},
      {"GET https://a.b?q=/ HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/?q=/", "a.b", true},
      {"GET http://us-east1-ml.googleapis.com/v1/x HTTP/1.1\r\nHost: ml.googleapis.com\r\n\r\n",
       "GET", "/v1/x", "us-east1-ml.googleapis.com", true},
      {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS", "*", "h", true},
      {"GET //a/../%2e HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "//a/../%2e", "h", true},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: TE, Close\r\n\r\n", "GET", "/", "h", false},
      {"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/", "", true},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: caf\xc3\xa9\r\n\r\n", "GET", "/", "h", true},
  };
  for (const Accepted& row : table) {
    RequestHead head;
    const RequestFraming framing = Parse(row.bytes, &head);
    EXPECT_EQ(framing.http_status, 0) << row.bytes << framing.message;
    EXPECT_EQ(head.method, row.method) << row.bytes;
    EXPECT_EQ(head.target, row.target) << row.bytes;
    EXPECT_EQ(head.host, row.host) << row.bytes;
    EXPECT_EQ(framing.keep_alive, row.keep_alive) << row.bytes;
  }
}

struct Refused {
  int http_status;
  std::string bytes;
};

// T25: whatever two parsers could read differently is refused.
TEST(ParseRequestHead, RefusesAmbiguousAndMalformedHeads) {
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n";
  const Refused table[] = {
      {400, get + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
      {400, get + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"},
      {400, get + "Content-Length: 1, 1\r\n\r\n"},
      {400, get + "Content-Length: -1\r\n\r\n"},
      {400, get + "Content-Length: +1\r\n\r\n"},
      {400, get + "Content-Length:\r\n\r\n"},
      {400, get + "Content-Length: 0x10\r\n\r\n"},
      {400, get + "Content-Length: 1 0\r\n\r\n"},
      {400, get + "Content-Length: 9223372036854775808\r\n\r\n"},
      {400, get + "Content-Length: 99999999999999999999\r\n\r\n"},
      {400, get + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, get + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
      {400, get + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
      {400, get + "Transfer-Encoding: chunked, chunked\r\n\r\n"},
      {400, get + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, get + "Transfer-Encoding: identity\r\n\r\n"},
      {400, get + "Content-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n"},
      {400, get + "Transfer-Encoding: \x0b"
                  "chunked\r\n\r\n"},
      {400, get + "Transfer-Encoding : chunked\r\n\r\n"},
      {400, get + " Transfer-Encoding: chunked\r\n\r\n"},
      {400, get + "X: a\r\n b\r\n\r\n"},
      {400, get + "X: a\r\n\tb\r\n\r\n"},
      {400, get + "X: a\rb\r\n\r\n"},
      {400, get + "X: a\nY: b\r\n\r\n"},
      {400, get + std::string("X: a\0b\r\n\r\n", 10)},
      {400, get + "X\r\n\r\n"},
      {400, get + ": x\r\n\r\n"},
      {400, get + "X(: x\r\n\r\n"},
      {400, get + "X\x80: x\r\n\r\n"},
      {400, "GET / HTTP/1.1\n\n"},
      {400, "GET / HTTP/1.1\r\nHost: h\r\n\n"},
      {400, "GET / HTTP/1.1\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"},
      {400, "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /  HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / x HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /\r\nHost: h\r\n\r\n"},
      {400, "GET /#f HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET x HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET http://u:p@h/x HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET ftp://h/x HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "G@T / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / HTTPS/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / http/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
      {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {505, "GET / HTTP/1.2\r\nHost: h\r\n\r\n"},
      {417, get + "Expect: cake\r\n\r\n"},
  };
  for (const Refused& row : table) {
    RequestHead head;
    EXPECT_EQ(Parse(row.bytes, &head).http_status, row.http_status) << row.bytes;
  }
}

TEST(ParseRequestHead, LimitsHoldExactlyAtTheLimit) {
  HeadLimits limits;
  limits.target_bytes = 10;
  limits.fields = 2;
  RequestHead head;
  const std::string rest = " HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(Parse("GET /123456789" + rest + "\r\n", &head, limits).http_status, 0);
  EXPECT_EQ(Parse("GET /1234567890" + rest + "\r\n", &head, limits).http_status, 414);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n", &head, limits).http_status, 0);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\n\r\n", &head, limits).http_status,
            431);
  const std::string whole = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  limits.head_bytes = whole.size();
  EXPECT_EQ(Parse(whole, &head, limits).http_status, 0);
  limits.head_bytes = whole.size() - 1;
  EXPECT_EQ(Parse(whole, &head, limits).http_status, 431);
}

TEST(ParseRequestHead, TheIdentityOfNothingIsNothingFromADirectClient) {
  HeadLimits limits;
  limits.direct_client = true;
  RequestHead head;
  const std::string put = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ";
  const RequestFraming framing =
      Parse(put + "Identity\r\nContent-Length: 0\r\n\r\n", &head, limits);
  EXPECT_EQ(framing.http_status, 0);
  EXPECT_FALSE(framing.chunked);
  EXPECT_FALSE(head.has_body);
  for (const char* rest : {"identity\r\n\r\n", "identity\r\nContent-Length: 1\r\n\r\n",
                           "identity, chunked\r\nContent-Length: 0\r\n\r\n",
                           "identity\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
                           "chunked\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n"}) {
    EXPECT_EQ(Parse(put + rest, &head, limits).http_status, 400) << rest;
  }
}

TEST(ParseRequestHead, ChunkedOverridesTheLengthFromADirectClient) {
  HeadLimits limits;
  limits.direct_client = true;
  RequestHead head;
  const std::string put =
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: ";
  const RequestFraming framing = Parse(put + "5\r\n\r\n", &head, limits);
  EXPECT_EQ(framing.http_status, 0);
  EXPECT_TRUE(framing.chunked);
  EXPECT_FALSE(framing.keep_alive);
  EXPECT_TRUE(head.has_body);
  EXPECT_FALSE(head.content_length);
  for (const char* rest : {"-1\r\n\r\n", "5\r\nContent-Length: 5\r\n\r\n",
                           "5\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    EXPECT_EQ(Parse(put + rest, &head, limits).http_status, 400) << rest;
  }
  EXPECT_EQ(Parse(put + "5\r\n\r\n", &head).http_status, 400) << "from anybody else";
}

TEST(HeadScanner, RefusesEndlessHeadsBeforeTheyEnd) {
  HeadLimits limits;
  limits.target_bytes = 100;
  limits.head_bytes = 400;
  HeadScanner target(limits);
  EXPECT_EQ(target.Scan("GET /" + std::string(150, 'a')), ParseState::kNeedMore);
  EXPECT_EQ(target.Scan("GET /" + std::string(200, 'a')), ParseState::kError);
  EXPECT_EQ(target.http_status(), 414);
  HeadScanner fields(limits);
  EXPECT_EQ(fields.Scan("GET / HTTP/1.1\r\nX: " + std::string(400, 'a')), ParseState::kError);
  EXPECT_EQ(fields.http_status(), 431);
}

TEST(HeadScanner, FindsTheEndWhateverThePieces) {
  const std::string bytes = "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
  HeadScanner scanner{HeadLimits()};
  for (size_t size = 1; size < bytes.size() - 4; ++size) {
    ASSERT_EQ(scanner.Scan(std::string_view(bytes).substr(0, size)), ParseState::kNeedMore) << size;
  }
  ASSERT_EQ(scanner.Scan(bytes), ParseState::kDone);
  EXPECT_EQ(scanner.begin(), 2U);
  EXPECT_EQ(scanner.end(), bytes.size() - 4);
}

// Decodes in pieces of `piece` bytes; "!" and the message when malformed, "?" when incomplete.
std::string Decode(std::string bytes, size_t piece) {
  ChunkDecoder decoder;
  std::string body;
  ParseState state = ParseState::kNeedMore;
  while (!bytes.empty() && state == ParseState::kNeedMore) {
    std::string part = bytes.substr(0, piece);
    const ChunkDecoder::Step step = decoder.Decode(part.data(), part.size());
    if (step.state == ParseState::kError) return std::string("!") + step.message;
    body.append(part, 0, step.produced);
    bytes.erase(0, step.consumed);
    state = step.state;
  }
  return state == ParseState::kDone ? body + "|" + bytes : "?" + body;
}

TEST(ChunkDecoder, TakesTheCodingOffWhateverThePieces) {
  const std::string bytes =
      "3\r\nabc\r\nA;name=\"value\"\r\n0123456789\r\n00\r\nTrailer: x\r\nOther:\r\n\r\nnext";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    EXPECT_EQ(Decode(bytes, piece), "abc0123456789|next") << piece;
  }
  EXPECT_EQ(Decode("0\r\n\r\n", 64), "|");
  EXPECT_EQ(Decode("5\r\nab", 64), "?ab");
}

TEST(ChunkDecoder, RefusesWhatIsNotExact) {
  for (const char* bytes : {"\r\n",
                            "g\r\n",
                            "-1\r\n",
                            "+1\r\n",
                            "0x1\r\n",
                            " 1\r\na\r\n",
                            "1 \r\na\r\n",
                            "1\na\r\n0\r\n\r\n",
                            "1\r\nab\r\n",
                            "1\r\na\n0\r\n\r\n",
                            "1\r\na\r0\r\n\r\n",
                            "1;\x01\r\na\r\n",
                            "1;a\nb\r\n",
                            "1000000000000000\r\n",
                            "ffffffffffffffff\r\n",
                            "0\r\nTrailer\r\n\r\n",
                            "0\r\n: x\r\n\r\n",
                            "0\r\nA b: x\r\n\r\n",
                            "0\r\n x: y\r\n\r\n",
                            "0\r\nA: x\n\r\n",
                            "0\r\n\n"}) {
    EXPECT_EQ(Decode(bytes, 64).substr(0, 1), "!") << bytes;
  }
}

TEST(ChunkDecoder, BoundsExtensionsAndTrailers) {
  const std::string most(ChunkDecoder::kLineLimitBytes - 3, 'x');
  EXPECT_EQ(Decode("1;" + most + "\r\na\r\n0\r\n\r\n", 4096), "a|");
  EXPECT_EQ(Decode("1;" + most + "xx\r\na\r\n0\r\n\r\n", 4096).substr(0, 1), "!");
  std::string trailers;
  while (trailers.size() < ChunkDecoder::kTrailersLimitBytes) trailers += "A: b\r\n";
  EXPECT_EQ(Decode("0\r\n" + trailers + "\r\n", 64 * 1024).substr(0, 1), "!");
}

TEST(ParseResponseHead, ReadsStatusAndFraming) {
  ResponseHead head;
  ASSERT_TRUE(ParseResponseHead("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n", {}, &head));
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.content_length, 3U);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_TRUE(ParseResponseHead("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", {}, &head));
  EXPECT_TRUE(head.chunked);
  EXPECT_FALSE(ParseResponseHead("HTTP/1.1 2000 OK\r\n\r\n", {}, &head));
  EXPECT_FALSE(ParseResponseHead("HTTP/2 200 OK\r\n\r\n", {}, &head));
  EXPECT_FALSE(ParseResponseHead("SSH-2.0-OpenSSH\r\n\r\n", {}, &head));
  EXPECT_FALSE(ParseResponseHead(
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", {}, &head));
}

}  // namespace
}  // namespace hodei::net
