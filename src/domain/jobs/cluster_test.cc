#include "domain/jobs/cluster.h"

#include <gmock/gmock.h>

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::NVIDIA_TESLA_T4;
using google::cloud::ml::v1::TrainingInput;

TrainingInput Tier(TrainingInput::ScaleTier tier) {
  TrainingInput input;
  input.set_scale_tier(tier);
  return input;
}

TrainingInput Custom(const std::string& master) {
  TrainingInput input = Tier(TrainingInput::CUSTOM);
  input.set_master_type(master);
  return input;
}

double Units(const TrainingInput& input) {
  return MlUnitsPerHour(Machines::Published(), ClusterOf(Machines::Published(), input));
}

TEST(MlUnits, TiersAreThePublishedOnes) {
  EXPECT_NEAR(Units(Tier(TrainingInput::BASIC)), 0.3878, 5e-5);
  EXPECT_NEAR(Units(Tier(TrainingInput::STANDARD_1)), 4.0571, 5e-5);
  EXPECT_NEAR(Units(Tier(TrainingInput::PREMIUM_1)), 33.7829, 5e-5);
  EXPECT_NEAR(Units(Tier(TrainingInput::BASIC_GPU)), 1.6939, 5e-5);
  EXPECT_NEAR(Units(Tier(TrainingInput::BASIC_TPU)), 9.5714, 5e-5);
}

TEST(MlUnits, MachineTypesAreThePublishedOnes) {
  const std::pair<const char*, double> published[] = {{"standard", 0.3878},
                                                      {"large_model", 0.9665},
                                                      {"complex_model_s", 0.5788},
                                                      {"complex_model_m", 1.1576},
                                                      {"complex_model_l", 2.3151},
                                                      {"standard_gpu", 1.6939},
                                                      {"complex_model_m_gpu", 5.2245},
                                                      {"complex_model_l_gpu", 10.4490},
                                                      {"standard_p100", 3.7551},
                                                      {"complex_model_m_p100", 13.4694},
                                                      {"standard_v100", 5.8367},
                                                      {"large_model_v100", 6.0278},
                                                      {"complex_model_m_v100", 21.7959},
                                                      {"complex_model_l_v100", 43.5918},
                                                      {"cloud_tpu", 9.1837},
                                                      {"n1-standard-4", 0.3878},
                                                      {"n1-standard-8", 0.7755},
                                                      {"n1-standard-16", 1.5510},
                                                      {"n1-standard-32", 3.1020},
                                                      {"n1-standard-64", 6.2041},
                                                      {"n1-standard-96", 9.3061},
                                                      {"n1-highmem-2", 0.2416},
                                                      {"n1-highmem-4", 0.4833},
                                                      {"n1-highmem-8", 0.9665},
                                                      {"n1-highmem-16", 1.9331},
                                                      {"n1-highmem-32", 3.8661},
                                                      {"n1-highmem-64", 7.7322},
                                                      {"n1-highmem-96", 11.5984},
                                                      {"n1-highcpu-16", 1.1576},
                                                      {"n1-highcpu-32", 2.3151},
                                                      {"n1-highcpu-64", 4.6302},
                                                      {"n1-highcpu-96", 6.9429}};
  for (const auto& [name, units] : published) EXPECT_NEAR(Units(Custom(name)), units, 6e-5) << name;
}

TEST(MlUnits, AttachedAcceleratorsCount) {
  TrainingInput input = Custom("n1-standard-4");
  auto* accelerator = input.mutable_master_config()->mutable_accelerator_config();
  accelerator->set_type(NVIDIA_TESLA_T4);
  accelerator->set_count(2);
  EXPECT_NEAR(Units(input), 0.3878 + 2 * 0.7143, 1e-4);
}

TEST(MlUnits, ConsumedIsCutToTwoDecimals) {
  const Machines& machines = Machines::Published();
  const Cluster cluster = ClusterOf(machines, Custom("n1-highmem-16"));
  // A real job: 57.6 minutes, 1.85 units.
  EXPECT_DOUBLE_EQ(ConsumedMlUnits(machines, cluster, std::chrono::milliseconds(3'456'000)), 1.85);
  EXPECT_DOUBLE_EQ(ConsumedMlUnits(machines, cluster, std::chrono::seconds(-1)), 0);
}

TEST(Cluster, TiersHaveTheirReplicas) {
  const Cluster cluster = ClusterOf(Machines::Published(), Tier(TrainingInput::PREMIUM_1));
  ASSERT_EQ(cluster.groups.size(), 3U);
  EXPECT_EQ(cluster.groups[0].count, 1);
  EXPECT_EQ(cluster.groups[1].role, "worker");
  EXPECT_EQ(cluster.groups[1].count, 19);
  EXPECT_EQ(cluster.groups[2].role, "ps");
  EXPECT_EQ(cluster.groups[2].count, 11);
  EXPECT_EQ(ClaimOf(cluster).cpu_millis, (20 * 16 + 11 * 8) * 1000);
}

TEST(Cluster, ClaimsReadWell) {
  EXPECT_EQ(Describe({1000, 3'750'000'000, 0}), "1 CPU, 3.8 GB of memory");
  EXPECT_EQ(Describe({8000, 7'200'000'000, 1}), "8 CPUs, 7.2 GB of memory and 1 GPU");
}

}  // namespace
}  // namespace hodei::jobs
