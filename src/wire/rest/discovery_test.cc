#include "wire/rest/discovery.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>

#include "base/testing/golden.h"
#include "base/testing/status_matchers.h"
#include "net/http_message.h"
#include "wire/json/parse_json.h"
#include "wire/rest/api_services.h"

namespace hodei::wire::rest {
namespace {

std::string Document() {
  return DiscoveryDocument("ml", "v1", "http://127.0.0.1:8080/", ApiServices());
}

TEST(Discovery, MlDocumentIsGolden) {
  hodei::testing::ExpectGolden(HODEI_SOURCE_DIR, "discovery_ml_v1.json", Document());
}

TEST(Discovery, EveryReferenceHasItsSchema) {
  google::protobuf::Struct document;
  ASSERT_THAT(ParseJson(Document(), &document), hodei::testing::IsOk());
  const auto& schemas = document.fields().at("schemas").struct_value().fields();
  EXPECT_TRUE(schemas.contains("GoogleCloudMlV1__Job"));
  EXPECT_TRUE(schemas.contains("GoogleCloudMlV1_HyperparameterOutput_HyperparameterMetric"));
  EXPECT_TRUE(schemas.contains("GoogleLongrunning__Operation"));
  const std::string text = Document();
  constexpr std::string_view kRef = "\"$ref\": \"";
  for (size_t at = text.find(kRef); at != std::string::npos; at = text.find(kRef, at + 1)) {
    const size_t start = at + kRef.size();
    const std::string name = text.substr(start, text.find('"', start) - start);
    EXPECT_TRUE(schemas.contains(name)) << name;
  }
}

TEST(Discovery, ChoosesByPathParameterOrHost) {
  struct Case {
    const char* target;
    const char* host;
    const char* chosen;
  };
  const Case kCases[] = {
      {"/$discovery/rest?version=v1", "127.0.0.1:8080", "ml v1"},
      {"/$discovery/rest", "127.0.0.1:8080", "ml v1"},
      {"/%24discovery/rest?version=v1", "ml.googleapis.com", "ml v1"},
      {"/$discovery/rest?version=v2", "logging.googleapis.com", "logging v2"},
      {"/$discovery/rest?version=v1&name=cloudresourcemanager", "h", "cloudresourcemanager v1"},
      {"/$discovery/rest?version=v1", "us-central1-ml.googleapis.com", "ml v1"},
      {"/$discovery/rest?version=v9", "h", "none"},
      {"/discovery/v1/apis/ml/v1/rest", "h", "ml v1"},
      {"/discovery/v1/apis/logging/v2/rest", "h", "logging v2"},
      {"/discovery/v1/apis/ml/v2/rest", "h", "none"},
      {"/discovery/v1/apis/x/rest", "h", "none"},
      {"/discovery/v1/apis//rest", "h", "none"},
  };
  for (const Case& c : kCases) {
    net::RequestHead head;
    head.target = c.target;
    head.host = c.host;
    ASSERT_TRUE(IsDiscoveryPath(head.path())) << c.target;
    const auto choice = ChooseDiscovery(head, ApiServices());
    EXPECT_EQ(choice ? choice->name + " " + choice->version : "none", c.chosen)
        << c.target << c.host;
  }
  EXPECT_FALSE(IsDiscoveryPath("/discovery/v1/apis/ml/v1"));
  EXPECT_FALSE(IsDiscoveryPath("/$discovery/restx"));
}

}  // namespace
}  // namespace hodei::wire::rest
