#include "wire/gcs/upload.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/encoding.h"
#include "wire/gcs/customer_key.h"
#include "wire/gcs/gcs_error.h"
#include "wire/gcs/gunzip.h"
#include "wire/gcs/multipart.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/session_upload.h"
#include "wire/gcs/xml_multipart.h"

namespace hodei::wire::gcs {
namespace {

using google::storage::v1::Object;

// A handler whose body streams. Begin() runs once, on the pool, before the first byte or at the
// end.
class StreamingUpload : public net::RequestHandler {
 public:
  StreamingUpload(const GcsApi& api, std::shared_ptr<Request> request)
      : api_(api), request_(std::move(request)) {}

  Status OnBody(std::string_view piece) final {
    RETURN_IF_ERROR(BeginOnce());
    if (!gunzip_) return Take(piece);
    return gunzip_->Feed(piece, [this](std::string_view bytes) { return Take(bytes); });
  }

  net::HttpResponse OnEnd() final {
    Status status = BeginOnce();
    if (status.ok() && gunzip_) status = gunzip_->Finish();
    if (!status.ok()) return GcsApi::ErrorFor(*request_, status);
    Result<net::HttpResponse> response = End();
    return response.ok() ? *std::move(response) : GcsApi::ErrorFor(*request_, response.status());
  }

  net::HttpResponse OnError(const Status& status) final {
    return GcsApi::ErrorFor(*request_, status);
  }

 protected:
  virtual Status Begin() = 0;
  virtual Status Take(std::string_view bytes) = 0;
  virtual Result<net::HttpResponse> End() = 0;

  // The whole request body is gzipped in transit; the object is what is inside.
  void InflateBody() { gunzip_.emplace(store::kObjectSizeLimit); }

  Result<net::HttpResponse> Created(const Object& object) const {
    std::string body;
    PrintObject(object, request_->Context(), request_->fields, &body);
    return JsonResponse(std::move(body));
  }

  const GcsApi& api_;
  const std::shared_ptr<Request> request_;
  // Filled by Begin() and, for multipart, the first part.
  Object object_;
  store::Preconditions preconditions_;
  store::ExpectedContent expected_;
  std::unique_ptr<store::ObjectWriter> writer_;

 private:
  Status BeginOnce() {
    if (!begun_) {
      begun_ = true;
      begin_status_ = Begin();
    }
    return begin_status_;
  }

  bool begun_ = false;
  Status begin_status_;
  std::optional<Gunzip> gunzip_;
};

// What the request's headers promise of the bytes.
Status ReadBodyHashes(const Request& request, store::ExpectedContent* expected) {
  for (const std::string_view header : request.headers.GetAll("x-goog-hash")) {
    RETURN_IF_ERROR(ReadHashHeader(header, expected));
  }
  const std::string_view md5 = request.headers.Get("Content-MD5");
  return md5.empty() ? OkStatus() : ReadHashHeader(fmt::format("md5={}", md5), expected);
}

// What is common to all inserts by query: name, encoding, preconditions, hashes in headers.
Status ReadInsertParameters(const Request& request, Object* object,
                            store::Preconditions* preconditions, store::ExpectedContent* expected) {
  object->set_bucket(request.route.bucket);
  if (!request.query.Get("name").empty()) object->set_name(request.query.Get("name"));
  if (!request.query.Get("kmsKeyName").empty()) {
    object->set_kms_key_name(request.query.Get("kmsKeyName"));
  }
  ASSIGN_OR_RETURN(*preconditions, request.Preconditions());
  return ReadBodyHashes(request, expected);
}

// Fails early what would fail at the end: the body need not be sent for nothing.
// The object's access list is settled here too, since that takes the bucket.
Status CheckEarly(const GcsApi& api, const Request& request,
                  const store::Preconditions& preconditions, Object* object) {
  ASSIGN_OR_RETURN(const google::storage::v1::Bucket bucket,
                   api.Allow(request, request.route.bucket, "storage.objects.create"));
  if (object->name().empty()) {
    return InvalidArgument("Required parameter: name").WithReason("required");
  }
  RETURN_IF_ERROR(ApplyObjectAcl(bucket, request.PredefinedAcl(), object));
  RETURN_IF_ERROR(TakeCustomerKey(request.headers, object));
  if (preconditions.if_generation_match == 0 &&
      api.store().GetObject(object->bucket(), object->name()).ok()) {
    return FailedPrecondition("At least one of the pre-conditions you specified did not hold.")
        .WithReason("conditionNotMet");
  }
  return OkStatus();
}

class SimpleUpload : public StreamingUpload {
 public:
  using StreamingUpload::StreamingUpload;

 protected:
  Status Begin() override {
    const Request& request = *request_;
    RETURN_IF_ERROR(ReadInsertParameters(request, &object_, &preconditions_, &expected_));
    object_.set_content_type(std::string(request.headers.Get("Content-Type")));
    object_.set_content_encoding(request.query.Get("contentEncoding"));
    RETURN_IF_ERROR(CheckEarly(api_, request, preconditions_, &object_));
    ASSIGN_OR_RETURN(writer_, api_.store().NewWriter());
    return OkStatus();
  }
  Status Take(std::string_view bytes) override { return writer_->Append(bytes); }
  Result<net::HttpResponse> End() override {
    ASSIGN_OR_RETURN(const Object object, writer_->Commit(object_, preconditions_, expected_));
    return Created(object);
  }
};

class MultipartUpload : public StreamingUpload, public MultipartSink {
 public:
  using StreamingUpload::StreamingUpload;

 protected:
  Status Begin() override {
    const Request& request = *request_;
    RETURN_IF_ERROR(api_.Allow(request, request.route.bucket, "storage.objects.create").status());
    ASSIGN_OR_RETURN(const std::string boundary,
                     ParseBoundary(request.headers.Get("Content-Type")));
    reader_.emplace(boundary, this);
    if (request.headers.Get("Content-Encoding") == "gzip") InflateBody();
    return OkStatus();
  }
  Status Take(std::string_view bytes) override { return reader_->Feed(bytes); }
  Result<net::HttpResponse> End() override {
    RETURN_IF_ERROR(reader_->Finish());
    if (parts_ != 2) {
      return InvalidArgument("Multipart must contain exactly two non-empty body parts.")
          .WithReason("badRequest");
    }
    ASSIGN_OR_RETURN(const Object object, writer_->Commit(object_, preconditions_, expected_));
    return Created(object);
  }

 private:
  Status BeginPart(const PartHeaders& headers) override {
    ++parts_;
    if (parts_ == 1) return OkStatus();
    if (parts_ > 2) {
      return InvalidArgument("Multipart must contain exactly two non-empty body parts.")
          .WithReason("badRequest");
    }
    if (object_.content_type().empty()) {
      object_.set_content_type(std::string(headers.Get("content-type")));
    }
    ASSIGN_OR_RETURN(writer_, api_.store().NewWriter());
    return OkStatus();
  }

  Status PartBytes(std::string_view bytes) override {
    if (parts_ == 2) return writer_->Append(bytes);
    if (metadata_.size() + bytes.size() > kMetadataLimitBytes) {
      return InvalidArgument("The metadata part is too large.").WithReason("uploadTooLarge");
    }
    metadata_ += bytes;
    return OkStatus();
  }

  Status EndPart() override {
    if (parts_ != 1) return OkStatus();
    ASSIGN_OR_RETURN(const Json json, ParseJsonObject(metadata_));
    RETURN_IF_ERROR(ReadObject(json, /*merge=*/false, &object_));
    RETURN_IF_ERROR(ReadExpected(json, &expected_));
    if (const auto name = json.find("name"); name != json.end() && name->is_string()) {
      object_.set_name(name->get<std::string>());
    }
    RETURN_IF_ERROR(ReadInsertParameters(*request_, &object_, &preconditions_, &expected_));
    return CheckEarly(api_, *request_, preconditions_, &object_);
  }

  std::optional<MultipartReader> reader_;
  int parts_ = 0;
  std::string metadata_;
};

// PUT /BUCKET/OBJECT of the XML API.
class XmlUpload : public StreamingUpload {
 public:
  using StreamingUpload::StreamingUpload;

 protected:
  Status Begin() override {
    const Request& request = *request_;
    object_.set_bucket(request.route.bucket);
    object_.set_name(request.route.object);
    RETURN_IF_ERROR(ReadXmlHeaders(request.headers, &object_));
    ASSIGN_OR_RETURN(preconditions_, request.Preconditions());
    RETURN_IF_ERROR(ReadBodyHashes(request, &expected_));
    RETURN_IF_ERROR(CheckEarly(api_, request, preconditions_, &object_));
    ASSIGN_OR_RETURN(writer_, api_.store().NewWriter());
    return OkStatus();
  }
  Status Take(std::string_view bytes) override { return writer_->Append(bytes); }
  Result<net::HttpResponse> End() override {
    ASSIGN_OR_RETURN(const Object object, writer_->Commit(object_, preconditions_, expected_));
    net::HttpResponse response = EmptyResponse(200);
    response.headers.Add("ETag", fmt::format("\"{}\"", HexEncode(object.md5_hash())));
    response.headers.Add("x-goog-generation", std::to_string(object.generation()));
    response.headers.Add("x-goog-metageneration", "1");
    response.headers.Add("x-goog-hash", fmt::format("crc32c={},md5={}", CrcText(object.crc32c()),
                                                    Base64Encode(object.md5_hash())));
    response.headers.Add("x-goog-stored-content-length", std::to_string(object.size()));
    response.headers.Add("x-goog-stored-content-encoding", "identity");
    return response;
  }
};

// PUT /BUCKET/OBJECT?partNumber=N&uploadId=ID: one part of a multipart upload.
class XmlPartUpload : public StreamingUpload {
 public:
  using StreamingUpload::StreamingUpload;

 protected:
  Status Begin() override {
    const Request& request = *request_;
    ASSIGN_OR_RETURN(number_, PartNumberOf(request));
    RETURN_IF_ERROR(
        api_.Allow(request, request.route.bucket, "storage.multipartUploads.create").status());
    RETURN_IF_ERROR(api_.Allow(request, request.route.bucket, "storage.objects.create").status());
    RETURN_IF_ERROR(ReadBodyHashes(request, &expected_));
    // A body for an upload that is not there need not be sent.
    RETURN_IF_ERROR(api_.store().ListParts(MultipartKeyOf(request), 0, 1).status());
    ASSIGN_OR_RETURN(writer_, api_.store().NewWriter());
    return OkStatus();
  }
  Status Take(std::string_view bytes) override { return writer_->Append(bytes); }
  Result<net::HttpResponse> End() override {
    ASSIGN_OR_RETURN(const store::MultipartPart part,
                     writer_->CommitPart(MultipartKeyOf(*request_), number_, expected_));
    net::HttpResponse response = EmptyResponse(200);
    response.headers.Add("ETag", fmt::format("\"{}\"", HexEncode(part.md5)));
    response.headers.Add("x-goog-hash", fmt::format("crc32c={},md5={}", CrcText(part.crc32c),
                                                    Base64Encode(part.md5)));
    return response;
  }

 private:
  int number_ = 0;
};

// An upload that cannot even start.
class RefusedUpload : public StreamingUpload {
 public:
  RefusedUpload(const GcsApi& api, std::shared_ptr<Request> request, Status status)
      : StreamingUpload(api, std::move(request)), status_(std::move(status)) {}

 protected:
  Status Begin() override { return status_; }
  Status Take(std::string_view) override { return status_; }
  Result<net::HttpResponse> End() override { return status_; }

 private:
  const Status status_;
};

bool IsXmlUpload(const Request& request) {
  return request.route.call == Call::kXmlObject && request.method == "PUT" &&
         !request.headers.Has("x-goog-copy-source") && !request.query.Has("compose") &&
         !request.query.Has("acl");
}

bool IsXmlSessionStart(const Request& request) {
  return request.route.call == Call::kXmlObject && request.method == "POST" &&
         request.headers.Get("x-goog-resumable") == "start";
}

}  // namespace

bool IsUpload(const Request& request) {
  if (request.route.upload) return true;
  const bool session =
      request.route.call == Call::kXmlObject && !request.query.Get("upload_id").empty();
  return session || IsXmlSessionStart(request) || IsXmlUpload(request);
}

std::unique_ptr<net::RequestHandler> StartUpload(const GcsApi& api,
                                                 std::shared_ptr<Request> request,
                                                 const net::RequestHead& head) {
  if (!request->query.Get("upload_id").empty()) {
    return ContinueSession(api, std::move(request), head);
  }
  if (IsXmlSessionStart(*request)) return StartSession(api, std::move(request));
  if (IsXmlUpload(*request) && request->query.Has("uploadId")) {
    return std::make_unique<XmlPartUpload>(api, std::move(request));
  }
  if (IsXmlUpload(*request)) return std::make_unique<XmlUpload>(api, std::move(request));
  const std::string kind = request->query.Get("uploadType");
  if (request->method != "POST" && request->method != "PUT") {
    return std::make_unique<RefusedUpload>(api, std::move(request),
                                           NotFound("Not Found").WithReason("notFound"));
  }
  if (kind == "media") return std::make_unique<SimpleUpload>(api, std::move(request));
  if (kind == "multipart") return std::make_unique<MultipartUpload>(api, std::move(request));
  if (kind == "resumable") return StartSession(api, std::move(request));
  return std::make_unique<RefusedUpload>(
      api, std::move(request),
      InvalidArgument(
          fmt::format("Invalid upload request: unknown uploadType '{}'.", kind.substr(0, 40)))
          .WithReason("invalid"));
}

Status ReadXmlHeaders(const net::Headers& headers, Object* object) {
  object->set_content_type(std::string(headers.Get("Content-Type")));
  object->set_cache_control(std::string(headers.Get("Cache-Control")));
  object->set_content_disposition(std::string(headers.Get("Content-Disposition")));
  object->set_content_encoding(std::string(headers.Get("Content-Encoding")));
  object->set_content_language(std::string(headers.Get("Content-Language")));
  object->set_storage_class(std::string(headers.Get("x-goog-storage-class")));
  constexpr std::string_view kMeta = "x-goog-meta-";
  for (const auto& [name, value] : headers.fields()) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!lower.starts_with(kMeta)) continue;
    if (!IsValidUtf8(value)) {
      return InvalidArgument("Custom metadata must be UTF-8.").WithReason("invalid");
    }
    (*object->mutable_metadata())[lower.substr(kMeta.size())] = value;
  }
  return OkStatus();
}

}  // namespace hodei::wire::gcs
