// Notification configurations: kept with the bucket and shown as set. No event is ever sent: there
// is no message service to send it to.
// Source: https://cloud.google.com/storage/docs/json_api/v1/notifications.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "wire/gcs/bucket_resource.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {
namespace {

constexpr char kSetting[] = "notificationConfigs";
constexpr size_t kConfigLimit = 100;  // of one bucket

Json ListOf(const Bucket& bucket) {
  const auto it = bucket.settings().find(kSetting);
  Json list = it == bucket.settings().end() ? Json::array() : FromValue(it->second);
  return list.is_array() ? list : Json::array();
}

size_t Find(const Json& list, std::string_view id) {
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i].value("id", std::string()) == id) return i;
  }
  return list.size();
}

Status NoSuchConfig(std::string_view id) {
  return NotFound(fmt::format("No such notification: {}", id.substr(0, 100)))
      .WithReason("notFound");
}

Result<Json> ReadConfig(std::string_view body) {
  ASSIGN_OR_RETURN(Json json, ParseJsonObject(body));
  const auto text = [&json](const char* name) {
    const auto it = json.find(name);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (text("topic").empty()) {
    return InvalidArgument("Required parameter: topic").WithReason("required");
  }
  const std::string format = text("payload_format");
  if (format != "JSON_API_V1" && format != "NONE") {
    return InvalidArgument("Invalid value for field 'payload_format'.").WithReason("invalid");
  }
  return json;
}

}  // namespace

GcsApi::Response GcsApi::Notifications(const Request& request, std::string_view body) const {
  const std::string& id = request.route.rest;
  const bool reading = request.method == "GET";
  ASSIGN_OR_RETURN(const Bucket bucket,
                   Allow(request, request.route.bucket,
                         reading ? "storage.buckets.get" : "storage.buckets.update"));
  if (reading) {
    const Json list = ListOf(bucket);
    if (id.empty()) {
      Json json{{"kind", "storage#notifications"}};
      if (!list.empty()) json["items"] = list;
      return JsonResponse(Select(json, request.fields).dump());
    }
    const size_t at = Find(list, id);
    if (at == list.size()) return NoSuchConfig(id);
    return JsonResponse(Select(list[at], request.fields).dump());
  }
  const bool adding = request.method == "POST" && id.empty();
  if (!adding && (request.method != "DELETE" || id.empty())) {
    return NotFound("Not Found").WithReason("notFound");
  }
  Json config;
  if (adding) {
    ASSIGN_OR_RETURN(config, ReadConfig(body));
  }
  const auto edit = [&](Bucket* edited) -> Status {
    Json list = ListOf(*edited);
    if (adding) {
      if (list.size() >= kConfigLimit) {
        return InvalidArgument("A bucket has at most 100 notification configurations.")
            .WithReason("invalid");
      }
      int64_t next = 1;
      for (const Json& item : list) {
        next = std::max(next, ParseInt64(item.value("id", std::string("0"))).value_or(0) + 1);
      }
      config["kind"] = "storage#notification";
      config["id"] = std::to_string(next);
      config["etag"] = std::to_string(next);
      config["selfLink"] = fmt::format("{}/storage/v1/b/{}/notificationConfigs/{}",
                                       request.base_url, edited->name(), next);
      list.push_back(config);
    } else {
      const size_t at = Find(list, id);
      if (at == list.size()) return NoSuchConfig(id);
      list.erase(at);
    }
    (*edited->mutable_settings())[kSetting] = ToValue(list);
    return OkStatus();
  };
  RETURN_IF_ERROR(parts_.store->UpdateBucket(bucket.name(), {}, edit).status());
  if (!adding) return EmptyResponse(204);
  return JsonResponse(Select(config, request.fields).dump());
}

}  // namespace hodei::wire::gcs
