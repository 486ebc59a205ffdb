#include "wire/gcs/testing/gcs_fixture.h"

#include <fmt/format.h>

namespace hodei::wire::gcs::testing {

void GcsFixture::SetUp() {
  const Answered made = http.Call("POST", "/storage/v1/b?project=p", R"({"name":"bucket"})");
  ASSERT_EQ(made.status, 200) << made.body;
}

Answered GcsFixture::Put(const std::string& name, const std::string& bytes,
                         const std::string& parameters, const std::string& type) {
  return http.Call(
      "POST",
      fmt::format("{}?uploadType=media&name={}{}", kUpload, PercentEncode(name), parameters), bytes,
      {{"Content-Type", type}});
}

Answered GcsFixture::Media(const std::string& name, const GcsCaller::HeaderList& headers) {
  return http.Call("GET", fmt::format("{}/{}?alt=media", kObjects, PercentEncode(name)), "",
                   headers);
}

Answered GcsFixture::Meta(const std::string& name) {
  return http.Call("GET", fmt::format("{}/{}", kObjects, PercentEncode(name)));
}

std::string GcsFixture::StartSession(const std::string& name, const GcsCaller::HeaderList& headers,
                                     const std::string& parameters) {
  const Answered started = http.Call(
      "POST",
      fmt::format("{}?uploadType=resumable&name={}{}", kUpload, PercentEncode(name), parameters),
      "", headers);
  EXPECT_EQ(started.status, 200) << started.body;
  std::string location(started.headers.Get("Location"));
  EXPECT_THAT(location,
              ::testing::StartsWith("http://store.test:8080/upload/storage/v1/b/bucket/o?"));
  return location.substr(std::string("http://store.test:8080").size());
}

Answered GcsFixture::Send(const std::string& session, const std::string& range,
                          const std::string& bytes, GcsCaller::HeaderList headers) {
  headers.emplace_back("Content-Range", range);
  return http.Call("PUT", session, bytes, headers);
}

std::string Reason(const Answered& answered) {
  const Json json = answered.json();
  if (!json.is_object() || !json.contains("error")) return "none";
  return json["error"]["errors"][0]["reason"].get<std::string>();
}

}  // namespace hodei::wire::gcs::testing
