// One request of a bound method: collects the body, makes the message, calls, writes the answer.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "service/call_context.h"
#include "wire/rest/query.h"
#include "wire/rest/transcoder.h"

namespace hodei::wire::rest {

struct CallTarget {
  const Route* route;                // not owned; outlives the call
  const Transcoder::Method* method;  // the same
  Transcoder::Where where;
  size_t body_limit_bytes;
};

class Call : public net::RequestHandler {
 public:
  // Copies what it needs of `head`.
  Call(const CallTarget& target, service::CallContext context, std::vector<Binding> bindings,
       const net::RequestHead& head, std::function<void(const CallRecord&)> record);

  Where where() const override { return target_.where; }
  Status OnBody(std::string_view piece) override;
  net::HttpResponse OnEnd() override;
  net::HttpResponse OnError(const Status& status) override;

 private:
  Result<net::HttpResponse> Answer();
  // The request message from body, query and path, the path last: it is what was authorized.
  Status Fill(google::protobuf::Message* request);
  Status FillBody(google::protobuf::Message* request);
  Result<std::unique_ptr<google::protobuf::Message>> Invoke(
      const google::protobuf::Message& request) const;
  net::HttpResponse Fail(const Status& status) const;

  CallTarget target_;
  service::CallContext context_;
  std::vector<Binding> bindings_;
  std::string query_text_;
  std::string content_type_;
  std::function<void(const CallRecord&)> record_;
  std::string body_;
  Query query_;
  // The query came as a form, see OnEnd().
  bool form_ = false;
  bool too_large_ = false;
};

// An answer that was decided before the body came. Takes a little of the body, so that a client
// which writes first and reads then gets to the answer, but not all of it.
class Refusal : public net::RequestHandler {
 public:
  static constexpr size_t kDrainLimitBytes = 1024 * 1024;
  explicit Refusal(net::HttpResponse response) : response_(std::move(response)) {}

  Where where() const override { return Where::kInline; }
  Status OnBody(std::string_view piece) override;
  net::HttpResponse OnEnd() override { return std::move(response_); }
  net::HttpResponse OnError(const Status&) override {
    response_.close = true;  // what is left of the body is not read
    return std::move(response_);
  }

 private:
  net::HttpResponse response_;
  size_t drained_ = 0;
};

}  // namespace hodei::wire::rest
