#include "domain/serving/plan_serving.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"

namespace hodei::serving {
namespace {

using google::cloud::ml::v1::Version;
using hodei::testing::StatusIs;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

NodeObservation ANode(const std::string& id, NodePhase phase, int in_flight = 0) {
  NodeObservation node;
  node.id = id;
  node.phase = phase;
  node.in_flight = in_flight;
  return node;
}

ServingSnapshot Snapshot(Version::State state) {
  ServingSnapshot seen;
  seen.state = state;
  seen.nodes_max = 4;
  seen.preparation.phase = PreparationState::kReady;
  seen.room = 4;
  return seen;
}

TEST(PlanServing, ACreationPreparesThenLoadsOnceThenIsReady) {
  ServingSnapshot seen = Snapshot(Version::CREATING);
  seen.preparation.phase = PreparationState::kPending;
  EXPECT_TRUE(PlanServing(seen).prepare);
  EXPECT_EQ(PlanServing(seen).start, 0);
  seen.preparation.phase = PreparationState::kReady;
  EXPECT_EQ(PlanServing(seen).start, 1);
  seen.nodes = {ANode("a", NodePhase::kStarting)};
  EXPECT_EQ(PlanServing(seen).start, 0);
  EXPECT_FALSE(PlanServing(seen).created);
  seen.nodes = {ANode("a", NodePhase::kReady)};
  EXPECT_THAT(PlanServing(seen).created, ::testing::Optional(OkStatus()));
}

TEST(PlanServing, ALoaderThatSpokeFailsTheCreationWithItsWords) {
  ServingSnapshot seen = Snapshot(Version::CREATING);
  seen.nodes = {ANode("a", NodePhase::kEnded)};
  seen.nodes[0].load_error = "Failed to load model: no tree (Error code: 0)";
  const ServingPlan plan = PlanServing(seen);
  ASSERT_TRUE(plan.created);
  EXPECT_THAT(*plan.created,
              StatusIs(Code::kInvalidArgument,
                       "Create Version failed. Bad model detected with error: \"Failed to load "
                       "model: no tree (Error code: 0)\""));
  EXPECT_THAT(plan.remove, ElementsAre("a"));
}

TEST(PlanServing, ACrashOfTheLoaderFailsButALostNodeIsTriedAgain) {
  ServingSnapshot seen = Snapshot(Version::CREATING);
  seen.nodes = {ANode("a", NodePhase::kEnded)};
  seen.nodes[0].end_text = "was ended by signal 11.";
  ASSERT_TRUE(PlanServing(seen).created);
  EXPECT_THAT(PlanServing(seen).created->message(), HasSubstr("signal 11"));
  seen.nodes[0].lost = true;
  EXPECT_FALSE(PlanServing(seen).created);
  EXPECT_EQ(PlanServing(seen).start, 1);
  seen.failed_loads = kLoadTriesMax;
  EXPECT_TRUE(PlanServing(seen).created);
}

TEST(PlanServing, ACreationEndsWhenItIsCancelledLateOrCannotBePrepared) {
  ServingSnapshot seen = Snapshot(Version::CREATING);
  seen.cancel_requested = true;
  EXPECT_THAT(*PlanServing(seen).created, StatusIs(Code::kCancelled));
  seen = Snapshot(Version::CREATING);
  seen.nodes = {ANode("a", NodePhase::kStarting)};
  seen.nodes[0].age = kLoadDeadline;
  EXPECT_THAT(*PlanServing(seen).created, StatusIs(Code::kDeadlineExceeded));
  seen.preparation = {PreparationState::kFailed, "pip said no"};
  EXPECT_THAT(PlanServing(seen).created->message(), HasSubstr("pip said no"));
}

TEST(PlanServing, ARequestWakesAVersionThatHasNoNode) {
  ServingSnapshot seen = Snapshot(Version::READY);
  EXPECT_EQ(PlanServing(seen).start, 0);
  seen.waiting = 1;
  EXPECT_EQ(PlanServing(seen).start, 1);
  seen.room = 0;
  EXPECT_EQ(PlanServing(seen).start, 0);
  EXPECT_THAT(PlanServing(seen).reason, HasSubstr("memory"));
}

TEST(PlanServing, TheLastNodeGoesWhenIdleUnlessTheVersionKeepsOne) {
  ServingSnapshot seen = Snapshot(Version::READY);
  seen.nodes = {ANode("a", NodePhase::kReady)};
  seen.idle = minutes(4);
  EXPECT_THAT(PlanServing(seen).drain, IsEmpty());
  EXPECT_EQ(PlanServing(seen).look_again, std::optional<Nanoseconds>(minutes(1)));
  seen.idle = minutes(5);
  EXPECT_THAT(PlanServing(seen).drain, ElementsAre("a"));
  seen.in_flight = 1;
  EXPECT_THAT(PlanServing(seen).drain, IsEmpty());
  // Its answer wakes nobody.
  EXPECT_EQ(PlanServing(seen).look_again, std::optional<Nanoseconds>(minutes(5)));
  seen.in_flight = 0;
  seen.nodes_min = 1;
  EXPECT_THAT(PlanServing(seen).drain, IsEmpty());
}

TEST(PlanServing, LoadThatLastsAddsANodeUpToTheLimitAndSlackTakesOneAway) {
  ServingSnapshot seen = Snapshot(Version::READY);
  seen.nodes = {ANode("a", NodePhase::kReady, 9)};
  seen.in_flight = 9;
  seen.busy = seconds(1);
  EXPECT_EQ(PlanServing(seen).start, 0);
  seen.busy = kScaleUpAfter;
  EXPECT_EQ(PlanServing(seen).start, 1);
  seen.nodes.push_back(ANode("b", NodePhase::kStarting));
  EXPECT_EQ(PlanServing(seen).start, 0) << "one at a time";
  seen.nodes_max = 1;
  seen.nodes.pop_back();
  EXPECT_EQ(PlanServing(seen).start, 0);
  seen.nodes_max = 4;
  seen.nodes = {ANode("a", NodePhase::kReady, 1), ANode("b", NodePhase::kReady, 0)};
  seen.busy = {};
  seen.slack = kScaleDownAfter;
  EXPECT_THAT(PlanServing(seen).drain, ElementsAre("b"));
}

TEST(PlanServing, ManualScalingHoldsItsNumber) {
  Version version;
  version.mutable_manual_scaling()->set_nodes(2);
  EXPECT_EQ(NodeLimitsOf(version).min, 2);
  EXPECT_EQ(NodeLimitsOf(version).max, 2);
  ServingSnapshot seen = Snapshot(Version::READY);
  seen.nodes_min = seen.nodes_max = 2;
  EXPECT_EQ(PlanServing(seen).start, 2);
  seen.nodes = {ANode("a", NodePhase::kReady, 3), ANode("b", NodePhase::kReady, 1),
                ANode("c", NodePhase::kStarting)};
  EXPECT_THAT(PlanServing(seen).stop, ElementsAre("c"));
}

TEST(PlanServing, ScalingLimitsFollowTheMachineType) {
  Version version;
  version.set_machine_type("mls1-c1-m2");
  EXPECT_EQ(NodeLimitsOf(version).min, 0);
  version.set_machine_type("n1-standard-2");
  EXPECT_EQ(NodeLimitsOf(version).min, 1);
  version.mutable_auto_scaling()->set_min_nodes(3);
  version.mutable_auto_scaling()->set_max_nodes(5);
  EXPECT_EQ(NodeLimitsOf(version).min, 3);
  EXPECT_EQ(NodeLimitsOf(version).max, 5);
}

TEST(PlanServing, ADrainingNodeEndsAfterItsLastAnswerOrTheLimit) {
  ServingSnapshot seen = Snapshot(Version::READY);
  seen.nodes = {ANode("a", NodePhase::kDraining, 1)};
  EXPECT_THAT(PlanServing(seen).stop, IsEmpty());
  seen.nodes[0].age = kDrainLimit;
  EXPECT_THAT(PlanServing(seen).stop, ElementsAre("a"));
  seen.nodes[0] = ANode("a", NodePhase::kDraining, 0);
  EXPECT_THAT(PlanServing(seen).stop, ElementsAre("a"));
}

TEST(PlanServing, CrashesHoldTheNextStartBackAndRefuseWhatWaits) {
  ServingSnapshot seen = Snapshot(Version::READY);
  seen.waiting = 1;
  seen.backoff = seconds(4);
  const ServingPlan plan = PlanServing(seen);
  EXPECT_EQ(plan.start, 0);
  ASSERT_TRUE(plan.refuse_waiting);
  EXPECT_THAT(*plan.refuse_waiting, StatusIs(Code::kUnavailable));
  EXPECT_EQ(plan.look_again, std::optional<Nanoseconds>(seconds(4)));
  EXPECT_EQ(CrashBackoff(0), seconds(0));
  EXPECT_EQ(CrashBackoff(1), seconds(1));
  EXPECT_EQ(CrashBackoff(4), seconds(8));
  EXPECT_EQ(CrashBackoff(100), seconds(60));
}

TEST(PlanServing, ANodeThatDoesNotAnswerIsReplaced) {
  ServingSnapshot seen = Snapshot(Version::READY);
  seen.nodes_min = 1;
  seen.nodes = {ANode("a", NodePhase::kReady)};
  seen.nodes[0].failures_in_a_row = kFailuresInARowMax;
  const ServingPlan plan = PlanServing(seen);
  EXPECT_THAT(plan.stop, ElementsAre("a"));
  EXPECT_EQ(plan.start, 1);
}

TEST(PlanServing, ADeletionDrainsThenStopsThenIsDone) {
  ServingSnapshot seen = Snapshot(Version::DELETING);
  seen.nodes = {ANode("a", NodePhase::kReady, 1), ANode("b", NodePhase::kStarting)};
  ServingPlan plan = PlanServing(seen);
  EXPECT_THAT(plan.drain, ElementsAre("a"));
  EXPECT_THAT(plan.stop, ElementsAre("b"));
  EXPECT_FALSE(plan.deleted);
  seen.nodes = {ANode("a", NodePhase::kEnded)};
  plan = PlanServing(seen);
  EXPECT_THAT(plan.remove, ElementsAre("a"));
  EXPECT_FALSE(plan.deleted);
  seen.nodes.clear();
  EXPECT_TRUE(PlanServing(seen).deleted);
}

TEST(PlanServing, AFailedVersionKeepsNoNode) {
  ServingSnapshot seen = Snapshot(Version::FAILED);
  seen.nodes = {ANode("a", NodePhase::kStarting), ANode("b", NodePhase::kReady)};
  EXPECT_THAT(PlanServing(seen).stop, ElementsAre("a"));
  EXPECT_THAT(PlanServing(seen).drain, ElementsAre("b"));
}

}  // namespace
}  // namespace hodei::serving
