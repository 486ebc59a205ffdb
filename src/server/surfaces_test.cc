#include "server/surfaces.h"

#include <gmock/gmock.h>

#include "base/testing/fake_clock.h"
#include "base/testing/golden.h"
#include "base/testing/status_matchers.h"
#include "domain/access/testing/fake_access.h"
#include "sys/file.h"

namespace hodei::server {
namespace {

// Its jobs are never asked for: only which methods are bound is looked at.
class NoTraining : public Training {
 public:
  service::JobService* jobs() override { return nullptr; }
  exec::Executor* executor() override { return nullptr; }
  environments::Environments* environments() override { return nullptr; }
  jobs::JobReconciler* reconciler() override { return nullptr; }
  void Listen(Listener) override {}
  std::vector<std::string> notices() const override { return {}; }
  void StartReconciling() override {}
  void StopReconciling() override {}
};

class SurfacesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto logs = store::LogStore::Open(dir_.path() + "/logs", clock_);
    ASSERT_THAT(logs, hodei::testing::IsOk());
    logs_ = std::move(*logs);
    auto serving = Serving::Open({.meta = meta_.get(),
                                  .objects = objects_.get(),
                                  .logs = logs_.get(),
                                  .training = &training_,
                                  .authorizer = &authorizer_,
                                  .page_tokens = &page_tokens_,
                                  .clock = &clock_});
    ASSERT_THAT(serving, hodei::testing::IsOk());
    serving_ = std::move(*serving);
    surfaces_ = std::make_unique<Surfaces>(Surfaces::Parts{.meta = meta_.get(),
                                                           .objects = objects_.get(),
                                                           .logs = logs_.get(),
                                                           .authenticator = &authenticator_,
                                                           .authorizer = &authorizer_,
                                                           .projects = nullptr,
                                                           .training = &training_,
                                                           .serving = serving_.get(),
                                                           .page_tokens = &page_tokens_,
                                                           .clock = &clock_,
                                                           .public_names = {},
                                                           .health = &health_});
  }

  // What the first surface that takes the request answers.
  int StatusOf(const net::RequestHead& head) {
    for (const Surface& surface : surfaces_->All()) {
      if (surface.owns(head)) return surface.start(head)->OnEnd().status;
    }
    return 0;
  }

  TemporaryDirectory dir_;
  hodei::testing::FakeClock clock_;
  std::unique_ptr<store::MetaStore> meta_ = store::MakeMemoryMetaStore();
  std::unique_ptr<store::ObjectStore> objects_ = store::MakeMemoryObjectStore(&clock_);
  std::unique_ptr<store::LogStore> logs_;
  Health health_;
  access::testing::FakeAuthenticator authenticator_;
  access::testing::FakeAuthorizer authorizer_;
  wire::PageTokens page_tokens_{Secret("0123456789abcdef")};
  NoTraining training_;
  std::unique_ptr<Serving> serving_;
  std::unique_ptr<Surfaces> surfaces_;
};

// What this release answers with 501: the list can only change with the diff of this file.
TEST_F(SurfacesTest, UnimplementedMethodsAreListed) {
  std::string text;
  for (const std::string& method : surfaces_->UnboundMethods()) text += method + "\n";
  hodei::testing::ExpectGolden(HODEI_SOURCE_DIR, "unimplemented_methods.txt", text);
}

TEST_F(SurfacesTest, OnlyHealthAnswersWithoutACredential) {
  for (const char* target :
       {"/", "/v1/projects/p/jobs", "/v1/projects/p/jobs/j:followLogs", "/storage/v1/b", "/b/o",
        "/metrics", "/no/such/route", "/$discovery/rest"}) {
    net::RequestHead head;
    head.method = "GET";
    head.target = target;
    head.host = "127.0.0.1";
    EXPECT_EQ(StatusOf(head), 401) << target;
  }
  net::RequestHead health;
  health.method = "GET";
  health.target = "/healthz";
  health.host = "127.0.0.1";
  EXPECT_EQ(StatusOf(health), 200);
}

}  // namespace
}  // namespace hodei::server
