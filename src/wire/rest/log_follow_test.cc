#include "wire/rest/log_follow.h"

#include <gmock/gmock.h>

#include <future>
#include <mutex>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei::wire::rest {
namespace {

using google::logging::v2::INFO;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::HasSubstr;

class LogFollowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto logs = store::LogStore::Open(dir_.path() + "/logs", clock_);
    ASSERT_THAT(logs, IsOk());
    logs_ = std::move(*logs);
    follow_ = std::make_unique<LogFollow>(logs_.get(), meta_.get(), "job",
                                          [this](const std::string& name) { return State(name); });
  }
  Result<FollowedJob> State(const std::string& name) {
    if (name != "projects/p/jobs/j") return NotFound("no such job");
    std::lock_guard lock(mutex_);
    return job_;
  }
  void End() {
    {
      std::lock_guard lock(mutex_);
      job_ = {"SUCCEEDED", true};
    }
    EXPECT_THAT(meta_->Commit({{store::Write::Op::kPut, "job", "projects/p/jobs/j", "v", {}}}),
                IsOk());
  }
  static Result<std::string> Next(net::StreamBody* body) {
    auto promise = std::make_shared<std::promise<Result<std::string>>>();
    body->Next([promise](Result<std::string> piece) { promise->set_value(std::move(piece)); });
    return promise->get_future().get();
  }

  TemporaryDirectory dir_;
  hodei::testing::FakeClock clock_;
  std::unique_ptr<store::LogStore> logs_;
  std::unique_ptr<store::MetaStore> meta_ = store::MakeMemoryMetaStore();
  std::mutex mutex_;
  FollowedJob job_{"RUNNING", false};
  std::unique_ptr<LogFollow> follow_;
};

TEST_F(LogFollowTest, GivesEntriesThenTheEnd) {
  ASSERT_THAT(logs_->AppendService("p", "j", INFO, "one"), IsOk());
  ASSERT_OK_AND_ASSIGN(auto body, follow_->Open("p", "j", {}));
  EXPECT_THAT(*Next(body.get()), HasSubstr("\"textPayload\":\"one\""));
  auto waiting = std::async(std::launch::async, [&] { return Next(body.get()); });
  ASSERT_THAT(logs_->AppendService("p", "j", INFO, "two"), IsOk());
  EXPECT_THAT(*waiting.get(), HasSubstr("two"));
  auto end = std::async(std::launch::async, [&] { return Next(body.get()); });
  End();
  EXPECT_EQ(*end.get(), "{\"end\":true,\"state\":\"SUCCEEDED\"}\n");
  EXPECT_EQ(*Next(body.get()), "");
}

TEST_F(LogFollowTest, UnknownJobIsRefused) {
  EXPECT_THAT(follow_->Open("p", "none", {}), StatusIs(Code::kNotFound));
}

TEST_F(LogFollowTest, StoppingEndsOpenStreams) {
  ASSERT_OK_AND_ASSIGN(auto body, follow_->Open("p", "j", {}));
  auto waiting = std::async(std::launch::async, [&] { return Next(body.get()); });
  ASSERT_THAT(logs_->AppendService("p", "j", INFO, "x"), IsOk());
  EXPECT_THAT(waiting.get(), IsOk());
  follow_.reset();
  body.reset();
}

}  // namespace
}  // namespace hodei::wire::rest
