// The batch endpoint: many calls in one multipart body, each answered for itself.
// Source: https://cloud.google.com/storage/docs/batch.
#include <fmt/format.h>

#include "base/random_id.h"
#include "wire/gcs/batch.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/gcs_error.h"
#include "wire/gcs/multipart.h"
#include "wire/gcs/request.h"
#include "wire/gcs/upload.h"

namespace hodei::wire::gcs {
namespace {

struct Part {
  std::string content_id;
  std::string text;
};

class PartCollector : public MultipartSink {
 public:
  Status BeginPart(const PartHeaders& headers) override {
    if (parts.size() == kBatchCallLimit) {
      return InvalidArgument(fmt::format("The batch holds more than {} calls.", kBatchCallLimit))
          .WithReason("invalid");
    }
    parts.push_back({std::string(headers.Get("content-id")), ""});
    return OkStatus();
  }
  Status PartBytes(std::string_view bytes) override {
    parts.back().text += bytes;
    return OkStatus();
  }
  Status EndPart() override { return OkStatus(); }

  std::vector<Part> parts;
};

std::string_view StatusText(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

// "<x+1>" → "<response-x+1>". Nothing that could end the header line.
std::string ResponseId(std::string_view content_id) {
  std::string clean;
  for (const char c : content_id.substr(0, 256)) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) clean.push_back(c);
  }
  if (clean.starts_with("<")) return "<response-" + clean.substr(1);
  return "response-" + clean;
}

void AppendPart(std::string_view boundary, const Part& part, const net::HttpResponse& response,
                std::string* out) {
  out->append("--").append(boundary).append("\r\nContent-Type: application/http\r\n");
  if (!part.content_id.empty()) {
    out->append("Content-ID: ").append(ResponseId(part.content_id)).append("\r\n");
  }
  out->append(fmt::format("\r\nHTTP/1.1 {} {}\r\n", response.status, StatusText(response.status)));
  const auto* body = std::get_if<std::string>(&response.body);
  for (const auto& [name, value] : response.headers.fields()) {
    out->append(name).append(": ").append(value).append("\r\n");
  }
  const size_t size = body == nullptr ? 0 : body->size();
  if (response.status != 204 && response.status != 304) {
    out->append(fmt::format("Content-Length: {}\r\n", size));
  }
  out->append("\r\n");
  if (body != nullptr) out->append(*body);
  out->append("\r\n");
}

}  // namespace

GcsApi::Response GcsApi::Batch(const Request& request, std::string_view body) const {
  ASSIGN_OR_RETURN(const std::string boundary, ParseBoundary(request.headers.Get("Content-Type")));
  PartCollector collector;
  MultipartReader reader(boundary, &collector);
  RETURN_IF_ERROR(reader.Feed(body));
  RETURN_IF_ERROR(reader.Finish());
  const std::string reply_boundary = "batch_" + RandomId(24);
  std::string reply;
  for (const Part& part : collector.parts) {
    net::HttpResponse response;
    Request inner;
    Result<BatchedRequest> batched = ParseBatchedRequest(part.text);
    Status status = batched.status();
    if (status.ok()) {
      // The part's own Host and credential are not looked at: the batch's caller makes the calls.
      status = ParseRequest(batched->head, {}, &inner);
      inner.base_url = request.base_url;
      inner.principal = request.principal;
    }
    if (status.ok() && (inner.xml || IsUpload(inner) || inner.route.call == Call::kBatch ||
                        inner.route.call == Call::kDownload || inner.query.Get("alt") == "media")) {
      status = InvalidArgument("This call cannot be part of a batch.").WithReason("badRequest");
    }
    response = status.ok() ? Answer(inner, batched->body) : JsonError(status);
    AppendPart(reply_boundary, part, response, &reply);
  }
  reply.append("--").append(reply_boundary).append("--\r\n");
  net::HttpResponse response;
  // Unquoted and last: some clients split the header at its first '='.
  response.headers.Add("Content-Type", "multipart/mixed; boundary=" + reply_boundary);
  Harden(&response);
  response.body = std::move(reply);
  return response;
}

}  // namespace hodei::wire::gcs
