// The XML API, as far as clients use it: buckets and their settings, objects, copies, compose and
// multipart uploads. Object bytes on their way in are upload.cc's.
// Source: https://cloud.google.com/storage/docs/xml-api/reference-methods.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "wire/gcs/bucket_resource.h"
#include "wire/gcs/customer_key.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/media.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/request.h"
#include "wire/gcs/upload.h"
#include "wire/gcs/xml_bucket_settings.h"
#include "wire/gcs/xml_listing.h"
#include "wire/gcs/xml_multipart.h"
#include "wire/gcs/xml_text.h"
#include "wire/xml/xml_document.h"

namespace hodei::wire::gcs {
namespace {

Json AclOf(const google::protobuf::Map<std::string, google::protobuf::Value>& settings) {
  const auto it = settings.find("acl");
  Json list = it == settings.end() ? Json::array() : FromValue(it->second);
  return list.is_array() ? list : Json::array();
}

Result<std::vector<store::ComposeSource>> ReadComponents(std::string_view body) {
  ASSIGN_OR_RETURN(const XmlElement root, ParseXml(body));
  std::vector<store::ComposeSource> sources;
  for (const XmlElement* component : root.Children("Component")) {
    store::ComposeSource source;
    const XmlElement* name = component->Child("Name");
    if (name == nullptr) {
      return InvalidArgument("The XML you provided names no component.").WithReason("malformedXml");
    }
    source.name = name->text;
    const std::string generation = component->ChildText("Generation");
    if (!generation.empty()) {
      source.generation = ParseInt64(generation);
      if (!source.generation) {
        return InvalidArgument("Invalid argument: Generation.").WithReason("invalid");
      }
    }
    const std::string match = component->ChildText("IfGenerationMatch");
    if (!match.empty()) source.if_generation_match = ParseInt64(match);
    sources.push_back(std::move(source));
    if (sources.size() > store::kComposeSourceLimit) break;  // the store says how many are too many
  }
  return sources;
}

class BucketCalls {
 public:
  BucketCalls(const GcsApi& api, const Request& request, std::string_view body)
      : api_(api), request_(request), body_(body), setting_(XmlSettingOf(request.query)) {}

  Result<net::HttpResponse> Answer() const {
    const std::string& method = request_.method;
    if (method == "GET" && setting_ == "uploads") return ListXmlMultiparts(api_, request_);
    if (method == "GET") return setting_.empty() ? List() : GetSetting();
    if (method == "HEAD") {
      RETURN_IF_ERROR(Allow("storage.buckets.get").status());
      return EmptyResponse(200);
    }
    if (method == "PUT") return SetSetting();
    if (method == "DELETE") return setting_.empty() ? Delete() : ClearSetting();
    return MethodNotAllowed();
  }

 private:
  Result<Bucket> Allow(std::string_view permission) const {
    return api_.Allow(request_, request_.route.bucket, permission);
  }

  Result<net::HttpResponse> List() const {
    RETURN_IF_ERROR(Allow("storage.objects.list").status());
    ASSIGN_OR_RETURN(const store::ListObjectsOptions options, ReadXmlListing(request_.query));
    ASSIGN_OR_RETURN(const store::ListObjectsPage page,
                     api_.store().ListObjects(request_.route.bucket, options));
    return XmlResponse(PrintXmlListing(request_, options, page));
  }

  Result<net::HttpResponse> Delete() const {
    RETURN_IF_ERROR(Allow("storage.buckets.delete").status());
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    RETURN_IF_ERROR(api_.store().DeleteBucket(request_.route.bucket, wish));
    return EmptyResponse(204);
  }

  Result<net::HttpResponse> GetSetting() const {
    ASSIGN_OR_RETURN(const Bucket bucket, Allow(setting_ == "acl" || setting_ == "defaultObjectAcl"
                                                    ? "storage.buckets.getIamPolicy"
                                                    : "storage.buckets.get"));
    ASSIGN_OR_RETURN(std::string text, PrintXmlSetting(setting_, bucket));
    return XmlResponse(std::move(text));
  }

  Result<net::HttpResponse> SetSetting() const {
    const std::string_view canned = request_.PredefinedAcl();
    const bool by_name = setting_ == "acl" && !canned.empty();
    Json patch = Json::object();
    if (!by_name) {
      ASSIGN_OR_RETURN(patch, ReadXmlSetting(setting_, body_));
    }
    return Edit([&](Bucket* edited) -> Status {
      if (by_name) return ApplyBucketAcl(canned, "", edited);
      for (const char* key : {"acl", "defaultObjectAcl"}) {
        for (const Json& entry : patch.value(key, Json::array())) {
          RETURN_IF_ERROR(CheckPublicEntity(*edited, entry.value("entity", std::string())));
        }
      }
      return ReadBucket(patch, /*merge=*/true, edited);
    });
  }

  Result<net::HttpResponse> ClearSetting() const {
    Json patch = Json::object();
    if (setting_ == "cors" || setting_ == "lifecycle") patch[std::string(setting_)] = nullptr;
    if (setting_ == "tagging") patch["labels"] = nullptr;
    if (setting_ == "websiteConfig") patch["website"] = nullptr;
    if (patch.empty()) return MethodNotAllowed();
    ASSIGN_OR_RETURN(net::HttpResponse response, Edit([&](Bucket* edited) {
                       return ReadBucket(patch, /*merge=*/true, edited);
                     }));
    response.status = 204;
    return response;
  }

  Result<net::HttpResponse> Edit(const std::function<Status(Bucket*)>& edit) const {
    RETURN_IF_ERROR(Allow("storage.buckets.update").status());
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    RETURN_IF_ERROR(api_.store().UpdateBucket(request_.route.bucket, wish, edit).status());
    return EmptyResponse(200);
  }

  const GcsApi& api_;
  const Request& request_;
  const std::string_view body_;
  const std::string_view setting_;
};

class ObjectCalls {
 public:
  ObjectCalls(const GcsApi& api, const Request& request, std::string_view body)
      : api_(api), request_(request), route_(request.route), body_(body) {}

  Result<net::HttpResponse> Answer() const {
    const std::string& method = request_.method;
    const bool multipart = request_.query.Has("uploadId");
    if (method == "GET" && multipart) return ListXmlParts(api_, request_);
    if (method == "GET" || method == "HEAD") return Read();
    if (method == "DELETE") return multipart ? AbortXmlMultipart(api_, request_) : Delete();
    if (method == "POST" && multipart) return CompleteXmlMultipart(api_, request_, body_);
    if (method == "POST" && request_.query.Has("uploads")) {
      return StartXmlMultipart(api_, request_);
    }
    if (method != "PUT") return MethodNotAllowed();
    if (multipart) return Unimplemented("Parts copied from other objects are not implemented.");
    if (request_.query.Has("compose")) return Compose();
    if (request_.query.Has("acl")) return SetAcl();
    if (request_.headers.Has("x-goog-copy-source")) return Copy();
    return MethodNotAllowed();
  }

 private:
  Result<Bucket> Allow(std::string_view permission) const {
    return api_.Allow(request_, route_.bucket, permission);
  }

  Result<net::HttpResponse> Read() const {
    ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request_.Generation());
    RETURN_IF_ERROR(api_.AllowRead(request_, route_.bucket, route_.object, generation).status());
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    if (request_.query.Has("acl")) {
      RETURN_IF_ERROR(Allow("storage.objects.getIamPolicy").status());
      ASSIGN_OR_RETURN(const Object object,
                       api_.store().GetObject(route_.bucket, route_.object, generation, wish));
      return XmlResponse(std::string(kXmlProlog) + PrintXmlAcl(AclOf(object.settings())));
    }
    ASSIGN_OR_RETURN(store::OpenedObject opened,
                     api_.store().OpenObject(route_.bucket, route_.object, generation, wish));
    return MediaResponse(request_, opened.object, std::move(opened.content));
  }

  Result<net::HttpResponse> Delete() const {
    RETURN_IF_ERROR(Allow("storage.objects.delete").status());
    ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request_.Generation());
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    RETURN_IF_ERROR(api_.store().DeleteObject(route_.bucket, route_.object, generation, wish));
    return EmptyResponse(204);
  }

  Result<net::HttpResponse> SetAcl() const {
    ASSIGN_OR_RETURN(const Bucket bucket, Allow("storage.objects.setIamPolicy"));
    Json list;
    const std::string_view canned = request_.PredefinedAcl();
    if (canned.empty()) {
      ASSIGN_OR_RETURN(list, ReadXmlAcl(body_, "storage#objectAccessControl"));
      for (const Json& entry : list) {
        RETURN_IF_ERROR(CheckPublicEntity(bucket, entry.value("entity", std::string())));
      }
    }
    ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request_.Generation());
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    const auto edit = [&](Object* edited) -> Status {
      if (!canned.empty()) return ApplyObjectAcl(bucket, canned, edited);
      (*edited->mutable_settings())["acl"] = ToValue(list);
      return OkStatus();
    };
    RETURN_IF_ERROR(
        api_.store().UpdateObject(route_.bucket, route_.object, generation, wish, edit).status());
    return EmptyResponse(200);
  }

  Result<net::HttpResponse> Compose() const {
    RETURN_IF_ERROR(Allow("storage.objects.get").status());
    ASSIGN_OR_RETURN(const Bucket bucket, Allow("storage.objects.create"));
    ASSIGN_OR_RETURN(const std::vector<store::ComposeSource> sources, ReadComponents(body_));
    Object destination;
    RETURN_IF_ERROR(ReadXmlHeaders(request_.headers, &destination));
    destination.set_bucket(route_.bucket);
    destination.set_name(route_.object);
    RETURN_IF_ERROR(ApplyObjectAcl(bucket, request_.PredefinedAcl(), &destination));
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    ASSIGN_OR_RETURN(const Object object, api_.store().ComposeObject(destination, sources, wish));
    net::HttpResponse response = EmptyResponse(200);
    response.headers.Add("ETag", XmlEtag(object));
    response.headers.Add("x-goog-generation", std::to_string(object.generation()));
    response.headers.Add("x-goog-metageneration", std::to_string(object.metageneration()));
    response.headers.Add("x-goog-hash", "crc32c=" + CrcText(object.crc32c()));
    response.headers.Add("x-goog-component-count", std::to_string(object.component_count()));
    return response;
  }

  Result<store::CopySource> ReadCopySource() const {
    ASSIGN_OR_RETURN(std::string from, PercentDecode(request_.headers.Get("x-goog-copy-source")));
    if (from.starts_with("/")) from.erase(0, 1);
    const size_t slash = from.find('/');
    if (slash == std::string::npos) {
      return InvalidArgument("Invalid argument: x-goog-copy-source.").WithReason("invalid");
    }
    store::CopySource source{from.substr(0, slash), from.substr(slash + 1), std::nullopt, {}};
    const std::string_view generation = request_.headers.Get("x-goog-copy-source-generation");
    if (generation.empty()) return source;
    source.generation = ParseInt64(generation);
    if (!source.generation) {
      return InvalidArgument("Invalid argument: x-goog-copy-source-generation.")
          .WithReason("invalid");
    }
    return source;
  }

  Result<net::HttpResponse> Copy() const {
    ASSIGN_OR_RETURN(store::CopySource source, ReadCopySource());
    RETURN_IF_ERROR(
        api_.AllowRead(request_, source.bucket, source.name, source.generation).status());
    ASSIGN_OR_RETURN(const Bucket bucket, Allow("storage.objects.create"));
    ASSIGN_OR_RETURN(const Object from,
                     api_.store().GetObject(source.bucket, source.name, source.generation));
    // The metadata belongs to this generation, so the bytes must too.
    source.generation = from.generation();
    Object metadata;
    if (request_.headers.Get("x-goog-metadata-directive") == "REPLACE") {
      RETURN_IF_ERROR(ReadXmlHeaders(request_.headers, &metadata));
    } else {
      metadata = from;
      metadata.clear_settings();
      metadata.clear_temporary_hold();
      metadata.clear_event_based_hold();
      metadata.set_storage_class(std::string(request_.headers.Get("x-goog-storage-class")));
    }
    RETURN_IF_ERROR(CheckCustomerKey(request_.headers, kSourceCustomerKey, from));
    RETURN_IF_ERROR(TakeCustomerKey(request_.headers, &metadata));
    RETURN_IF_ERROR(ApplyObjectAcl(bucket, request_.PredefinedAcl(), &metadata));
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    ASSIGN_OR_RETURN(const Object object,
                     api_.store().CopyObject(source, route_.bucket, route_.object, metadata, wish));
    std::string out(kXmlProlog);
    out.append("<CopyObjectResult>");
    AppendElement("LastModified", FormatTime(object.updated()), &out);
    AppendElement("ETag", XmlEtag(object), &out);
    out.append("</CopyObjectResult>");
    net::HttpResponse response = XmlResponse(std::move(out));
    response.headers.Add("x-goog-generation", std::to_string(object.generation()));
    return response;
  }

  const GcsApi& api_;
  const Request& request_;
  const Route& route_;
  const std::string_view body_;
};

}  // namespace

GcsApi::Response GcsApi::XmlService(const Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed();
  std::string_view project = request.headers.Get("x-goog-project-id");
  // A key belongs to an account, and an account to a project.
  std::string own_project;
  if (project.empty()) {
    own_project = ProjectOfAccount(request.principal.email);
    project = own_project;
  }
  ASSIGN_OR_RETURN(const std::string allowed,
                   AllowProject(request, project, "storage.buckets.list"));
  store::ListBucketsOptions options;
  options.project_id = allowed;
  ASSIGN_OR_RETURN(const store::ListBucketsPage page, parts_.store->ListBuckets(options));
  std::string out(kXmlProlog);
  out.append(fmt::format("<ListAllMyBucketsResult xmlns='{}'><Owner/><Buckets>", kXmlNamespace));
  for (const Bucket& bucket : page.buckets) {
    out.append("<Bucket>");
    AppendElement("Name", bucket.name(), &out);
    AppendElement("CreationDate", FormatTime(bucket.time_created()), &out);
    out.append("</Bucket>");
  }
  out.append("</Buckets></ListAllMyBucketsResult>");
  return XmlResponse(std::move(out));
}

GcsApi::Response GcsApi::XmlCreateBucket(const Request& request, std::string_view body) const {
  std::string project(request.headers.Get("x-goog-project-id"));
  if (project.empty()) project = ProjectOfAccount(request.principal.email);
  ASSIGN_OR_RETURN(project, AllowProject(request, project, "storage.buckets.create"));
  Json json = Json::object();
  if (body.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    ASSIGN_OR_RETURN(const XmlElement root, ParseXml(body));
    const std::string location = root.ChildText("LocationConstraint");
    const std::string storage_class = root.ChildText("StorageClass");
    if (!location.empty()) json["location"] = location;
    if (!storage_class.empty()) json["storageClass"] = storage_class;
  }
  Bucket bucket;
  RETURN_IF_ERROR(ReadBucket(json, /*merge=*/false, &bucket));
  bucket.set_name(request.route.bucket);
  bucket.set_project_id(project);
  bucket.set_project_number(ProjectNumber(project));
  RETURN_IF_ERROR(ApplyBucketAcl(request.PredefinedAcl(), "", &bucket));
  RETURN_IF_ERROR(parts_.store->CreateBucket(bucket).status());
  return EmptyResponse(200);
}

GcsApi::Response GcsApi::Xml(const Request& request, std::string_view body) const {
  if (request.route.call == Call::kXmlService) return XmlService(request);
  if (request.route.call == Call::kXmlObject) return ObjectCalls(*this, request, body).Answer();
  if (request.method == "PUT" && XmlSettingOf(request.query).empty()) {
    return XmlCreateBucket(request, body);
  }
  return BucketCalls(*this, request, body).Answer();
}

}  // namespace hodei::wire::gcs
