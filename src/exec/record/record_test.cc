#include "exec/record/record.h"

#include <gtest/gtest.h>

#include "base/testing/status_matchers.h"
#include "exec/record/replica_records.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;

TEST(RecordTest, AnyBytesSurviveARoundTrip) {
  Record record("x");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  record.Add("all", all);
  record.Add("twice", "a=b");
  record.Add("twice", "");
  record.AddInt("n", -7);
  ASSERT_OK_AND_ASSIGN(const Record parsed, Record::Parse("x", record.Serialize()));
  EXPECT_EQ(parsed.Get("all"), all);
  EXPECT_EQ(parsed.All("twice"), (std::vector<std::string>{"a=b", ""}));
  EXPECT_EQ(*parsed.GetInt("n", 0), -7);
  EXPECT_EQ(*parsed.GetInt("absent", 5), 5);
  EXPECT_THAT(parsed.GetInt("all", 0), StatusIs(Code::kDataLoss));
}

TEST(RecordTest, EveryCutAndEveryBitFlipIsRefused) {
  Record record("state");
  record.Add("boot_id", "b");
  record.AddInt("pid", 12);
  const std::string good = record.Serialize();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_THAT(Record::Parse("state", good.substr(0, size)), StatusIs(Code::kDataLoss)) << size;
  }
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(Record::Parse("state", bad), StatusIs(Code::kDataLoss)) << bit;
  }
  EXPECT_THAT(Record::Parse("exit", good), StatusIs(Code::kDataLoss));
}

TEST(RecordTest, PlanStateAndExitSurviveARoundTrip) {
  LaunchPlan plan;
  plan.spec.id = "job-1-a1-master-0";
  plan.spec.argv = {"/bin/sh", "-c", "echo 'x\n%0a'"};
  plan.spec.env = {{"A", "1=2"}, {"B", ""}};
  plan.spec.mounts = {{"/data/x", "/opt/x", false}, {"/data/y", "/opt/y", true}};
  plan.spec.network = {"g", "h0", {"h0", "h1"}, Egress::kInternet};
  plan.spec.resources.gpus = {"0", "1"};
  plan.host_uid = 1879048193;
  plan.cgroups = {{"memory", "/sys/fs/cgroup/memory/x"}, {"unified", "/sys/fs/cgroup/unified/x"}};
  plan.egress_allow = {"10.0.0.1:443"};
  plan.spec.bucket_files_project = "p";
  plan.bucketfs_path = "/usr/bin/hodei-bucketfs";
  plan.spec.private_names = {"example.com", "metadata"};
  const std::string text = SerializeLaunchPlan(plan);
  ASSERT_OK_AND_ASSIGN(const LaunchPlan parsed, ParseLaunchPlan(text));
  EXPECT_EQ(SerializeLaunchPlan(parsed), text);
  EXPECT_EQ(parsed.spec.argv, plan.spec.argv);
  EXPECT_EQ(parsed.cgroups, plan.cgroups);
  EXPECT_TRUE(parsed.spec.mounts[1].writable);

  const ReplicaState state{77, 123456, "boot", StatePhase::kRunning, 99, {5}};
  ASSERT_OK_AND_ASSIGN(const ReplicaState state2, ParseState(SerializeState(state)));
  EXPECT_EQ(state2, state);

  ExitRecord exit;
  exit.exit.signal = 9;
  exit.exit.out_of_memory = true;
  exit.exit.detail = "why\nnot";
  ASSERT_OK_AND_ASSIGN(const ExitRecord exit2, ParseExit(SerializeExit(exit)));
  EXPECT_EQ(exit2.exit.detail, "why\nnot");
  EXPECT_TRUE(exit2.exit.out_of_memory);
}

TEST(RecordTest, OnlyOurIdsMayBecomeNames) {
  EXPECT_TRUE(IsReplicaId("job-1"));
  EXPECT_TRUE(IsReplicaId(std::string(100, 'a')));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("A"),
        std::string("a\0b", 3), std::string(101, 'a'), std::string("a b")}) {
    EXPECT_FALSE(IsReplicaId(bad)) << bad;
  }
}

}  // namespace
}  // namespace hodei::exec
