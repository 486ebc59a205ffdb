// Access control lists: kept and returned as clients set them. What they say about the public
// counts (domain/access/bucket_access.h); for everybody else the project's and the bucket's policy
// decide.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "wire/gcs/bucket_resource.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {
namespace {

constexpr size_t kEntryLimit = 100;

Json ListOf(const google::protobuf::Map<std::string, google::protobuf::Value>& settings,
            const std::string& key) {
  const auto it = settings.find(key);
  if (it == settings.end()) return Json::array();
  Json list = FromValue(it->second);
  return list.is_array() ? list : Json::array();
}

// "projectOwner:x"-style entities name themselves; the position of the entity, or the end.
size_t Find(const Json& list, std::string_view entity) {
  for (size_t i = 0; i < list.size(); ++i) {
    const auto it = list[i].find("entity");
    if (it != list[i].end() && it->is_string() && it->get_ref<const std::string&>() == entity) {
      return i;
    }
  }
  return list.size();
}

struct AclChange {
  std::string method;
  std::string entity;  // from the path
  std::string kind;    // "storage#objectAccessControl"
  Json body;
};

Status NoSuchEntity(std::string_view entity) {
  return NotFound(fmt::format("No such ACL entity: {}", entity)).WithReason("notFound");
}

// Applies one call to `list`; the entry concerned goes to `*entry`.
Status Apply(const Bucket& bucket, const AclChange& change, Json* list, Json* entry) {
  std::string entity = change.entity;
  if (change.method == "POST") {
    const auto it = change.body.find("entity");
    if (it == change.body.end() || !it->is_string()) {
      return InvalidArgument("Required parameter: entity").WithReason("required");
    }
    entity = it->get<std::string>();
  }
  if (change.method != "DELETE") RETURN_IF_ERROR(CheckPublicEntity(bucket, entity));
  const size_t at = Find(*list, entity);
  if (change.method == "DELETE") {
    if (at == list->size()) return NoSuchEntity(entity);
    list->erase(at);
    return OkStatus();
  }
  const auto role = change.body.find("role");
  if (role == change.body.end() || !role->is_string()) {
    return InvalidArgument("Required parameter: role").WithReason("required");
  }
  if (change.method == "PATCH" && at == list->size()) return NoSuchEntity(entity);
  if (at == list->size() && list->size() >= kEntryLimit) {
    return InvalidArgument("An access control list holds at most 100 entries.")
        .WithReason("invalid");
  }
  *entry = Json{{"kind", change.kind}, {"entity", entity}, {"role", role->get<std::string>()}};
  if (at == list->size()) {
    list->push_back(*entry);
  } else {
    (*list)[at] = *entry;
  }
  return OkStatus();
}

Result<net::HttpResponse> Read(const Json& list, const std::string& entity,
                               const std::string& kind) {
  if (entity.empty()) {
    Json json{{"kind", kind + "s"}};
    if (!list.empty()) json["items"] = list;
    return JsonResponse(json.dump());
  }
  const size_t at = Find(list, entity);
  if (at == list.size()) return NoSuchEntity(entity);
  return JsonResponse(list[at].dump());
}

Status RefuseWhenUniform(const Bucket& bucket) {
  if (!bucket.iam_configuration().uniform_bucket_level_access().enabled()) return OkStatus();
  return InvalidArgument(
             "Cannot use ACL API to update bucket policy when uniform bucket-level access is "
             "enabled. Read more at "
             "https://cloud.google.com/storage/docs/uniform-bucket-level-access")
      .WithReason("invalid");
}

}  // namespace

GcsApi::Response GcsApi::BucketAcl(const Request& request, std::string_view body) const {
  const bool defaults = request.route.call == Call::kDefaultObjectAcl;
  const std::string key = defaults ? "defaultObjectAcl" : "acl";
  const std::string kind = defaults ? "storage#objectAccessControl" : "storage#bucketAccessControl";
  const bool reading = request.method == "GET";
  ASSIGN_OR_RETURN(const Bucket bucket,
                   Allow(request, request.route.bucket,
                         reading ? "storage.buckets.getIamPolicy" : "storage.buckets.update"));
  RETURN_IF_ERROR(RefuseWhenUniform(bucket));
  if (reading) return Read(ListOf(bucket.settings(), key), request.route.rest, kind);
  AclChange change{request.method, request.route.rest, kind, Json::object()};
  ASSIGN_OR_RETURN(change.body, ParseJsonObject(body));
  Json entry;
  RETURN_IF_ERROR(parts_.store
                      ->UpdateBucket(bucket.name(), {},
                                     [&](Bucket* edited) -> Status {
                                       Json list = ListOf(edited->settings(), key);
                                       RETURN_IF_ERROR(Apply(bucket, change, &list, &entry));
                                       (*edited->mutable_settings())[key] = ToValue(list);
                                       return OkStatus();
                                     })
                      .status());
  return request.method == "DELETE" ? EmptyResponse(204) : JsonResponse(entry.dump());
}

GcsApi::Response GcsApi::ObjectAcl(const Request& request, std::string_view body) const {
  const std::string kind = "storage#objectAccessControl";
  const bool reading = request.method == "GET";
  ASSIGN_OR_RETURN(const Bucket bucket, Allow(request, request.route.bucket,
                                              reading ? "storage.objects.getIamPolicy"
                                                      : "storage.objects.setIamPolicy"));
  RETURN_IF_ERROR(RefuseWhenUniform(bucket));
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  if (reading) {
    ASSIGN_OR_RETURN(const Object object,
                     parts_.store->GetObject(bucket.name(), request.route.object, generation));
    return Read(ListOf(object.settings(), "acl"), request.route.rest, kind);
  }
  AclChange change{request.method, request.route.rest, kind, Json::object()};
  ASSIGN_OR_RETURN(change.body, ParseJsonObject(body));
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  Json entry;
  RETURN_IF_ERROR(parts_.store
                      ->UpdateObject(bucket.name(), request.route.object, generation, wish,
                                     [&](Object* edited) -> Status {
                                       Json list = ListOf(edited->settings(), "acl");
                                       RETURN_IF_ERROR(Apply(bucket, change, &list, &entry));
                                       (*edited->mutable_settings())["acl"] = ToValue(list);
                                       return OkStatus();
                                     })
                      .status());
  return request.method == "DELETE" ? EmptyResponse(204) : JsonResponse(entry.dump());
}

}  // namespace hodei::wire::gcs
