// Thousands of random steps in virtual time: jobs come, are cancelled and patched, replicas run,
// fail and get lost, and the server is killed between any two effects, at every call of the store
// and the executor, before or after it took effect. A seed replays a run.
#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

#include "domain/jobs/job_name.h"
#include "domain/jobs/job_states.h"
#include "domain/jobs/testing/job_world.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::TrainingInput;

// The server dies here. Not an error value on purpose: nothing may catch it.
struct Killed {};

// Decides at which call the server is killed.
class Fate {
 public:
  explicit Fate(std::mt19937* random) : random_(random) {}
  // Dies at about one call in `calls`; 0: never.
  void Kill(int calls) { calls_ = calls; }
  void Point() {
    if (calls_ > 0 && std::uniform_int_distribution<int>(1, calls_)(*random_) == 1) throw Killed();
  }

 private:
  std::mt19937* const random_;
  int calls_ = 0;
};

class MortalStore : public store::MetaStore {
 public:
  MortalStore(store::MetaStore* store, Fate* fate) : store_(store), fate_(fate) {}
  Result<store::Record> Get(std::string_view kind, std::string_view name) override {
    return store_->Get(kind, name);
  }
  Result<store::ListPage> List(std::string_view kind, const store::ListOptions& options) override {
    return store_->List(kind, options);
  }
  Result<std::vector<int64_t>> Commit(const std::vector<store::Write>& writes) override {
    fate_->Point();
    auto result = store_->Commit(writes);
    fate_->Point();
    return result;
  }
  std::unique_ptr<Watch> WatchKind(
      std::string_view kind,
      std::function<void(const std::vector<std::string>&)> changed) override {
    return store_->WatchKind(kind, std::move(changed));
  }

 private:
  store::MetaStore* const store_;
  Fate* const fate_;
};

class MortalExecutor : public exec::Executor {
 public:
  MortalExecutor(exec::Executor* executor, Fate* fate) : executor_(executor), fate_(fate) {}
  const exec::Capabilities& capabilities() const override { return executor_->capabilities(); }
  Status Start(const exec::ReplicaSpec& spec) override {
    return Around([&] { return executor_->Start(spec); });
  }
  Result<exec::ReplicaStatus> Observe(const std::string& id) override {
    return executor_->Observe(id);
  }
  Result<std::vector<exec::ReplicaStatus>> List() override { return executor_->List(); }
  Status Stop(const std::string& id, bool now) override {
    return Around([&] { return executor_->Stop(id, now); });
  }
  Status Remove(const std::string& id) override {
    return Around([&] { return executor_->Remove(id); });
  }
  Result<UniqueFd> OpenSocket(const std::string& id, const std::string& name) override {
    return executor_->OpenSocket(id, name);
  }
  void OnChange(std::function<void(const std::string&)> changed) override {
    executor_->OnChange(std::move(changed));
  }

 private:
  template <typename Call>
  Status Around(Call call) {
    fate_->Point();
    Status status = call();
    fate_->Point();
    return status;
  }
  exec::Executor* const executor_;
  Fate* const fate_;
};

class Simulation {
 public:
  Simulation(uint32_t seed, CapacityPolicy policy)
      : random_(seed),
        fate_(&random_),
        store_(world_.store.get(), &fate_),
        executor_(&world_.executor, &fate_) {
    world_.options.policy = policy;
    world_.executor.mutable_capabilities().cpu_millis = 20'000;
    world_.executor.mutable_capabilities().memory_bytes = 80'000'000'000;
    world_.executor.mutable_capabilities().gpus = {"gpu0", "gpu1"};
    world_.executor.SetAutoRun(false);
    world_.executor.SetStopEnds(false);
    world_.store_seen = &store_;
    world_.executor_seen = &executor_;
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      Act();
      fate_.Kill(Chance(2) ? 10 : 0);
      Reconcile();
      Check();
    }
    Drain();
  }

  int kills() const { return kills_; }
  size_t jobs() const { return states_.size(); }

 private:
  int Pick(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  bool Chance(int one_in) { return Pick(one_in) == 0; }

  void Reconcile() {
    try {
      world_.reconciler().RunUntilIdle();
    } catch (const Killed&) {
      ++kills_;
      world_.Restart();
    }
  }

  // One thing happens in the world.
  void Act() {
    switch (Pick(8)) {
      case 0:
      case 1:
        return Submit();
      case 2:
        return CancelOne();
      case 3:
        return PatchOne();
      case 4:
        return world_.clock.Advance(std::chrono::seconds(Pick(600)));
      case 5:
        return ToggleEnvironment();
      default:
        return MoveReplicas();
    }
  }

  void Submit() {
    const std::string id = "job" + std::to_string(states_.size());
    JobRecord record = world_.NewJob(id);
    auto* input = record.mutable_job()->mutable_training_input();
    input->mutable_scheduling()->set_priority(Pick(3));
    if (Chance(4)) input->mutable_scheduling()->mutable_max_wait_time()->set_seconds(1800);
    if (Chance(8)) input->mutable_scheduling()->mutable_max_running_time()->set_seconds(900);
    switch (Pick(4)) {
      case 0:
        input->set_scale_tier(TrainingInput::STANDARD_1);
        break;
      case 1:
        input->set_scale_tier(TrainingInput::BASIC_GPU);
        break;
      case 2:
        input->set_scale_tier(TrainingInput::CUSTOM);
        input->set_master_type("n1-highmem-2");
        input->set_worker_type("n1-highmem-2");
        input->set_worker_count(1 + Pick(3));
        break;
      default:
        break;
    }
    world_.Submit(record);  // acknowledged from here on
    states_[id] = Job::QUEUED;
  }

  std::string AnyJob() {
    if (states_.empty()) return "";
    auto it = states_.begin();
    std::advance(it, Pick(static_cast<int>(states_.size())));
    return it->first;
  }

  void CancelOne() {
    if (const std::string id = AnyJob(); !id.empty()) world_.Cancel(id);
  }

  void PatchOne() {
    const std::string id = AnyJob();
    if (id.empty()) return;
    const std::string value = std::to_string(Pick(1000));
    labels_[id] = value;
    (void)JobTable(world_.store.get())
        .Update(JobWorld::Name(id), [&](JobRecord* record) -> Result<bool> {
          (*record->mutable_job()->mutable_labels())["v"] = value;
          return true;
        });
  }

  void ToggleEnvironment() {
    environments::State state;
    state.phase = Chance(3) ? environments::State::kBuilding : environments::State::kReady;
    if (Chance(20)) state.phase = environments::State::kFailed;
    world_.environments.SetState(state);
  }

  void MoveReplicas() {
    for (const std::string& id : world_.executor.running()) {
      const int what = Pick(12);
      if (what < 5) world_.executor.Run(id);
      if (what == 5) world_.executor.Exit(id);
      if (what == 6) world_.executor.Exit(id, {.exit_code = 1});
      if (what == 7 && Chance(3)) world_.executor.Lose(id);
      if (what >= 8 && world_.executor.stop_requests(id) > 0) {
        world_.executor.Exit(id, {.signal = 15, .stopped = true});
      }
    }
  }

  void Check() {
    fate_.Kill(0);
    CheckJobs();
    CheckReplicas();
  }

  // No acknowledged job is lost, terminal is terminal, labels stay, a pending job has a reason.
  void CheckJobs() {
    for (auto& [id, before] : states_) {
      const JobRecord record = world_.Record(id);
      const Job::State now = record.job().state();
      if (IsTerminal(before)) {
        EXPECT_EQ(now, before) << id;
      }
      if (before == Job::RUNNING) {
        EXPECT_TRUE(now != Job::QUEUED && now != Job::PREPARING) << id << " went back";
      }
      EXPECT_EQ(record.job().has_end_time(), IsTerminal(now)) << id;
      if (now == Job::RUNNING || now == Job::SUCCEEDED) {
        EXPECT_TRUE(record.job().has_start_time()) << id;
      }
      if (labels_.contains(id)) {
        EXPECT_EQ(record.job().labels().at("v"), labels_[id]) << id;
      }
      if (!IsTerminal(now)) {
        EXPECT_FALSE(world_.reconciler().Explain(record).reason.empty()) << id;
      }
      before = now;
    }
  }

  // No replica runs twice, none without a record that wants it, capacity is never exceeded.
  void CheckReplicas() {
    std::set<std::string> places;
    std::set<std::string> holders;
    for (const std::string& id : world_.executor.running()) {
      const std::string place = Place(id);
      EXPECT_TRUE(places.insert(place).second) << "two at once: " << id;
      holders.insert(place.substr(0, place.find('-')));
    }
    Claim used;
    std::multiset<std::string> gpus;
    for (const auto& [id, state] : states_) {
      const JobRecord record = world_.Record(id);
      const bool runs = holders.contains(record.uid());
      EXPECT_FALSE(runs && IsTerminal(state)) << id << " has ended and still runs";
      if (!runs) continue;
      EXPECT_TRUE(record.has_grant()) << id;
      used = used + Claim{record.grant().cpu_millis(), record.grant().memory_bytes(), 0};
      gpus.insert(record.grant().gpus().begin(), record.grant().gpus().end());
    }
    EXPECT_LE(used.cpu_millis, 20'000);
    EXPECT_LE(used.memory_bytes, 80'000'000'000);
    EXPECT_LE(gpus.count("gpu0"), 1);
    EXPECT_LE(gpus.count("gpu1"), 1);
  }

  // "job-UID-a1-worker-0-r2" → "UID-worker-0".
  static std::string Place(const std::string& id) {
    std::vector<std::string> parts;
    size_t start = 0;
    for (size_t end = id.find('-'); end != std::string::npos; end = id.find('-', start)) {
      parts.push_back(id.substr(start, end - start));
      start = end + 1;
    }
    return parts.at(1) + "-" + parts.at(3) + "-" + parts.at(4);
  }

  // Everything ends well from here on: then every job must come to its end.
  void Drain() {
    fate_.Kill(0);
    world_.environments.SetState({.phase = environments::State::kReady});
    for (int i = 0; i < 4000 && !Drained(); ++i) {
      for (const std::string& id : world_.executor.running()) {
        world_.executor.Run(id);
        world_.executor.Exit(id);
      }
      world_.clock.Advance(std::chrono::seconds(20));
      Reconcile();
      if (i % 8 == 0) Check();
    }
    Check();
    for (const auto& [id, state] : states_) {
      const bool never = state == Job::QUEUED && world_.options.policy == CapacityPolicy::kStrict;
      EXPECT_TRUE(IsTerminal(state) || never) << id << " " << Job::State_Name(state);
    }
    // Nothing is left behind at the executor.
    world_.clock.Advance(world_.options.sweep_interval);
    Reconcile();
    const std::vector<exec::ReplicaStatus> left = world_.executor.List().value();
    for (const exec::ReplicaStatus& status : left) {
      ADD_FAILURE() << "left behind: " << status.id;
    }
  }

  bool Drained() const {
    for (const auto& [id, state] : states_) {
      if (!IsTerminal(state) && state != Job::QUEUED) return false;
      if (state == Job::QUEUED && world_.options.policy == CapacityPolicy::kFit) return false;
    }
    return true;
  }

  JobWorld world_;
  std::mt19937 random_;
  Fate fate_;
  MortalStore store_;
  MortalExecutor executor_;
  std::map<std::string, Job::State> states_;
  std::map<std::string, std::string> labels_;
  int kills_ = 0;
};

class JobSimulation : public ::testing::TestWithParam<uint32_t> {};

TEST_P(JobSimulation, KeepsItsPromisesThroughKillsAnywhere) {
  const CapacityPolicy policy =
      GetParam() % 2 == 0 ? CapacityPolicy::kFit : CapacityPolicy::kStrict;
  Simulation simulation(GetParam(), policy);
  simulation.Run(400);
  EXPECT_GT(simulation.jobs(), 50U);
  EXPECT_GT(simulation.kills(), 10);
}

INSTANTIATE_TEST_SUITE_P(Seeds, JobSimulation, ::testing::Range(1U, 9U));

}  // namespace
}  // namespace hodei::jobs
