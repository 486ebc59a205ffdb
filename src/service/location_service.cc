#include "service/location_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace hodei::service {
namespace {

namespace ml = google::cloud::ml::v1;

// In the order of their names. Predictions came only to some of the regions that train.
struct Region {
  std::string_view name;
  bool online_prediction;
};
constexpr Region kRegions[] = {
    {"asia-east1", true},
    {"asia-east2", false},
    {"asia-northeast1", true},
    {"asia-northeast2", false},
    {"asia-northeast3", false},
    {"asia-south1", false},
    {"asia-southeast1", true},
    {"australia-southeast1", true},
    {"europe-north1", false},
    {"europe-west1", true},
    {"europe-west2", true},
    {"europe-west3", true},
    {"europe-west4", true},
    {"europe-west6", false},
    {"northamerica-northeast1", true},
    {"southamerica-east1", false},
    {"us-central1", true},
    {"us-east1", true},
    {"us-east4", true},
    {"us-west1", true},
    {"us-west2", false},
    {"us-west3", false},
};
constexpr size_t kRegionCount = std::size(kRegions);

const Region* FindRegion(std::string_view name) {
  const auto* it = std::find_if(std::begin(kRegions), std::end(kRegions),
                                [&](const Region& region) { return region.name == name; });
  return it == std::end(kRegions) ? nullptr : it;
}

}  // namespace

bool IsKnownRegion(std::string_view region) { return FindRegion(region) != nullptr; }

ml::Location LocationService::MakeLocation(std::string_view name) const {
  ml::Location location;
  location.set_name(std::string(name));
  const Region* region = FindRegion(name.substr(name.rfind('/') + 1));
  for (const auto type : {ml::Capability::TRAINING, ml::Capability::BATCH_PREDICTION,
                          ml::Capability::ONLINE_PREDICTION}) {
    if (type == ml::Capability::ONLINE_PREDICTION && !region->online_prediction) continue;
    ml::Capability& capability = *location.add_capabilities();
    capability.set_type(type);
    for (const ml::AcceleratorType accelerator : accelerators_) {
      capability.add_available_accelerators(accelerator);
    }
  }
  return location;
}

Result<ml::ListLocationsResponse> LocationService::ListLocations(
    const CallContext&, const ml::ListLocationsRequest& request) {
  const std::string query = "ListLocations\n" + request.parent();
  // All of them fit one page, and the one client that lists them asks for no size.
  ASSIGN_OR_RETURN(const int page_size,
                   wire::PageSize(request.page_size(), {.default_size = 100, .max_size = 100}));
  ASSIGN_OR_RETURN(const std::string after, page_tokens_->Open(query, request.page_token()));
  size_t at = 0;
  std::from_chars(after.data(), after.data() + after.size(), at);
  ml::ListLocationsResponse response;
  for (; at < kRegionCount && response.locations_size() < page_size; ++at) {
    *response.add_locations() =
        MakeLocation(fmt::format("{}/locations/{}", request.parent(), kRegions[at].name));
  }
  if (at < kRegionCount)
    response.set_next_page_token(page_tokens_->Seal(query, std::to_string(at)));
  return response;
}

Result<ml::Location> LocationService::GetLocation(const CallContext&,
                                                  const ml::GetLocationRequest& request) {
  const std::string_view id =
      std::string_view(request.name()).substr(request.name().rfind('/') + 1);
  if (IsKnownRegion(id)) return MakeLocation(request.name());
  const std::string text = fmt::format("The location resource: \"{}\" was not found.", id);
  return NotFound("Field: name Error: " + text).WithViolation({"name", text});
}

}  // namespace hodei::service
