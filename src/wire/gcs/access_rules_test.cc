// Who may do what: credentials, strangers, policies, public buckets.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT

using GcsAccess = GcsFixture;

TEST_F(GcsAccess, EveryRootAsksForACredential) {
  for (const char* target :
       {"/storage/v1/b?project=p", "/storage/v1/b/bucket", "/storage/v1/b/bucket/o",
        "/storage/v1/b/bucket/o/x?alt=media", "/download/storage/v1/b/bucket/o/x",
        "/upload/storage/v1/b/bucket/o?uploadType=media&name=x", "/storage/v1/nonsense",
        "/resumable/upload/storage/v1/b/bucket/o?uploadType=resumable&name=x", "/batch/storage/v1",
        "/bucket", "/bucket/x", "/", "/storage/v1/b/%zz"}) {
    for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"}) {
      for (const char* credential : {"", "Bearer ", "Bearer wrong", "Basic YTpi"}) {
        const Answered answered = http.Call(method, target, "", {{"Authorization", credential}});
        EXPECT_EQ(answered.status, 401) << method << " " << target << " '" << credential << "'";
      }
    }
  }
}

TEST_F(GcsAccess, StrangersSeeNoBucket) {
  ASSERT_EQ(Put("x", "secret").status, 200);
  http.authorizer.DenyProject("p");
  for (const char* target : {"/storage/v1/b/bucket", "/storage/v1/b/bucket/o",
                             "/storage/v1/b/bucket/o/x", "/storage/v1/b/bucket/o/x?alt=media",
                             "/storage/v1/b/bucket/iam", "/storage/v1/b/bucket/storageLayout"}) {
    const Answered there = http.Call("GET", target);
    std::string absent_target = target;
    absent_target.replace(absent_target.find("bucket"), 6, "absent");
    const Answered absent = http.Call("GET", absent_target);
    EXPECT_EQ(there.status, 404) << target;
    EXPECT_EQ(there.body, absent.body) << target;
  }
  EXPECT_EQ(Put("x", "overwrite").status, 404);
  EXPECT_EQ(http.Call("DELETE", "/storage/v1/b/bucket/o/x").status, 404);
}

TEST_F(GcsAccess, MissingPermissionsAreForbidden) {
  ASSERT_EQ(Put("x", "bytes").status, 200);
  http.authorizer.Deny("storage.objects.create");
  http.authorizer.Deny("storage.objects.delete");
  EXPECT_EQ(Put("y", "bytes").status, 403);
  EXPECT_EQ(http.Call("DELETE", "/storage/v1/b/bucket/o/x").status, 403);
  EXPECT_EQ(Media("x").body, "bytes");
}

TEST_F(GcsAccess, AccessListsAndPolicies) {
  ASSERT_EQ(Put("o", "x").status, 200);
  const std::string acl = std::string(kObjects) + "/o/acl";
  Json json = http.Call("POST", acl, R"({"entity":"allUsers","role":"READER"})").json();
  EXPECT_EQ(json["role"], "READER");
  EXPECT_EQ(http.Call("GET", acl + "/allUsers").json()["entity"], "allUsers");
  EXPECT_EQ(http.Call("GET", acl).json()["items"].size(), 1u);
  EXPECT_EQ(http.Call("DELETE", acl + "/allUsers").status, 204);
  EXPECT_EQ(http.Call("GET", acl + "/allUsers").status, 404);
  const std::string iam = "/storage/v1/b/bucket/iam";
  json = http.Call("GET", iam).json();
  json["bindings"].push_back(Json{{"role", "roles/storage.objectViewer"}, {"members", {"user:a"}}});
  EXPECT_EQ(http.Call("PUT", iam, json.dump()).json()["bindings"].size(), 3u);
  EXPECT_EQ(http.Call("PUT", iam, json.dump()).status, 412);
  EXPECT_EQ(http.Call("GET", iam + "/testPermissions?permissions=a.b&permissions=c.d")
                .json()["permissions"],
            Json::array({"a.b", "c.d"}));
}

class GcsPublic : public GcsFixture {
 protected:
  void SetUp() override {
    GcsFixture::SetUp();
    ASSERT_EQ(Put("o", "bytes").status, 200);
  }
  int As(const std::string& credential, const std::string& method, const std::string& target,
         const std::string& body = "") {
    return http.Call(method, target, body, {{"Authorization", credential}}).status;
  }
  int Anonymous(const std::string& method, const std::string& target) {
    return As("", method, target);
  }
  // What eve, who has no role in the project, gets.
  int Eve(const std::string& method, const std::string& target, const std::string& body = "") {
    http.authorizer.DenyProject("p");
    const int status = As("Bearer eve", method, target, body);
    http.authorizer.AllowProject("p");
    return status;
  }
  void SetPolicy(const std::string& role, const std::string& member) {
    Json policy{{"bindings", Json::array({Json{{"role", role}, {"members", {member}}}})}};
    const Answered set = http.Call("PUT", "/storage/v1/b/bucket/iam", policy.dump());
    ASSERT_EQ(set.status, 200) << set.body;
  }
  const std::string object = std::string(kObjects) + "/o";
};

TEST_F(GcsPublic, AllUsersReadWithoutACredentialAndDoNothingElse) {
  EXPECT_EQ(Anonymous("GET", object), 401);
  SetPolicy("roles/storage.objectAdmin", "allUsers");
  for (const std::string& target :
       {object, object + "?alt=media", std::string("/bucket/o"), std::string(kObjects),
        std::string("/bucket"), std::string("/download/storage/v1/b/bucket/o/o")}) {
    EXPECT_EQ(Anonymous("GET", target), 200) << target;
  }
  EXPECT_EQ(Anonymous("HEAD", "/bucket/o"), 200);
  EXPECT_EQ(Anonymous("GET", "/bucket/none"), 404);
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{
           {"DELETE", object},
           {"PATCH", object},
           {"PUT", "/bucket/new"},
           {"DELETE", "/bucket/o"},
           {"POST", std::string(kUpload) + "?uploadType=media&name=new"},
           {"POST", std::string(kUpload) + "?uploadType=resumable&name=new"},
           {"POST", object + "/rewriteTo/b/bucket/o/copy"},
           {"POST", std::string(kObjects) + "/c/compose"},
           {"POST", "/batch/storage/v1"},
           {"GET", "/storage/v1/b/bucket/iam"},
           {"GET", "/storage/v1/b/absent"},
           {"GET", "/storage/v1/b?project=p"},
           {"GET", "/storage/v1/projects/p/hmacKeys"},
           {"GET", object + "/acl"},
           {"DELETE", "/storage/v1/b/bucket"}}) {
    EXPECT_EQ(Anonymous(method, target), 401) << method << " " << target;
  }
  EXPECT_EQ(Media("o").body, "bytes");
}

TEST_F(GcsPublic, ABadCredentialIsNotTakenForNone) {
  SetPolicy("roles/storage.objectViewer", "allUsers");
  EXPECT_EQ(Anonymous("GET", object), 200);
  EXPECT_EQ(As("Bearer wrong", "GET", object), 401);
  EXPECT_EQ(As("Basic YTpi", "GET", object), 401);
  EXPECT_EQ(Anonymous("GET", object + "?access_token=wrong"), 401);
}

TEST_F(GcsPublic, AuthenticatedUsersAreNotEverybody) {
  SetPolicy("roles/storage.objectViewer", "allAuthenticatedUsers");
  EXPECT_EQ(Anonymous("GET", object), 401);
  EXPECT_EQ(Eve("GET", object), 200);
  EXPECT_EQ(Eve("DELETE", object), 403);
}

TEST_F(GcsPublic, TheBucketsPolicyGivesWhatItSays) {
  EXPECT_EQ(Eve("GET", object), 404);
  SetPolicy("roles/storage.objectViewer", "user:eve@x");
  EXPECT_EQ(Eve("GET", object), 200);
  EXPECT_EQ(Eve("DELETE", object), 403);
  SetPolicy("roles/storage.objectAdmin", "user:eve@x");
  EXPECT_EQ(Eve("PATCH", object, "{}"), 200);
  EXPECT_EQ(Eve("GET", "/storage/v1/b/bucket/iam"), 403);
  SetPolicy("roles/storage.legacyBucketReader", "user:eve@x");
  EXPECT_EQ(Eve("GET", kObjects), 200);
  EXPECT_EQ(Eve("GET", object), 403);
  SetPolicy("roles/storage.objectAdmin", "user:else@x");
  EXPECT_EQ(Eve("GET", object), 404);
}

TEST_F(GcsPublic, PoliciesThatMeanNothingAreRefused) {
  const auto set = [&](const Json& binding) {
    return http
        .Call("PUT", "/storage/v1/b/bucket/iam", Json{{"bindings", Json::array({binding})}}.dump())
        .status;
  };
  EXPECT_EQ(set(Json{{"role", "roles/none"}, {"members", {"user:a@x"}}}), 400);
  EXPECT_EQ(set(Json{{"role", "roles/storage.admin"}, {"members", {"a@x"}}}), 400);
  EXPECT_EQ(set(Json{{"role", "roles/storage.admin"},
                     {"members", {"user:a@x"}},
                     {"condition", {{"expression", "true"}}}}),
            400);
  EXPECT_EQ(http.Call("PUT", "/storage/v1/b/bucket/iam", R"({"bindings":{}})").status, 400);
}

TEST_F(GcsPublic, PublicAccessPreventionClosesWhatWasOpen) {
  SetPolicy("roles/storage.objectViewer", "allUsers");
  ASSERT_EQ(http.Call("POST", object + "/acl", R"({"entity":"allUsers","role":"READER"})").status,
            200);
  EXPECT_EQ(Anonymous("GET", object), 200);
  const auto prevent = [&](const char* how) {
    return http
        .Call("PATCH", "/storage/v1/b/bucket",
              Json{{"iamConfiguration", {{"publicAccessPrevention", how}}}}.dump())
        .status;
  };
  ASSERT_EQ(prevent("enforced"), 200);
  EXPECT_EQ(Anonymous("GET", object), 401);
  EXPECT_EQ(http.Call("POST", object + "/acl", R"({"entity":"allUsers","role":"READER"})").status,
            412);
  EXPECT_EQ(
      http.Call("PUT", "/storage/v1/b/bucket/iam",
                R"({"bindings":[{"role":"roles/storage.objectViewer","members":["allUsers"]}]})")
          .status,
      412);
  EXPECT_EQ(Put("p", "x", "&predefinedAcl=publicRead").status, 412);
  ASSERT_EQ(prevent("inherited"), 200);
  EXPECT_EQ(Anonymous("GET", object), 200);
}

TEST_F(GcsPublic, AnObjectsOwnListOpensThatObject) {
  ASSERT_EQ(Put("open", "public", "&predefinedAcl=publicRead").status, 200);
  EXPECT_EQ(Anonymous("GET", std::string(kObjects) + "/open?alt=media"), 200);
  EXPECT_EQ(Anonymous("GET", "/bucket/open"), 200);
  EXPECT_EQ(Anonymous("GET", object), 401);
  EXPECT_EQ(Anonymous("GET", kObjects), 401);
  // A copy is not public because its source was.
  ASSERT_EQ(http.Call("POST", std::string(kObjects) + "/open/copyTo/b/bucket/o/copy").status, 200);
  EXPECT_EQ(Anonymous("GET", "/bucket/copy"), 401);
  // Uniform access takes the lists out of force.
  ASSERT_EQ(http.Call("PATCH", "/storage/v1/b/bucket",
                      R"({"iamConfiguration":{"uniformBucketLevelAccess":{"enabled":true}}})")
                .status,
            200);
  EXPECT_EQ(Anonymous("GET", "/bucket/open"), 401);
  EXPECT_EQ(Put("p", "x", "&predefinedAcl=publicRead").status, 400);
}

TEST_F(GcsPublic, TheDefaultListOfABucketIsGivenToNewObjects) {
  ASSERT_EQ(http.Call("POST", "/storage/v1/b/bucket/defaultObjectAcl",
                      R"({"entity":"allUsers","role":"READER"})")
                .status,
            200);
  EXPECT_EQ(Anonymous("GET", "/bucket/o"), 401);
  ASSERT_EQ(Put("new", "x").status, 200);
  EXPECT_EQ(Anonymous("GET", "/bucket/new"), 200);
  ASSERT_EQ(Put("closed", "x", "&predefinedAcl=private").status, 200);
  EXPECT_EQ(Anonymous("GET", "/bucket/closed"), 401);
}

TEST_F(GcsPublic, ReadersOfWhatIsPublicDoNotRelabelIt) {
  SetPolicy("roles/storage.objectViewer", "allUsers");
  const std::string target = "/bucket/o?response-content-type=text/html";
  EXPECT_EQ(http.Call("GET", target, "", {{"Authorization", ""}}).headers.Get("Content-Type"),
            "text/plain");
  const Answered own = http.Call("GET", target);
  EXPECT_EQ(own.headers.Get("Content-Type"), "text/html");
  EXPECT_EQ(own.headers.Get("Content-Disposition"), "attachment");
}

TEST_F(GcsPublic, HmacKeysAreMadeListedSwitchedOffAndDeleted) {
  http.AddSigner("acc@p.iam.gserviceaccount.com", "");
  const std::string keys = "/storage/v1/projects/p/hmacKeys";
  const std::string make = keys + "?serviceAccountEmail=acc%40p.iam.gserviceaccount.com";
  EXPECT_EQ(http.Call("POST", keys).status, 400);
  EXPECT_EQ(http.Call("POST", keys + "?serviceAccountEmail=no%40p").status, 404);
  EXPECT_EQ(http.Call("POST",
                      "/storage/v1/projects/q/hmacKeys?serviceAccountEmail="
                      "acc%40p.iam.gserviceaccount.com")
                .status,
            404);
  const Json made = http.Call("POST", make).json();
  EXPECT_EQ(made["kind"], "storage#hmacKey");
  EXPECT_EQ(made["secret"].get<std::string>().size(), 40u);
  const std::string id = made["metadata"]["accessId"];
  EXPECT_EQ(id.size(), 61u);
  const std::string key = keys + "/" + id;
  Json shown = http.Call("GET", key).json();
  EXPECT_EQ(shown["state"], "ACTIVE");
  EXPECT_FALSE(shown.contains("secret"));
  EXPECT_EQ(http.Call("GET", keys).json()["items"].size(), 1u);
  EXPECT_EQ(http.Call("DELETE", key).status, 400);
  EXPECT_EQ(http.Call("PUT", key, R"({"state":"INACTIVE","etag":"no"})").status, 412);
  EXPECT_EQ(http.Call("PUT", key, R"({"state":"DELETED"})").status, 400);
  EXPECT_EQ(http.Call("PUT", key, R"({"state":"INACTIVE"})").json()["state"], "INACTIVE");
  EXPECT_EQ(http.Call("DELETE", key).status, 204);
  EXPECT_EQ(http.Call("GET", key).status, 404);
  EXPECT_FALSE(http.Call("GET", keys).json().contains("items"));
  for (size_t i = 0; i < access::kMaxHmacKeysPerAccount; ++i) {
    ASSERT_EQ(http.Call("POST", make).status, 200);
  }
  EXPECT_EQ(http.Call("POST", make).status, 429);
  const Json page = http.Call("GET", keys + "?maxResults=4").json();
  EXPECT_EQ(page["items"].size(), 4u);
  const std::string token = page["nextPageToken"];
  EXPECT_EQ(http.Call("GET", keys + "?pageToken=" + token).json()["items"].size(), 6u);
  http.authorizer.Deny("storage.hmacKeys.create");
  EXPECT_EQ(http.Call("POST", make).status, 403);
}

}  // namespace
}  // namespace hodei::wire::gcs
