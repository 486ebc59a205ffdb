// Calls about buckets.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/encoding.h"
#include "domain/access/bucket_access.h"
#include "domain/access/denial.h"
#include "wire/gcs/bucket_resource.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {
namespace {

net::HttpResponse BucketResponse(const Request& request, const Bucket& bucket,
                                 bool full_by_default = false) {
  std::string body;
  PrintBucket(bucket, request.Context(full_by_default), request.fields, &body);
  return JsonResponse(std::move(body));
}

// The policy document that a bucket without one of its own shows.
Json DefaultPolicy(const Bucket& bucket) {
  const std::string project = bucket.project_id();
  const auto binding = [&](const char* role, const char* member) {
    return Json{{"role", role}, {"members", {fmt::format("{}:{}", member, project)}}};
  };
  return Json{{"kind", "storage#policy"},
              {"resourceId", fmt::format("projects/_/buckets/{}", bucket.name())},
              {"version", 1},
              {"etag", BucketEtag(bucket)},
              {"bindings",
               {binding("roles/storage.legacyBucketOwner", "projectEditor"),
                binding("roles/storage.legacyBucketReader", "projectViewer")}}};
}

Json PolicyOf(const Bucket& bucket) {
  if (!bucket.has_iam_policy()) return DefaultPolicy(bucket);
  google::protobuf::Value value;
  *value.mutable_struct_value() = bucket.iam_policy();
  Json json = FromValue(value);
  json["etag"] = BucketEtag(bucket);
  return json;
}

}  // namespace

Result<std::string> GcsApi::AllowProject(const Request& request, std::string_view project,
                                         std::string_view permission) const {
  if (request.principal.anonymous) return access::UnauthenticatedCaller();
  if (project.empty()) {
    return InvalidArgument("Required parameter: project").WithReason("required");
  }
  RETURN_IF_ERROR(parts_.authorizer->Check(request.principal, project, permission));
  return parts_.authorizer->ResolveProject(project);
}

std::string GcsApi::ProjectOfAccount(std::string_view email) const {
  // "ID@PROJECT.iam.gserviceaccount.com"
  constexpr std::string_view kDomain = ".iam.gserviceaccount.com";
  const size_t at = email.find('@');
  if (at == std::string_view::npos || !email.ends_with(kDomain)) return {};
  const std::string_view domain = email.substr(at + 1);
  return domain.size() > kDomain.size()
             ? std::string(domain.substr(0, domain.size() - kDomain.size()))
             : std::string();
}

int64_t GcsApi::ProjectNumber(std::string_view project_id) const {
  if (parts_.project_number) return parts_.project_number(project_id);
  return 100'000'000'000 + Crc32c(0, project_id);
}

GcsApi::Response GcsApi::ListBuckets(const Request& request) const {
  ASSIGN_OR_RETURN(const std::string project,
                   AllowProject(request, request.query.Get("project"), "storage.buckets.list"));
  store::ListBucketsOptions options;
  options.project_id = project;
  options.prefix = request.query.Get("prefix");
  options.page_token = request.query.Get("pageToken");
  ASSIGN_OR_RETURN(const std::optional<int64_t> limit, request.query.Number("maxResults"));
  if (limit && *limit > 0) options.limit = static_cast<size_t>(std::min<int64_t>(*limit, 1000));
  ASSIGN_OR_RETURN(const store::ListBucketsPage page, parts_.store->ListBuckets(options));
  std::string body;
  {
    JsonObjectWriter writer(request.fields, &body);
    writer.String("kind", "storage#buckets");
    writer.NonEmpty("nextPageToken", page.next_page_token);
    const FieldSelection* items = page.buckets.empty() ? nullptr : writer.Begin("items");
    if (items != nullptr) {
      char separator = '[';
      for (const Bucket& bucket : page.buckets) {
        body.push_back(separator);
        separator = ',';
        PrintBucket(bucket, request.Context(), *items, &body);
      }
      body.push_back(']');
    }
  }
  return JsonResponse(std::move(body));
}

GcsApi::Response GcsApi::InsertBucket(const Request& request, std::string_view body) const {
  ASSIGN_OR_RETURN(const std::string project,
                   AllowProject(request, request.query.Get("project"), "storage.buckets.create"));
  ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
  Bucket bucket;
  RETURN_IF_ERROR(ReadBucket(json, /*merge=*/false, &bucket));
  const auto name = json.find("name");
  if (name == json.end() || !name->is_string()) {
    return InvalidArgument("Required parameter: name").WithReason("required");
  }
  bucket.set_name(name->get<std::string>());
  bucket.set_project_id(project);
  bucket.set_project_number(ProjectNumber(project));
  const Query& query = request.query;
  RETURN_IF_ERROR(
      ApplyBucketAcl(query.Get("predefinedAcl"), query.Get("predefinedDefaultObjectAcl"), &bucket));
  if (query.Flag("enableObjectRetention")) {
    (*bucket.mutable_settings())["objectRetention"] = ToValue(Json{{"mode", "Enabled"}});
  }
  Result<Bucket> created = parts_.store->CreateBucket(bucket);
  if (created.status().code() == Code::kAlreadyExists &&
      !Allow(request, bucket.name(), "storage.buckets.get").ok()) {
    return AlreadyExists(
               "The requested bucket name is not available. The bucket namespace is shared by all "
               "users of the system. Please select a different name and try again.")
        .WithReason("conflict");
  }
  RETURN_IF_ERROR(created.status());
  return BucketResponse(request, *created);
}

GcsApi::Response GcsApi::GetBucket(const Request& request) const {
  ASSIGN_OR_RETURN(const Bucket bucket,
                   Allow(request, request.route.bucket, "storage.buckets.get"));
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  if (wish.if_metageneration_match && *wish.if_metageneration_match != bucket.metageneration()) {
    return FailedPrecondition("The pre-condition you specified did not hold.")
        .WithReason("conditionNotMet");
  }
  if (wish.if_metageneration_not_match &&
      *wish.if_metageneration_not_match == bucket.metageneration()) {
    return FailedPrecondition("Not Modified").WithReason("notModified");
  }
  return BucketResponse(request, bucket);
}

GcsApi::Response GcsApi::EditBucket(const Request& request, std::string_view body) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.buckets.update").status());
  ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  const bool merge = request.route.call == Call::kPatchBucket;
  ASSIGN_OR_RETURN(
      const Bucket bucket,
      parts_.store->UpdateBucket(request.route.bucket, wish, [&](Bucket* edited) -> Status {
        RETURN_IF_ERROR(ReadBucket(json, merge, edited));
        return ApplyBucketAcl(request.query.Get("predefinedAcl"),
                              request.query.Get("predefinedDefaultObjectAcl"), edited);
      }));
  return BucketResponse(request, bucket, /*full_by_default=*/true);
}

GcsApi::Response GcsApi::DeleteBucket(const Request& request) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.buckets.delete").status());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  RETURN_IF_ERROR(parts_.store->DeleteBucket(request.route.bucket, wish));
  return EmptyResponse(204);
}

GcsApi::Response GcsApi::StorageLayout(const Request& request) const {
  ASSIGN_OR_RETURN(const Bucket bucket,
                   Allow(request, request.route.bucket, "storage.objects.list"));
  const Json json{{"kind", "storage#storageLayout"},
                  {"bucket", bucket.name()},
                  {"location", bucket.location()},
                  {"locationType", LocationType(bucket.location())},
                  {"hierarchicalNamespace", {{"enabled", false}}}};
  return JsonResponse(Select(json, request.fields).dump());
}

GcsApi::Response GcsApi::EmptyList(const Request& request, std::string_view kind) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.list").status());
  return JsonResponse(fmt::format(R"({{"kind":"storage#{}"}})", kind));
}

// Folders, caches and operations that buckets here never have: reading or removing one finds none,
// making one is not implemented.
GcsApi::Response GcsApi::AbsentChild(const Request& request) const {
  const bool making = request.method == "POST";
  RETURN_IF_ERROR(Allow(request, request.route.bucket,
                        making ? "storage.buckets.update" : "storage.objects.list")
                      .status());
  if (making) {
    return Unimplemented(fmt::format("{} are not implemented.", request.route.rest))
        .WithReason("notImplemented");
  }
  return NotFound("The requested resource was not found.").WithReason("notFound");
}

GcsApi::Response GcsApi::GetPolicy(const Request& request) const {
  ASSIGN_OR_RETURN(const Bucket bucket,
                   Allow(request, request.route.bucket, "storage.buckets.getIamPolicy"));
  return JsonResponse(Select(PolicyOf(bucket), request.fields).dump());
}

GcsApi::Response GcsApi::SetPolicy(const Request& request, std::string_view body) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.buckets.setIamPolicy").status());
  ASSIGN_OR_RETURN(Json json, ParseJsonObject(body));
  std::string etag;
  if (const auto it = json.find("etag"); it != json.end() && it->is_string()) {
    etag = it->get<std::string>();
  }
  json["kind"] = "storage#policy";
  json["resourceId"] = fmt::format("projects/_/buckets/{}", request.route.bucket);
  ASSIGN_OR_RETURN(
      const Bucket bucket,
      parts_.store->UpdateBucket(request.route.bucket, {}, [&](Bucket* edited) -> Status {
        if (!etag.empty() && etag != BucketEtag(*edited)) {
          return FailedPrecondition("The policy was changed meanwhile.")
              .WithReason("conditionNotMet");
        }
        const google::protobuf::Value document = ToValue(json);
        RETURN_IF_ERROR(access::ValidateBucketPolicy(*edited, document.struct_value()));
        *edited->mutable_iam_policy() = document.struct_value();
        return OkStatus();
      }));
  return JsonResponse(Select(PolicyOf(bucket), request.fields).dump());
}

GcsApi::Response GcsApi::TestPermissions(const Request& request) const {
  Json held = Json::array();
  Status refused = OkStatus();
  for (const std::string& permission : request.query.GetAll("permissions")) {
    const Status allowed = Allow(request, request.route.bucket, permission).status();
    if (allowed.ok()) {
      held.push_back(permission);
    } else {
      refused = allowed;
    }
  }
  // Who holds nothing must not learn that the bucket is there.
  if (held.empty()) {
    if (refused.ok())
      refused = Allow(request, request.route.bucket, "storage.buckets.get").status();
    if (!refused.ok() && refused.code() != Code::kPermissionDenied) return refused;
  }
  Json json{{"kind", "storage#testIamPermissionsResponse"}};
  if (!held.empty()) json["permissions"] = held;
  return JsonResponse(Select(json, request.fields).dump());
}

GcsApi::Response GcsApi::LockRetention(const Request& request) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.buckets.update").status());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  if (!wish.if_metageneration_match) {
    return InvalidArgument("Required parameter: ifMetagenerationMatch").WithReason("required");
  }
  ASSIGN_OR_RETURN(
      const Bucket bucket,
      parts_.store->UpdateBucket(request.route.bucket, wish, [](Bucket* edited) -> Status {
        if (!edited->has_retention_policy()) {
          return InvalidArgument("The bucket has no retention policy.").WithReason("invalid");
        }
        edited->mutable_retention_policy()->set_is_locked(true);
        return OkStatus();
      }));
  return BucketResponse(request, bucket);
}

GcsApi::Response GcsApi::ServiceAccount(const Request& request) const {
  ASSIGN_OR_RETURN(const std::string project,
                   AllowProject(request, request.route.rest, "storage.buckets.list"));
  return JsonResponse(
      Json{{"kind", "storage#serviceAccount"},
           {"email_address", fmt::format("service-{}@gs-project-accounts.iam.gserviceaccount.com",
                                         ProjectNumber(project))}}
          .dump());
}

}  // namespace hodei::wire::gcs
