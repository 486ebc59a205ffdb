#include "wire/gcs/form_upload.h"

#include <fmt/format.h>

#include <optional>

#include "base/encoding.h"
#include "domain/access/denial.h"
#include "wire/gcs/multipart.h"
#include "wire/gcs/post_policy.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/signature.h"
#include "wire/gcs/upload.h"
#include "wire/gcs/xml_text.h"

namespace hodei::wire::gcs {
namespace {

// `name="value"` of a Content-Disposition header.
std::string Parameter(std::string_view disposition, std::string_view name) {
  const std::string wanted = fmt::format("{}=\"", name);
  size_t at = 0;
  while (true) {
    at = disposition.find(wanted, at);
    if (at == std::string_view::npos) return {};
    const char before = at == 0 ? ';' : disposition[at - 1];
    if (before == ';' || before == ' ' || before == '\t') break;
    ++at;
  }
  std::string out;
  for (size_t i = at + wanted.size(); i < disposition.size() && disposition[i] != '"'; ++i) {
    if (disposition[i] == '\\' && i + 1 < disposition.size()) ++i;
    out.push_back(disposition[i]);
  }
  return out;
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Status BadForm(std::string_view what) {
  return InvalidArgument(fmt::format("Invalid form upload: {}.", what)).WithReason("invalid");
}

// The file's own name, as browsers give it: some send the whole path.
std::string_view BaseName(std::string_view filename) {
  const size_t slash = filename.find_last_of("/\\");
  return slash == std::string_view::npos ? filename : filename.substr(slash + 1);
}

class FormUpload : public net::RequestHandler, public MultipartSink {
 public:
  FormUpload(const GcsApi& api, std::shared_ptr<Request> request)
      : api_(api), request_(std::move(request)) {
    const Result<std::string> boundary = ParseBoundary(request_->headers.Get("Content-Type"));
    if (boundary.ok()) reader_.emplace(*boundary, this);
  }

  Status OnBody(std::string_view piece) override {
    return reader_ ? reader_->Feed(piece) : BadForm("the body has no boundary");
  }

  net::HttpResponse OnEnd() override {
    Result<net::HttpResponse> response = Finish();
    return response.ok() ? *std::move(response) : GcsApi::ErrorFor(*request_, response.status());
  }

  net::HttpResponse OnError(const Status& status) override {
    return GcsApi::ErrorFor(*request_, status);
  }

 private:
  Status BeginPart(const PartHeaders& headers) override {
    if (writer_ != nullptr) {
      in_file_ = false;  // what follows the file is not looked at
      ignoring_ = true;
      return OkStatus();
    }
    const std::string_view disposition = headers.Get("content-disposition");
    field_ = Lower(Parameter(disposition, "name"));
    if (field_.empty()) return BadForm("a part without a name");
    if (field_ != "file") {
      if (fields_.contains(field_)) return BadForm("a field comes twice");
      if (fields_.size() >= kFormFieldLimit) return BadForm("too many fields");
      fields_[field_];
      return OkStatus();
    }
    in_file_ = true;
    filename_ = Parameter(disposition, "filename");
    file_type_ = std::string(headers.Get("content-type"));
    return BeginFile();
  }

  Status PartBytes(std::string_view bytes) override {
    if (ignoring_) return OkStatus();
    if (!in_file_) {
      field_bytes_ += bytes.size();
      if (field_bytes_ > kFormFieldsLimitBytes) return BadForm("the fields are too large");
      fields_[field_].append(bytes);
      return OkStatus();
    }
    if (writer_->size() + bytes.size() > size_max_) {
      return InvalidArgument("Your proposed upload exceeds the maximum allowed size.")
          .WithReason("entityTooLarge");
    }
    return writer_->Append(bytes);
  }

  Status EndPart() override { return OkStatus(); }

  std::string Field(const std::string& name) const {
    const auto it = fields_.find(name);
    return it == fields_.end() ? std::string() : it->second;
  }

  // Everything but the bytes is known: who it is, what they may, what the object will be.
  Status BeginFile() {
    RETURN_IF_ERROR(Authenticate());
    const std::string& bucket_name = request_->route.bucket;
    ASSIGN_OR_RETURN(const Bucket bucket,
                     api_.Allow(*request_, bucket_name, "storage.objects.create"));
    std::string key = Field("key");
    constexpr std::string_view kFilename = "${filename}";
    if (const size_t at = key.find(kFilename); at != std::string::npos) {
      key.replace(at, kFilename.size(), BaseName(filename_));
    }
    if (key.empty()) return BadForm("the field 'key' is missing");
    net::Headers headers;
    for (const auto& [name, value] : fields_) headers.Add(name, value);
    RETURN_IF_ERROR(ReadXmlHeaders(headers, &object_));
    if (object_.content_type().empty()) object_.set_content_type(file_type_);
    object_.set_bucket(bucket_name);
    object_.set_name(key);
    RETURN_IF_ERROR(ApplyObjectAcl(bucket, Field("acl"), &object_));
    if (const std::string md5 = Field("content-md5"); !md5.empty()) {
      RETURN_IF_ERROR(ReadHashHeader("md5=" + md5, &expected_));
    }
    ASSIGN_OR_RETURN(writer_, api_.store().NewWriter());
    return OkStatus();
  }

  Status Authenticate() {
    const std::string policy_text = Field("policy");
    if (policy_text.empty()) {
      // As any other request: with its own credential, or not at all.
      return request_->principal.anonymous ? access::UnauthenticatedCaller() : OkStatus();
    }
    if (api_.parts().signature_keys == nullptr) return SignatureDoesNotMatch();
    const bool v4 = fields_.contains("x-goog-signature");
    const PolicySignature signature =
        v4 ? PolicySignature{Field("x-goog-algorithm"), Field("x-goog-credential"),
                             Field("x-goog-date"), Field("x-goog-signature")}
           : PolicySignature{"", Field("googleaccessid"), "", Field("signature")};
    if (v4 && signature.algorithm.empty()) return MalformedSignature("algorithm");
    ASSIGN_OR_RETURN(access::Principal signer,
                     VerifyPolicySignature(signature, policy_text,
                                           {.keys = api_.parts().signature_keys,
                                            .now = api_.clock().Now(),
                                            .unknown_keys_pass = request_->principal.emulator}));
    const Result<std::string> json = Base64Decode(policy_text);
    if (!json.ok()) {
      return InvalidArgument("Invalid policy document: it is not base64.")
          .WithReason("malformedPolicy");
    }
    ASSIGN_OR_RETURN(const PostPolicy policy, ParsePostPolicy(*json));
    RETURN_IF_ERROR(CheckPostPolicy(policy, fields_, request_->route.bucket, api_.clock().Now()));
    size_min_ = policy.size_min;
    size_max_ = policy.size_max;
    if (!request_->principal.emulator) request_->principal = std::move(signer);
    return OkStatus();
  }

  Result<net::HttpResponse> Finish() {
    if (!reader_) return BadForm("the body has no boundary");
    RETURN_IF_ERROR(reader_->Finish());
    if (writer_ == nullptr) {
      return request_->principal.anonymous ? access::UnauthenticatedCaller()
                                           : BadForm("there is no file");
    }
    if (writer_->size() < size_min_) {
      return InvalidArgument("Your proposed upload is smaller than the minimum object size.")
          .WithReason("entityTooSmall");
    }
    ASSIGN_OR_RETURN(const Object object, writer_->Commit(object_, {}, expected_));
    return Respond(object);
  }

  net::HttpResponse Respond(const Object& object) const {
    const std::string redirect = Field("success_action_redirect");
    const std::string status = Field("success_action_status");
    net::HttpResponse response = EmptyResponse(status == "200" ? 200 : 204);
    if (redirect.starts_with("http://") || redirect.starts_with("https://")) {
      response = EmptyResponse(303);
      response.headers.Add("Location",
                           fmt::format("{}{}bucket={}&key={}&etag={}", redirect,
                                       redirect.find('?') == std::string::npos ? '?' : '&',
                                       PercentEncode(object.bucket()), PercentEncode(object.name()),
                                       PercentEncode(XmlEtag(object))));
    } else if (status == "201") {
      std::string out(kXmlProlog);
      out += "<PostResponse>";
      AppendElement("Location",
                    fmt::format("{}/{}/{}", request_->base_url, object.bucket(),
                                PercentEncode(object.name(), "/")),
                    &out);
      AppendElement("Bucket", object.bucket(), &out);
      AppendElement("Key", object.name(), &out);
      AppendElement("ETag", XmlEtag(object), &out);
      response = XmlResponse(out + "</PostResponse>");
      response.status = 201;
    }
    response.headers.Add("ETag", XmlEtag(object));
    response.headers.Add("x-goog-generation", std::to_string(object.generation()));
    return response;
  }

  const GcsApi& api_;
  const std::shared_ptr<Request> request_;
  std::optional<MultipartReader> reader_;
  FormFields fields_;
  std::string field_;
  size_t field_bytes_ = 0;
  bool in_file_ = false;
  bool ignoring_ = false;
  std::string filename_;
  std::string file_type_;
  uint64_t size_min_ = 0;
  uint64_t size_max_ = UINT64_MAX;
  Object object_;
  store::ExpectedContent expected_;
  std::unique_ptr<store::ObjectWriter> writer_;
};

}  // namespace

bool IsFormUpload(const Request& request) {
  return request.route.call == Call::kXmlBucket && request.method == "POST" &&
         request.headers.Get("Content-Type").starts_with("multipart/form-data");
}

std::unique_ptr<net::RequestHandler> StartFormUpload(const GcsApi& api,
                                                     std::shared_ptr<Request> request) {
  return std::make_unique<FormUpload>(api, std::move(request));
}

}  // namespace hodei::wire::gcs
