#include "wire/rest/call.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <exception>
#include <memory>
#include <utility>

#include "google/api/httpbody.pb.h"
#include "wire/json/parse_json.h"
#include "wire/json/print_json.h"
#include "wire/rest/error_envelope.h"

namespace hodei::wire::rest {
namespace {

using google::api::HttpBody;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

net::HttpResponse RawResponse(HttpBody body) {
  net::HttpResponse response = JsonResponse(200, std::move(*body.mutable_data()));
  if (!body.content_type().empty()) response.headers.Set("Content-Type", body.content_type());
  return response;
}

}  // namespace

Call::Call(const CallTarget& target, service::CallContext context, std::vector<Binding> bindings,
           const net::RequestHead& head, std::function<void(const CallRecord&)> record)
    : target_(target),
      context_(std::move(context)),
      bindings_(std::move(bindings)),
      query_text_(head.query()),
      content_type_(head.headers.Get("Content-Type")),
      record_(std::move(record)),
      form_(head.method == "POST" && target_.route->verb == "GET" &&
            content_type_.starts_with("application/x-www-form-urlencoded")) {
  if (head.content_length && *head.content_length <= target_.body_limit_bytes) {
    body_.reserve(*head.content_length);
  }
}

Status Call::OnBody(std::string_view piece) {
  if (body_.size() + piece.size() > target_.body_limit_bytes) {
    too_large_ = true;
    return ResourceExhausted("request body over the limit");
  }
  body_ += piece;
  return OkStatus();
}

net::HttpResponse Call::OnEnd() {
  // google-api-python-client sends a GET whose query is long as an overridden POST of a form.
  if (form_) query_text_ += (query_text_.empty() ? "" : "&") + body_;
  Result<net::HttpResponse> response = Answer();
  if (!response.ok()) return Fail(response.status());
  return std::move(response).value();
}

net::HttpResponse Call::OnError(const Status& status) {
  if (!too_large_) return Fail(status);
  const std::string message =
      fmt::format("Request payload size exceeds the limit: {} bytes.", target_.body_limit_bytes);
  record_({context_.request_id, target_.route->method->full_name(), context_.principal.email,
           InvalidArgument(message)});
  net::HttpResponse response = ErrorResponse(413, message, WantsPretty(query_text_));
  response.close = true;
  return response;
}

Result<net::HttpResponse> Call::Answer() {
  ASSIGN_OR_RETURN(query_, ParseQuery(query_text_));
  const std::unique_ptr<Message> request(MessageFactory::generated_factory()
                                             ->GetPrototype(target_.route->method->input_type())
                                             ->New());
  RETURN_IF_ERROR(Fill(request.get()));
  ASSIGN_OR_RETURN(const std::unique_ptr<Message> response, Invoke(*request));
  if (response->GetDescriptor() == HttpBody::descriptor()) {
    return RawResponse(std::move(static_cast<HttpBody&>(*response)));
  }
  return JsonResponse(
      200, PrintJson(*response, {.pretty = query_.pretty_print, .fields = &query_.fields}));
}

Status Call::Fill(Message* request) {
  RETURN_IF_ERROR(FillBody(request));
  RETURN_IF_ERROR(BindQuery(query_, target_.route->body, request));
  for (const Binding& binding : bindings_) BindPath(binding.field, binding.value, request);
  return OkStatus();
}

Status Call::FillBody(Message* request) {
  const std::string& body = target_.route->body;
  if (body.empty()) return OkStatus();
  if (body == "*") return body_.empty() ? OkStatus() : ParseJson(body_, request);
  const auto* field = request->GetDescriptor()->FindFieldByName(body);
  Message* part = request->GetReflection()->MutableMessage(request, field);
  if (part->GetDescriptor() == HttpBody::descriptor()) {
    auto& raw = static_cast<HttpBody&>(*part);
    raw.set_content_type(content_type_);
    raw.set_data(std::move(body_));
    return OkStatus();
  }
  return body_.empty() ? OkStatus() : ParseJson(body_, part, {.path = body});
}

Result<std::unique_ptr<Message>> Call::Invoke(const Message& request) const {
  // Our own code returns errors; what is thrown here comes from a library and from lack of memory.
  try {
    return (*target_.method)(context_, request);
  } catch (const std::exception& error) {
    return Internal(
        fmt::format("exception in {}: {}", target_.route->method->full_name(), error.what()));
  }
}

net::HttpResponse Call::Fail(const Status& status) const {
  record_(
      {context_.request_id, target_.route->method->full_name(), context_.principal.email, status});
  return ErrorResponse(ForClient(status, context_.request_id), WantsPretty(query_text_));
}

Status Refusal::OnBody(std::string_view piece) {
  drained_ += piece.size();
  return drained_ > kDrainLimitBytes ? ResourceExhausted("the answer does not need the body")
                                     : OkStatus();
}

}  // namespace hodei::wire::rest
