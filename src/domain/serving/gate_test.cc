#include "domain/serving/gate.h"

#include <gmock/gmock.h>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/serving/serving_host.h"

namespace hodei::serving {
namespace {

using hodei::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;

class GateTest : public ::testing::Test {
 protected:
  // What still waits must not be given a lease while the leases go.
  void TearDown() override { gate_->Refuse(Cancelled("the test ends"), true); }
  void Add(const std::string& id) {
    auto node = std::make_shared<Node>();
    node->id = id;
    gate_->AddNode(std::move(node));
  }
  // The node's id, or the error.
  void Ask() {
    gate_->Acquire([this](Result<Lease> lease) {
      if (lease.ok()) {
        leases_.push_back(std::make_unique<Lease>(std::move(*lease)));
      } else {
        errors_.push_back(lease.status());
      }
    });
  }

  hodei::testing::FakeClock clock_;
  int demands_ = 0;
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>(&clock_, [this] { ++demands_; });
  std::vector<std::unique_ptr<Lease>> leases_;
  std::vector<Status> errors_;
};

TEST_F(GateTest, TheLeastBusyNodeGetsTheRequest) {
  Add("a");
  Add("b");
  for (int i = 0; i < 4; ++i) Ask();
  ASSERT_EQ(leases_.size(), 4u);
  EXPECT_EQ(gate_->LoadOf("a").in_flight, 2);
  EXPECT_EQ(gate_->LoadOf("b").in_flight, 2);
  leases_.clear();
  EXPECT_EQ(gate_->Load().in_flight, 0);
}

TEST_F(GateTest, RequestsWaitForTheFirstNodeAndAreRefusedOverTheLimit) {
  for (size_t i = 0; i < kWaitingMax; ++i) Ask();
  EXPECT_GT(demands_, 0);
  EXPECT_TRUE(errors_.empty());
  Ask();
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_THAT(errors_[0], StatusIs(Code::kResourceExhausted));
  Add("a");
  EXPECT_EQ(leases_.size(), static_cast<size_t>(kNodeInFlightMax));
  leases_[0]->Finish(true);
  EXPECT_EQ(leases_.size(), static_cast<size_t>(kNodeInFlightMax) + 1) << "the next one took its place";
}

TEST_F(GateTest, WaitingEndsAtTheDeadline) {
  Ask();
  clock_.Advance(kRequestDeadline - milliseconds(1));
  gate_->Expire();
  EXPECT_TRUE(errors_.empty());
  clock_.Advance(milliseconds(1));
  gate_->Expire();
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_THAT(errors_[0], StatusIs(Code::kDeadlineExceeded));
}

TEST_F(GateTest, ADrainingNodeTakesNoNewRequestsAndSaysWhenItIsEmpty) {
  Add("a");
  Ask();
  gate_->Drain("a");
  Ask();
  EXPECT_EQ(leases_.size(), 1u);
  demands_ = 0;
  leases_[0]->Finish(true);
  EXPECT_EQ(demands_, 1);
  EXPECT_EQ(gate_->Load().waiting, 1);
}

TEST_F(GateTest, AClosedGateRefusesWithItsReason) {
  Ask();
  gate_->Refuse(NotFound("deleted"), true);
  Ask();
  ASSERT_EQ(errors_.size(), 2u);
  EXPECT_THAT(errors_[1], StatusIs(Code::kNotFound));
  Add("a");
  Ask();
  EXPECT_TRUE(leases_.empty());
}

TEST_F(GateTest, UnansweredCallsInARowAreCounted) {
  Add("a");
  Ask();
  leases_[0]->Finish(false);
  Ask();
  leases_.pop_back();  // an end without a word is no answer
  EXPECT_EQ(gate_->LoadOf("a").failures_in_a_row, 2);
  Ask();
  leases_.back()->Finish(true);
  EXPECT_EQ(gate_->LoadOf("a").failures_in_a_row, 0);
}

TEST_F(GateTest, LoadPerNodeDecidesWhatIsBusyAndWhatIsSlack) {
  Add("a");
  for (int i = 0; i <= kBusyInFlight; ++i) Ask();
  EXPECT_TRUE(gate_->Load().busy_since);
  Add("b");
  EXPECT_FALSE(gate_->Load().busy_since);
  leases_.clear();
  EXPECT_TRUE(gate_->Load().slack_since);
}

TEST(RequestCounts, RatesAndQuantiles) {
  RequestCounts counts;
  for (int i = 0; i < 98; ++i) counts.Add(200, milliseconds(1), seconds(100));
  counts.Add(429, milliseconds(100), seconds(101));
  counts.Add(503, milliseconds(100), seconds(101));
  EXPECT_EQ(counts.requests(), 100);
  EXPECT_EQ(counts.client_errors(), 1);
  EXPECT_EQ(counts.server_errors(), 1);
  EXPECT_EQ(counts.overloads(), 1);
  EXPECT_NEAR(counts.LatencyMs(0.5), 1, 0.25);
  EXPECT_NEAR(counts.LatencyMs(0.99), 100, 25);
  EXPECT_DOUBLE_EQ(counts.RequestsPerSecond(seconds(101)), 100.0 / 60);
  EXPECT_DOUBLE_EQ(counts.RequestsPerSecond(seconds(200)), 0);
}

TEST(ServingHost, AQuarterOfTheMemoryIsAlwaysThereForServingAndHalfTheMost) {
  EXPECT_EQ(RoomFor(2, 0, 0, 16), 4);
  EXPECT_EQ(RoomFor(2, 6, 0, 16), 1);
  EXPECT_EQ(RoomFor(2, 0, 16, 16), 2) << "jobs hold everything";
  EXPECT_EQ(RoomFor(2, 4, 16, 16), 0);
  EXPECT_EQ(RoomFor(100, 0, 0, 16), 1) << "a node is cut to a small host";
}

}  // namespace
}  // namespace hodei::serving
