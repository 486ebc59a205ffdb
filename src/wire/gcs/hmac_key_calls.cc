// HMAC keys of service accounts: made, listed, switched off and deleted. The secret is shown once.
// Source: https://cloud.google.com/storage/docs/json_api/v1/projects/hmacKeys.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "wire/gcs/gcs_api.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {
namespace {

google::protobuf::Timestamp ToTimestamp(int64_t unix_nanos) {
  google::protobuf::Timestamp time;
  time.set_seconds(unix_nanos / 1'000'000'000);
  time.set_nanos(static_cast<int32_t>(unix_nanos % 1'000'000'000));
  return time;
}

Json PrintKey(const access::HmacKey& key, const std::string& base_url) {
  return Json{{"kind", "storage#hmacKeyMetadata"},
              {"id", fmt::format("{}/{}", key.project_id(), key.access_id())},
              {"selfLink", fmt::format("{}/storage/v1/projects/{}/hmacKeys/{}", base_url,
                                       key.project_id(), key.access_id())},
              {"accessId", key.access_id()},
              {"projectId", key.project_id()},
              {"serviceAccountEmail", key.email()},
              {"state", key.state() == access::HmacKey::ACTIVE ? "ACTIVE" : "INACTIVE"},
              {"timeCreated", FormatTime(ToTimestamp(key.create_unix_nanos()))},
              {"updated", FormatTime(ToTimestamp(key.update_unix_nanos()))},
              {"etag", access::HmacKeys::EtagOf(key)}};
}

class HmacCalls {
 public:
  HmacCalls(access::HmacKeys* keys, const Request& request, std::string project)
      : keys_(*keys), request_(request), project_(std::move(project)) {}

  Result<net::HttpResponse> Create() {
    const std::string& email = request_.query.Get("serviceAccountEmail");
    if (email.empty()) {
      return InvalidArgument("Required parameter: serviceAccountEmail").WithReason("required");
    }
    ASSIGN_OR_RETURN(const access::HmacKey key, keys_.Create(project_, email));
    return Respond(Json{{"kind", "storage#hmacKey"},
                        {"secret", key.secret()},
                        {"metadata", PrintKey(key, request_.base_url)}});
  }

  Result<net::HttpResponse> List() {
    ASSIGN_OR_RETURN(const std::vector<access::HmacKey> keys,
                     keys_.List(project_, request_.query.Get("serviceAccountEmail")));
    ASSIGN_OR_RETURN(const std::optional<int64_t> limit, request_.query.Number("maxResults"));
    const size_t most =
        limit && *limit > 0 ? static_cast<size_t>(*limit) : access::kMaxHmacKeysPerProject;
    // Keys are listed by access id: the last one shown says where to go on.
    const std::string& after = request_.query.Get("pageToken");
    Json json{{"kind", "storage#hmacKeysMetadata"}};
    Json items = Json::array();
    std::string last;
    for (const access::HmacKey& key : keys) {
      if (key.access_id() <= after) continue;
      if (items.size() == most) {
        json["nextPageToken"] = last;
        break;
      }
      items.push_back(PrintKey(key, request_.base_url));
      last = key.access_id();
    }
    if (!items.empty()) json["items"] = std::move(items);
    return Respond(json);
  }

  Result<net::HttpResponse> Get() {
    ASSIGN_OR_RETURN(const access::HmacKey key, keys_.Get(project_, request_.route.object));
    return Respond(PrintKey(key, request_.base_url));
  }

  Result<net::HttpResponse> Update(std::string_view body) {
    ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
    const auto text = [&json](const char* name) {
      const auto it = json.find(name);
      return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    const std::string state = text("state");
    if (state != "ACTIVE" && state != "INACTIVE") {
      return InvalidArgument("Invalid value for field 'state'.").WithReason("invalid");
    }
    ASSIGN_OR_RETURN(
        const access::HmacKey key,
        keys_.SetState(project_, request_.route.object,
                       state == "ACTIVE" ? access::HmacKey::ACTIVE : access::HmacKey::INACTIVE,
                       text("etag")));
    return Respond(PrintKey(key, request_.base_url));
  }

  Result<net::HttpResponse> Delete() {
    RETURN_IF_ERROR(keys_.Delete(project_, request_.route.object));
    return EmptyResponse(204);
  }

 private:
  net::HttpResponse Respond(const Json& json) const {
    return JsonResponse(Select(json, request_.fields).dump());
  }

  access::HmacKeys& keys_;
  const Request& request_;
  const std::string project_;
};

}  // namespace

GcsApi::Response GcsApi::HmacKeys(const Request& request, std::string_view body) const {
  if (parts_.hmac_keys == nullptr) return Unimplemented("HMAC keys are not kept here.");
  const bool one = !request.route.object.empty();
  const auto allow = [&](const char* permission) {
    return AllowProject(request, request.route.rest, permission);
  };
  if (!one && request.method == "POST") {
    ASSIGN_OR_RETURN(const std::string project, allow("storage.hmacKeys.create"));
    return HmacCalls(parts_.hmac_keys, request, project).Create();
  }
  if (!one && request.method == "GET") {
    ASSIGN_OR_RETURN(const std::string project, allow("storage.hmacKeys.list"));
    return HmacCalls(parts_.hmac_keys, request, project).List();
  }
  if (one && request.method == "GET") {
    ASSIGN_OR_RETURN(const std::string project, allow("storage.hmacKeys.get"));
    return HmacCalls(parts_.hmac_keys, request, project).Get();
  }
  if (one && request.method == "PUT") {
    ASSIGN_OR_RETURN(const std::string project, allow("storage.hmacKeys.update"));
    return HmacCalls(parts_.hmac_keys, request, project).Update(body);
  }
  if (one && request.method == "DELETE") {
    ASSIGN_OR_RETURN(const std::string project, allow("storage.hmacKeys.delete"));
    return HmacCalls(parts_.hmac_keys, request, project).Delete();
  }
  return NotFound("Not Found").WithReason("notFound");
}

}  // namespace hodei::wire::gcs
