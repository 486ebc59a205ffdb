#include "wire/gcs/gcs_api.h"

#include <fmt/format.h>

#include "domain/access/bucket_access.h"
#include "domain/access/denial.h"
#include "wire/gcs/caller.h"
#include "wire/gcs/cors.h"
#include "wire/gcs/form_upload.h"
#include "wire/gcs/gcs_error.h"
#include "wire/gcs/payload_check.h"
#include "wire/gcs/request.h"
#include "wire/gcs/upload.h"

namespace hodei::wire::gcs {
namespace {

// Knows the answer already; an error takes the body and forgets it.
class AnsweredHandler : public net::RequestHandler {
 public:
  explicit AnsweredHandler(net::HttpResponse response) : response_(std::move(response)) {}
  Where where() const override { return Where::kInline; }
  // Stops the peer from sending what nobody will read.
  Status OnBody(std::string_view) override { return InvalidArgument("refused"); }
  net::HttpResponse OnEnd() override { return std::move(response_); }
  net::HttpResponse OnError(const Status&) override { return std::move(response_); }

 private:
  net::HttpResponse response_;
};

std::unique_ptr<net::RequestHandler> Fail(const Request& request, const Status& status) {
  return std::make_unique<AnsweredHandler>(GcsApi::ErrorFor(request, status));
}

}  // namespace

GcsApi::GcsApi(Parts parts) : parts_(std::move(parts)) {}

bool GcsApi::Owns(const net::RequestHead& head) const {
  return IsStorageRoot(head.path()) || !VirtualBucket(head.host, parts_.virtual_host_bases).empty();
}

net::HttpResponse GcsApi::ErrorFor(const Request& request, const Status& status) {
  net::HttpResponse response =
      request.xml ? XmlError(status, request.route.call == Call::kXmlObject) : JsonError(status);
  if (request.method == "HEAD") {
    if (const auto* body = std::get_if<std::string>(&response.body)) {
      response.content_length_of_head = body->size();
      response.body = std::string();
    }
  }
  return response;
}

std::unique_ptr<net::RequestHandler> GcsApi::Start(const net::RequestHead& head) const {
  auto request = std::make_shared<Request>();
  const Status parsed = ParseRequest(head, parts_.virtual_host_bases, request.get());
  const Result<std::string> payload_sha256 =
      IdentifyCaller(head,
                     {.authenticator = parts_.authenticator,
                      .keys = parsed.ok() ? parts_.signature_keys : nullptr,
                      .now = parts_.clock->Now()},
                     request.get());
  const bool from_page = request->headers.Has("Origin") && !request->route.bucket.empty();
  const auto finished = [&](std::unique_ptr<net::RequestHandler> handler) {
    return from_page ? AddCorsHeaders(std::move(handler), request, parts_.store)
                     : std::move(handler);
  };
  if (!payload_sha256.ok()) return finished(Fail(*request, payload_sha256.status()));
  if (!parsed.ok()) {
    return Fail(*request, request->principal.anonymous ? access::UnauthenticatedCaller() : parsed);
  }
  if (request->xml) AdoptAmazonHeaders(request.get());
  if (!from_page && !head.has_body && payload_sha256->empty()) {
    if (std::optional<net::HttpResponse> now = AnswerNow(*request)) {
      return std::make_unique<AnsweredHandler>(*std::move(now));
    }
  }
  std::unique_ptr<net::RequestHandler> handler = Handle(request, head);
  if (payload_sha256->empty()) return finished(std::move(handler));
  return finished(CheckPayload(std::move(handler), request, *payload_sha256));
}

std::unique_ptr<net::RequestHandler> GcsApi::Handle(std::shared_ptr<Request> request,
                                                    const net::RequestHead& head) const {
  if (request->method == "OPTIONS" && !request->route.bucket.empty()) {
    return net::CollectBody(
        kMetadataLimitBytes, net::RequestHandler::Where::kPool,
        [this, request](const std::string&) { return AnswerPreflight(*request, parts_.store); },
        [request](const Status& status) { return ErrorFor(*request, status); });
  }
  // A form says who sends it in its body.
  if (IsFormUpload(*request)) return StartFormUpload(*this, std::move(request));
  const bool reading = request->method == "GET" || request->method == "HEAD";
  const bool upload = IsUpload(*request);
  const bool by_session = upload && request->query.Has("upload_id");
  // Without a credential there is only reading what is public, and going on with a session whose
  // URL is the credential.
  if (request->principal.anonymous && (upload ? !by_session : !reading)) {
    return Fail(*request, access::UnauthenticatedCaller());
  }
  if (request->route.call == Call::kUnknown) {
    return Fail(*request, request->principal.anonymous
                              ? access::UnauthenticatedCaller()
                              : NotFound("Not Found").WithReason("notFound"));
  }
  if (upload) return StartUpload(*this, std::move(request), head);
  const bool batch = request->route.call == Call::kBatch;
  return net::CollectBody(
      batch ? kBatchLimitBytes : (request->xml ? kXmlLimitBytes : kMetadataLimitBytes),
      net::RequestHandler::Where::kPool,
      [this, request](const std::string& body) { return Answer(*request, body); },
      [request](const Status& status) {
        return ErrorFor(
            *request,
            status.code() == Code::kResourceExhausted
                ? InvalidArgument("The request body is too large.").WithReason("uploadTooLarge")
                : status);
      });
}

net::HttpResponse GcsApi::Answer(const Request& request, std::string_view body) const {
  Response response = Dispatch(request, body);
  return response.ok() ? *std::move(response) : ErrorFor(request, response.status());
}

Result<google::storage::v1::Bucket> GcsApi::Allow(const Request& request, std::string_view bucket,
                                                  std::string_view permission) const {
  Result<google::storage::v1::Bucket> found = parts_.store->GetBucket(bucket);
  const access::Principal& caller = request.principal;
  if (!found.ok()) return caller.anonymous ? access::UnauthenticatedCaller() : found.status();
  const access::Authorizer& authorizer = *parts_.authorizer;
  const Status allowed = access::CheckBucket(authorizer, caller, *found, permission);
  if (allowed.ok()) return found;
  if (allowed.code() != Code::kPermissionDenied) return allowed;
  // Whoever may not even see the bucket must not learn that it is there (T5).
  if (!access::CheckBucket(authorizer, caller, *found, "storage.objects.list").ok() &&
      !access::CheckBucket(authorizer, caller, *found, "storage.objects.get").ok()) {
    return NotFound("The specified bucket does not exist.").WithReason("notFound");
  }
  return PermissionDenied(
             fmt::format("{} does not have {} access to the Google Cloud Storage bucket. "
                         "Permission '{}' denied on resource (or it may not exist).",
                         caller.email, permission, permission))
      .WithReason("forbidden");
}

Result<google::storage::v1::Bucket> GcsApi::AllowRead(const Request& request,
                                                      std::string_view bucket,
                                                      std::string_view object,
                                                      std::optional<int64_t> generation) const {
  Result<google::storage::v1::Bucket> allowed = Allow(request, bucket, "storage.objects.get");
  if (allowed.ok()) return allowed;
  Result<google::storage::v1::Bucket> found = parts_.store->GetBucket(bucket);
  if (!found.ok()) return allowed;
  const Result<google::storage::v1::Object> stored =
      parts_.store->GetObject(bucket, object, generation);
  if (stored.ok() && access::IsPublicObject(request.principal, *found, *stored)) return found;
  return allowed;
}

GcsApi::Response GcsApi::Dispatch(const Request& request, std::string_view body) const {
  switch (request.route.call) {
    case Call::kUnknown:
      return NotFound("Not Found").WithReason("notFound");
    case Call::kBatch:
      return Batch(request, body);
    case Call::kXmlService:
    case Call::kXmlBucket:
    case Call::kXmlObject:
      return Xml(request, body);
    case Call::kListObjects:
    case Call::kInsertObject:
    case Call::kGetObject:
    case Call::kDownload:
    case Call::kPatchObject:
    case Call::kUpdateObject:
    case Call::kDeleteObject:
    case Call::kCompose:
    case Call::kRewrite:
    case Call::kCopy:
    case Call::kMove:
    case Call::kRestore:
    case Call::kObjectAcl:
      return DispatchObject(request, body);
    default:
      return DispatchBucket(request, body);
  }
}

GcsApi::Response GcsApi::DispatchBucket(const Request& request, std::string_view body) const {
  switch (request.route.call) {
    case Call::kListBuckets:
      return ListBuckets(request);
    case Call::kInsertBucket:
      return InsertBucket(request, body);
    case Call::kGetBucket:
      return GetBucket(request);
    case Call::kPatchBucket:
    case Call::kUpdateBucket:
      return EditBucket(request, body);
    case Call::kDeleteBucket:
      return DeleteBucket(request);
    case Call::kStorageLayout:
      return StorageLayout(request);
    case Call::kEmptyList:
      return EmptyList(request, request.route.rest);
    case Call::kAbsentChild:
      return AbsentChild(request);
    case Call::kNotifications:
      return Notifications(request, body);
    case Call::kGetBucketPolicy:
      return GetPolicy(request);
    case Call::kSetBucketPolicy:
      return SetPolicy(request, body);
    case Call::kTestBucketPermissions:
      return TestPermissions(request);
    case Call::kLockRetention:
      return LockRetention(request);
    case Call::kBucketAcl:
    case Call::kDefaultObjectAcl:
      return BucketAcl(request, body);
    case Call::kServiceAccount:
      return ServiceAccount(request);
    case Call::kHmacKeys:
      return HmacKeys(request, body);
    default:
      return NotFound("Not Found").WithReason("notFound");
  }
}

GcsApi::Response GcsApi::DispatchObject(const Request& request, std::string_view body) const {
  switch (request.route.call) {
    case Call::kListObjects:
      return ListObjects(request);
    case Call::kInsertObject:
      return InvalidArgument("Use the upload URI to insert objects.")
          .WithReason("wrongUrlForUpload");
    case Call::kGetObject:
      return request.query.Get("alt") == "media" ? Download(request) : GetObject(request);
    case Call::kDownload:
      return Download(request);
    case Call::kPatchObject:
    case Call::kUpdateObject:
      return EditObject(request, body);
    case Call::kDeleteObject:
      return DeleteObject(request);
    case Call::kCompose:
      return Compose(request, body);
    case Call::kRewrite:
    case Call::kCopy:
      return Copy(request, body);
    case Call::kMove:
      return Move(request, body);
    case Call::kRestore:
      return Restore(request);
    case Call::kObjectAcl:
      return ObjectAcl(request, body);
    default:
      return Unimplemented("This call is not implemented.");
  }
}

}  // namespace hodei::wire::gcs
