#include "wire/metadata/metadata_api.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/testing/fake_clock.h"

namespace hodei::wire::metadata {
namespace {

constexpr char kJob[] = "projects/p-1/jobs/train";
constexpr char kEmail[] = "service-77@cloud-ml.google.com.iam.gserviceaccount.com";

class MetadataApiTest : public ::testing::Test {
 protected:
  net::RequestHead Head(std::string target) {
    net::RequestHead head;
    head.method = "GET";
    head.target = std::move(target);
    head.host = "metadata.google.internal";
    head.peer.socket_label = std::string("web:") + kJob;
    head.headers.Add("Metadata-Flavor", "Google");
    return head;
  }
  net::HttpResponse Ask(const net::RequestHead& head) {
    EXPECT_TRUE(MetadataApi::Owns(head));
    return api_.Start(head)->OnEnd();
  }
  net::HttpResponse Get(const std::string& below) {
    return Ask(Head("/computeMetadata/v1" + below));
  }
  static std::string BodyOf(const net::HttpResponse& response) {
    return std::get<std::string>(response.body);
  }
  std::string Text(const std::string& below) {
    const net::HttpResponse response = Get(below);
    EXPECT_EQ(response.status, 200) << below;
    EXPECT_EQ(response.headers.Get("Metadata-Flavor"), "Google");
    return BodyOf(response);
  }

  testing::FakeClock clock_;
  access::JobTokens tokens_{Secret(std::string(32, 'k')), &clock_};
  MetadataApi api_{&tokens_, [](const std::string& job) -> Result<JobDescription> {
                     if (job != kJob) return NotFound("no such job");
                     return JobDescription{"p-1", 77, "train", "us-central1"};
                   }};
};

TEST_F(MetadataApiTest, TellsProjectAndInstance) {
  EXPECT_EQ(Text("/project/project-id"), "p-1");
  EXPECT_EQ(Text("/project/numeric-project-id"), "77");
  EXPECT_EQ(Text("/instance/zone"), "projects/77/zones/us-central1-a");
  EXPECT_EQ(Text("/instance/region"), "projects/77/regions/us-central1");
  EXPECT_EQ(Text("/instance/attributes/"), "");
  EXPECT_EQ(Text("/instance/name"), "train");
  EXPECT_GT(std::stoull(Text("/instance/id")), 0u);
  EXPECT_EQ(Text("/"), "instance/\nproject/\n");
}

TEST_F(MetadataApiTest, TellsTheServiceAccountUnderBothNames) {
  for (const std::string& name : {std::string("default"), std::string(kEmail)}) {
    const std::string account = "/instance/service-accounts/" + name;
    EXPECT_EQ(Text(account + "/email"), kEmail);
    EXPECT_EQ(Text(account + "/aliases"), "default\n");
    EXPECT_EQ(Text(account + "/"), "aliases\nemail\nscopes\n");
    const auto json = nlohmann::json::parse(Text(account + "/?recursive=true"));
    EXPECT_EQ(json.at("email"), kEmail);
    EXPECT_EQ(json.at("aliases"), nlohmann::json({"default"}));
    EXPECT_EQ(json.at("scopes").at(0), "https://www.googleapis.com/auth/cloud-platform");
  }
  EXPECT_EQ(Get("/instance/service-accounts/other@example.com/token").status, 404);
}

TEST_F(MetadataApiTest, GivesATokenOfThisJobThatEnds) {
  for (const char* path : {"/instance/service-accounts/default/token",
                           "/instance/service-accounts/default/token?scopes=a%2Cb&alt=json"}) {
    const auto json = nlohmann::json::parse(Text(path));
    EXPECT_EQ(json.at("token_type"), "Bearer");
    EXPECT_EQ(json.at("expires_in"), 1800);
    EXPECT_TRUE(tokens_.IsValid(json.at("access_token").get<std::string>(), kJob));
  }
}

TEST_F(MetadataApiTest, EverythingAtOnceAsJsonOrLines) {
  const auto json = nlohmann::json::parse(Text("/?recursive=true"));
  EXPECT_EQ(json.at("project").at("projectId"), "p-1");
  EXPECT_EQ(json.at("project").at("numericProjectId"), 77);
  EXPECT_EQ(json.at("instance").at("serviceAccounts").at(kEmail).at("email"), kEmail);
  EXPECT_EQ(Text("/project/?recursive=true&alt=text"), "numeric-project-id 77\nproject-id p-1\n");
  EXPECT_EQ(Text("/project/project-id?alt=json"), "\"p-1\"");
}

TEST_F(MetadataApiTest, AFolderWithoutSlashIsAFolderElsewhere) {
  const net::HttpResponse response = Get("/instance?x=1");
  EXPECT_EQ(response.status, 301);
  EXPECT_EQ(response.headers.Get("Location"), "/computeMetadata/v1/instance/?x=1");
}

// T18: what a browser or a server that is made to fetch a URL can send gets nothing.
TEST_F(MetadataApiTest, RefusesRequestsThatOthersCouldMake) {
  const std::string token = "/computeMetadata/v1/instance/service-accounts/default/token";
  net::RequestHead head = Head(token);
  head.headers.Remove("Metadata-Flavor");
  EXPECT_EQ(Ask(head).status, 403);
  head.headers.Add("Metadata-Flavor", "google?");
  EXPECT_EQ(Ask(head).status, 403);
  head = Head(token);
  head.headers.Add("X-Forwarded-For", "10.0.0.1");
  EXPECT_EQ(Ask(head).status, 403);
  head = Head(token);
  head.method = "POST";
  EXPECT_EQ(Ask(head).status, 405);
}

TEST_F(MetadataApiTest, IsThereOnAJobsPrivateNamesOnly) {
  net::RequestHead head = Head("/");
  for (const char* host : {"metadata", "169.254.169.254", "169.254.169.254:80"}) {
    head.host = host;
    EXPECT_TRUE(MetadataApi::Owns(head)) << host;
  }
  for (const char* host : {"", "storage.googleapis.com", "metadata.example.com"}) {
    head.host = host;
    EXPECT_FALSE(MetadataApi::Owns(head)) << host;
  }
  head.host = "metadata.google.internal";
  for (const char* label : {"", "job:projects/p-1/jobs/train", "tls:projects/p-1/jobs/train"}) {
    head.peer.socket_label = label;
    EXPECT_FALSE(MetadataApi::Owns(head)) << label;
  }
}

TEST_F(MetadataApiTest, WhatIsNotThereIsNotFound) {
  for (const char* below : {"/nothing", "/instance/name/more", "/project//project-id", "x",
                            "/instance/service-accounts/default/identity?audience=a"}) {
    EXPECT_EQ(Get(below).status, 404) << below;
  }
  EXPECT_EQ(Ask(Head("/elsewhere")).status, 404);
  EXPECT_EQ(Get("/instance/?wait_for_change=true").status, 400);
  net::RequestHead head = Head("/computeMetadata/v1/project/project-id");
  head.peer.socket_label = "web:projects/p-1/jobs/gone";
  EXPECT_EQ(Ask(head).status, 503);
}

}  // namespace
}  // namespace hodei::wire::metadata
