#include "wire/rest/error_envelope.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>

#include <utility>

#include "google/rpc/error_details.pb.h"
#include "wire/json/print_json.h"

namespace hodei::wire::rest {
namespace {

// The envelope is written by hand: its order is part of what people know, and a Struct would sort
// it.
class EnvelopeWriter {
 public:
  explicit EnvelopeWriter(bool pretty) : pretty_(pretty) {}

  std::string Write(int code, const Status& status) {
    out_ += '{';
    Line(1, "\"error\":", "{");
    Line(2, "\"code\":", std::to_string(code) + ",");
    std::string message;
    AppendJsonString(status.message(), &message);
    Line(2, "\"message\":", message + ",");
    const bool details = !status.violations().empty() || !status.reason().empty();
    Line(2, "\"status\":", fmt::format("\"{}\"{}", CodeName(status.code()), details ? "," : ""));
    if (details) Details(status);
    Line(1, "}", "");
    Line(0, "}", "");
    if (pretty_) out_ += '\n';
    return std::move(out_);
  }

 private:
  void Line(int level, std::string_view name, std::string_view value) {
    if (pretty_) {
      out_ += '\n';
      out_.append(static_cast<size_t>(level) * 2, ' ');
    }
    out_ += name;
    if (pretty_ && name.ends_with(':')) out_ += ' ';
    out_ += value;
  }

  void Details(const Status& status) {
    Line(2, "\"details\":", "[");
    const bool both = !status.violations().empty() && !status.reason().empty();
    if (!status.violations().empty()) {
      google::rpc::BadRequest request;
      for (const FieldViolation& violation : status.violations()) {
        auto& out = *request.add_field_violations();
        out.set_field(violation.field);
        out.set_description(violation.description);
      }
      Detail(request, both);
    }
    if (!status.reason().empty()) {
      google::rpc::ErrorInfo info;
      info.set_reason(status.reason());
      info.set_domain("hodei");
      Detail(info, false);
    }
    Line(2, "]", "");
  }

  template <typename Message>
  void Detail(const Message& detail, bool comma) {
    const std::string url = "type.googleapis.com/" + detail.GetDescriptor()->full_name();
    const std::string body = PrintJson(detail, {.pretty = pretty_});
    Line(3, "{", "");
    Line(4, "\"@type\":", fmt::format("\"{}\",", url));
    // The fields of `detail`, without its braces, indented into place.
    std::string_view inside = body;
    inside.remove_prefix(1);
    inside.remove_suffix(pretty_ ? 3 : 1);  // "\n}\n"
    for (char c : inside) {
      out_ += c;
      if (c == '\n') out_ += "      ";
    }
    Line(3, "}", comma ? "," : "");
  }

  bool pretty_;
  std::string out_;
};

// A full disk is the server's trouble, not the caller's quota.
int HttpStatusOf(const Status& status) {
  return status.reason() == "diskFull" ? 507 : HttpStatus(status.code());
}

}  // namespace

std::string ErrorBody(const Status& status, bool pretty) {
  return EnvelopeWriter(pretty).Write(HttpStatusOf(status), status);
}

net::HttpResponse JsonResponse(int http_status, std::string body) {
  net::HttpResponse response;
  response.status = http_status;
  response.headers.Add("Content-Type", "application/json; charset=UTF-8");
  response.headers.Add("Cache-Control", "private");
  response.headers.Add("X-Content-Type-Options", "nosniff");
  response.body = std::move(body);
  return response;
}

net::HttpResponse ErrorResponse(const Status& status, bool pretty) {
  net::HttpResponse response = JsonResponse(HttpStatusOf(status), ErrorBody(status, pretty));
  if (response.status == 503 || response.status == 507) response.headers.Add("Retry-After", "1");
  if (response.status == 401) {
    response.headers.Add("WWW-Authenticate", "Bearer realm=\"hodei\"");
  }
  return response;
}

net::HttpResponse ErrorResponse(int http_status, const std::string& message, bool pretty) {
  Code code = CodeFromHttpStatus(http_status);
  // 413, 414, 431 …: the request is at fault.
  if (code == Code::kUnknown && http_status < 500) code = Code::kInvalidArgument;
  const Status status(code, message);
  return JsonResponse(http_status, EnvelopeWriter(pretty).Write(http_status, status));
}

Status ForClient(const Status& status, const std::string& request_id) {
  switch (status.code()) {
    case Code::kInternal:
    case Code::kUnknown:
    case Code::kDataLoss:
      return Status(status.code(),
                    fmt::format("Internal error encountered. Request id: {}.", request_id));
    default:
      return status;
  }
}

}  // namespace hodei::wire::rest
