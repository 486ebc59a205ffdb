#include "service/location_service.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"

namespace hodei::service {
namespace {

namespace ml = google::cloud::ml::v1;
using hodei::testing::StatusIs;

class LocationServiceTest : public ::testing::Test {
 protected:
  wire::PageTokens tokens_{Secret("0123456789abcdef")};
  LocationService service_{{ml::NVIDIA_TESLA_T4}, &tokens_};
};

TEST_F(LocationServiceTest, ListsEveryRegionOnceThroughPages) {
  ml::ListLocationsRequest request;
  request.set_parent("projects/p");
  ASSERT_OK_AND_ASSIGN(const ml::ListLocationsResponse all, service_.ListLocations({}, request));
  EXPECT_GE(all.locations_size(), 20);
  request.set_page_size(7);
  int paged = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const ml::ListLocationsResponse page, service_.ListLocations({}, request));
    for (const ml::Location& location : page.locations()) {
      EXPECT_EQ(location.name(), all.locations(paged++).name());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(paged, all.locations_size());
}

TEST_F(LocationServiceTest, SaysWhatALocationHas) {
  ml::GetLocationRequest request;
  request.set_name("projects/p/locations/us-central1");
  ASSERT_OK_AND_ASSIGN(const ml::Location location, service_.GetLocation({}, request));
  EXPECT_EQ(location.capabilities_size(), 3);
  EXPECT_EQ(location.capabilities(0).available_accelerators(0), ml::NVIDIA_TESLA_T4);
  request.set_name("projects/p/locations/mars-north1");
  EXPECT_THAT(service_.GetLocation({}, request), StatusIs(Code::kNotFound));
  EXPECT_FALSE(IsKnownRegion("mars-north1"));
  EXPECT_FALSE(IsKnownRegion(""));
}

}  // namespace
}  // namespace hodei::service
