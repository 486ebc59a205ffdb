// Locations. All of them are this installation: the names are accepted so that programs and habits
// written for the original go on working. Thread-safe.
#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "google/cloud/ml/v1/location.pb.h"
#include "service/call_context.h"
#include "wire/paging/page_token.h"

namespace hodei::service {

// True for the names of the original's regions, in which jobs may be asked for.
bool IsKnownRegion(std::string_view region);

class LocationService {
 public:
  // `accelerators`: what the executors of this installation have. `page_tokens` is not owned.
  LocationService(std::vector<google::cloud::ml::v1::AcceleratorType> accelerators,
                  const wire::PageTokens* page_tokens)
      : accelerators_(std::move(accelerators)), page_tokens_(page_tokens) {}

  Result<google::cloud::ml::v1::ListLocationsResponse> ListLocations(
      const CallContext& context, const google::cloud::ml::v1::ListLocationsRequest& request);
  Result<google::cloud::ml::v1::Location> GetLocation(
      const CallContext& context, const google::cloud::ml::v1::GetLocationRequest& request);

 private:
  google::cloud::ml::v1::Location MakeLocation(std::string_view name) const;

  const std::vector<google::cloud::ml::v1::AcceleratorType> accelerators_;
  const wire::PageTokens* const page_tokens_;
};

}  // namespace hodei::service
