#include "wire/gcs/session_upload.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/encoding.h"
#include "wire/gcs/content_range.h"
#include "wire/gcs/customer_key.h"
#include "wire/gcs/gcs_error.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/upload.h"

namespace hodei::wire::gcs {
namespace {

using google::storage::v1::Object;

// The client closed the request: what Cloud Storage answers to a cancel.
constexpr int kClientClosedRequest = 499;

Result<store::UploadStart> ReadStart(const Request& request, std::string_view body) {
  store::UploadStart start;
  start.principal = std::string(request.SessionOwner());
  Object& object = start.object;
  if (request.xml) {
    RETURN_IF_ERROR(ReadXmlHeaders(request.headers, &object));
    object.set_name(request.route.object);
  } else {
    ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
    RETURN_IF_ERROR(ReadObject(json, /*merge=*/false, &object));
    RETURN_IF_ERROR(ReadExpected(json, &start.expected));
    if (const auto name = json.find("name"); name != json.end() && name->is_string()) {
      object.set_name(name->get<std::string>());
    }
    if (!request.query.Get("name").empty()) object.set_name(request.query.Get("name"));
    const std::string_view type = request.headers.Get("X-Upload-Content-Type");
    if (object.content_type().empty()) object.set_content_type(std::string(type));
    if (!request.query.Get("contentEncoding").empty()) {
      object.set_content_encoding(request.query.Get("contentEncoding"));
    }
  }
  object.set_bucket(request.route.bucket);
  if (object.name().empty()) {
    return InvalidArgument("Required parameter: name").WithReason("required");
  }
  ASSIGN_OR_RETURN(start.preconditions, request.Preconditions());
  const std::string_view length = request.headers.Get("X-Upload-Content-Length");
  if (!length.empty()) {
    start.expected.size = ParseUint64(length);
    if (!start.expected.size) {
      return InvalidArgument("Invalid value for header X-Upload-Content-Length.")
          .WithReason("invalid");
    }
  }
  for (const std::string_view header : request.headers.GetAll("x-goog-hash")) {
    RETURN_IF_ERROR(ReadHashHeader(header, &start.expected));
  }
  return start;
}

Result<net::HttpResponse> AnswerStart(const GcsApi& api, const Request& request,
                                      std::string_view body) {
  ASSIGN_OR_RETURN(const google::storage::v1::Bucket bucket,
                   api.Allow(request, request.route.bucket, "storage.objects.create"));
  ASSIGN_OR_RETURN(store::UploadStart start, ReadStart(request, body));
  RETURN_IF_ERROR(ApplyObjectAcl(bucket, request.PredefinedAcl(), &start.object));
  RETURN_IF_ERROR(TakeCustomerKey(request.headers, &start.object));
  ASSIGN_OR_RETURN(const std::string id, api.store().StartUpload(start));
  net::HttpResponse response = EmptyResponse(request.xml ? 201 : 200);
  response.headers.Add(
      "Location",
      request.xml ? fmt::format("{}{}?upload_id={}", request.base_url, request.path, id)
                  : fmt::format("{}{}?uploadType=resumable&name={}&upload_id={}", request.base_url,
                                request.path, PercentEncode(start.object.name()), id));
  response.headers.Add("X-GUploader-UploadID", id);
  response.headers.Add("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
  return response;
}

class SessionRequest : public net::RequestHandler {
 public:
  SessionRequest(const GcsApi& api, std::shared_ptr<Request> request,
                 std::optional<uint64_t> content_length)
      : api_(api), request_(std::move(request)), content_length_(content_length) {}

  Status OnBody(std::string_view piece) override {
    RETURN_IF_ERROR(BeginOnce());
    const Status fits = CheckRoom(piece.size());
    if (!fits.ok()) return fits;
    RETURN_IF_ERROR(api_.store().AppendUpload(id(), principal(), offset_, piece));
    offset_ += piece.size();
    received_ += piece.size();
    return OkStatus();
  }

  net::HttpResponse OnEnd() override {
    Status status = BeginOnce();
    if (!status.ok()) return Fail(status);
    if (request_->method == "DELETE") return Cancel();
    Result<net::HttpResponse> response = Finish();
    return response.ok() ? *std::move(response) : Fail(response.status());
  }

  net::HttpResponse OnError(const Status& status) override { return Fail(status); }

 private:
  std::string_view id() const { return request_->query.Get("upload_id"); }
  std::string_view principal() const { return request_->SessionOwner(); }
  net::HttpResponse Fail(const Status& status) const { return GcsApi::ErrorFor(*request_, status); }

  Status BeginOnce() {
    if (begun_) return begin_status_;
    begun_ = true;
    begin_status_ = Begin();
    return begin_status_;
  }

  Status Begin() {
    ASSIGN_OR_RETURN(range_, ParseUploadRange(request_->headers.Get("Content-Range")));
    for (const std::string_view header : request_->headers.GetAll("x-goog-hash")) {
      RETURN_IF_ERROR(ReadHashHeader(header, &expected_));
    }
    if (request_->method == "DELETE") return OkStatus();
    if (range_.kind == UploadRange::Kind::kQuery && content_length_.value_or(0) > 0) {
      return InvalidArgument("A status query has no body.").WithReason("badRequest");
    }
    offset_ = range_.first;
    return OkStatus();
  }

  // A body longer than its Content-Range says is a client's mistake; nothing past it is stored.
  Status CheckRoom(size_t bytes) const {
    const auto too_long = [] {
      return InvalidArgument("The body is longer than Content-Range says.")
          .WithReason("badRequest");
    };
    if (range_.kind == UploadRange::Kind::kQuery && bytes > 0) return too_long();
    if (range_.kind == UploadRange::Kind::kChunk &&
        received_ + bytes > range_.last - range_.first + 1) {
      return too_long();
    }
    return OkStatus();
  }

  net::HttpResponse Cancel() {
    const Status status = api_.store().CancelUpload(id(), principal());
    return status.ok() ? EmptyResponse(kClientClosedRequest) : Fail(status);
  }

  Result<net::HttpResponse> Finish() {
    const UploadRange::Kind kind = range_.kind;
    if (kind == UploadRange::Kind::kChunk && received_ != range_.last - range_.first + 1) {
      return InvalidArgument("The body is shorter than Content-Range says.")
          .WithReason("badRequest");
    }
    // A whole object without Content-Range is exactly the body; a retry of one finds it finished.
    if (kind == UploadRange::Kind::kWhole) return Complete(offset_);
    if (kind == UploadRange::Kind::kOpenEnd && (!range_.total || *range_.total == offset_)) {
      return Complete(offset_);
    }
    if (kind == UploadRange::Kind::kChunk && range_.IsFinal()) return Complete(*range_.total);
    ASSIGN_OR_RETURN(const store::UploadStatus status, api_.store().GetUpload(id(), principal()));
    if (status.object) return Created(*status.object);
    if (kind == UploadRange::Kind::kQuery && range_.total == status.stored_bytes) {
      return Complete(status.stored_bytes);
    }
    return Incomplete(status.stored_bytes);
  }

  Result<net::HttpResponse> Complete(uint64_t total) {
    ASSIGN_OR_RETURN(const Object object,
                     api_.store().FinishUpload(id(), principal(), total, expected_));
    return Created(object);
  }

  Result<net::HttpResponse> Created(const Object& object) const {
    std::string body;
    PrintObject(object, request_->Context(), request_->fields, &body);
    return JsonResponse(std::move(body));
  }

  // 308 Resume Incomplete. Some clients' HTTP libraries take 308 for a redirect and ask to be told
  // otherwise.
  net::HttpResponse Incomplete(uint64_t stored) const {
    const bool no_308 = request_->headers.Get("X-GUploader-No-308") == "yes";
    net::HttpResponse response = EmptyResponse(no_308 ? 200 : 308);
    if (no_308) response.headers.Add("X-HTTP-Status-Code-Override", "308");
    if (stored > 0) response.headers.Add("Range", fmt::format("bytes=0-{}", stored - 1));
    response.headers.Add("X-GUploader-UploadID", std::string(id()));
    return response;
  }

  const GcsApi& api_;
  const std::shared_ptr<Request> request_;
  const std::optional<uint64_t> content_length_;
  bool begun_ = false;
  Status begin_status_;
  UploadRange range_;
  store::ExpectedContent expected_;
  uint64_t offset_ = 0;
  uint64_t received_ = 0;
};

}  // namespace

std::unique_ptr<net::RequestHandler> StartSession(const GcsApi& api,
                                                  std::shared_ptr<Request> request) {
  return net::CollectBody(
      kMetadataLimitBytes, net::RequestHandler::Where::kPool,
      [&api, request](const std::string& body) {
        Result<net::HttpResponse> response = AnswerStart(api, *request, body);
        return response.ok() ? *std::move(response) : GcsApi::ErrorFor(*request, response.status());
      },
      [request](const Status& status) { return GcsApi::ErrorFor(*request, status); });
}

std::unique_ptr<net::RequestHandler> ContinueSession(const GcsApi& api,
                                                     std::shared_ptr<Request> request,
                                                     const net::RequestHead& head) {
  return std::make_unique<SessionRequest>(api, std::move(request), head.content_length);
}

}  // namespace hodei::wire::gcs
