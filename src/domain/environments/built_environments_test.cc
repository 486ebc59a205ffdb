#include "domain/environments/built_environments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/log_frame.h"
#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "exec/testing/fake_executor.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

using ::hodei::testing::FakeClock;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kTable[] = R"(
default: "9.1"
runtimes:
  "9.1":
    pythons: ["3.11"]
    base: [basis==1]
    layers:
      - {name: science, modules: [numpy], requirements: [numpy==1]}
      - {name: tensorflow, modules: [tensorflow], after: [science], requirements: [tf==1],
         constraints: [gast==2], provides: {tensorflow: tf}}
    constraints: [six==1]
historical:
  - {versions: ["1.9"], pythons: ["3.5"], python: "3.5", served_by: "9.1"}
)";

// Says which program of ours a replica runs.
bool Runs(const exec::ReplicaSpec& spec, std::string_view program) {
  return spec.argv.size() > 2 && spec.argv[2].ends_with(program);
}

const exec::Mount* FindMount(const std::vector<exec::Mount>& mounts, std::string_view inside) {
  for (const exec::Mount& mount : mounts) {
    if (mount.inside_path == inside) return &mount;
  }
  return nullptr;
}

class BuiltEnvironmentsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    executor_.mutable_capabilities().cpu_millis = 2000;
    executor_.mutable_capabilities().memory_bytes = 8LL << 30;
    executor_.mutable_capabilities().internet = true;
    Reopen();
  }

  BuiltEnvironmentsOptions Options() {
    return {.data_dir = folder_.path(),
            .runtimes_yaml = kTable,
            .interpreters = {{"3.11", "/usr/bin/python3.11", "identity"}},
            .background = false};
  }
  void Reopen() { Reopen(Options()); }
  void Reopen(BuiltEnvironmentsOptions options) {
    environments_.reset();
    auto opened = BuiltEnvironments::Open(std::move(options), &executor_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    environments_ = std::move(*opened);
  }

  PackageFile Package(const std::string& name = "trainer-0.1.tar.gz",
                      const std::string& bytes = "\x1f\x8b some bytes") {
    std::string path = folder_.path() + "/staged-" + std::to_string(++packages_);
    std::ofstream(path) << bytes;
    return {.host_path = path, .file_name = name, .sha256 = Sha256Hex(bytes)};
  }

  Request Make(std::vector<PackageFile> packages, std::string build_id = "job-1") {
    auto choice = environments_->Resolve("", "");
    EXPECT_TRUE(choice.ok()) << choice.status();
    return {.runtime = *choice, .packages = std::move(packages), .build_id = std::move(build_id)};
  }

  State Ensure(const Request& request) {
    auto state = environments_->Ensure(request);
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? *state : State{};
  }

  // Lets replica `id` end as `report` and `exit` say.
  void End(const std::string& id, const std::string& report, exec::ReplicaExit exit = {}) {
    exec::ReplicaSpec spec = executor_.spec(id);
    const exec::Mount* mount = FindMount(spec.mounts, "/opt/hodei/report");
    ASSERT_NE(mount, nullptr);
    std::ofstream(mount->host_path + "/report") << report;
    executor_.Exit(id, exit);
    environments_->Poll();
  }

  // Ends every running replica well; inspections report `needs`.
  void EndAll(const std::string& needs = "ok\n") {
    for (const std::string& id : executor_.running()) {
      End(id, Runs(executor_.spec(id), "hodei_inspect.py") ? needs : "");
    }
  }

  State BuildAll(const Request& request, const std::string& needs = "ok\n") {
    State state = Ensure(request);
    for (int round = 0; round < 10 && state.phase == State::kBuilding; ++round) {
      EndAll(needs);
      state = Ensure(request);
    }
    return state;
  }

  TemporaryDirectory folder_;
  FakeClock clock_;
  exec::FakeExecutor executor_;
  std::unique_ptr<BuiltEnvironments> environments_;
  int packages_ = 0;
};

TEST_F(BuiltEnvironmentsTest, ReadyEnvironmentHasEveryLayerReadOnly) {
  State state = BuildAll(Make({Package()}), "need tensorflow\nok\n");
  ASSERT_EQ(state.phase, State::kReady) << state.error;
  for (const char* inside :
       {"/opt/hodei/runtime", "/opt/hodei/layers/science", "/opt/hodei/layers/tensorflow",
        "/opt/hodei/packages", "/opt/hodei/lib"}) {
    const exec::Mount* mount = FindMount(state.mounts, inside);
    ASSERT_NE(mount, nullptr) << inside;
    EXPECT_FALSE(mount->writable) << inside;
    EXPECT_TRUE(FileExists(mount->host_path)) << inside;
  }
  EXPECT_THAT(state.env.at("PATH"), StartsWith("/opt/hodei/packages/bin:"));
  EXPECT_EQ(state.env.count("STORAGE_EMULATOR_HOST"), 0u) << "it would make clients anonymous";
  ASSERT_EQ(state.notes.size(), 1u);
  EXPECT_THAT(state.notes[0], HasSubstr("base, science, tensorflow"));
  EXPECT_THAT(executor_.running(), IsEmpty());
}

TEST_F(BuiltEnvironmentsTest, LayersThatNoSourceNamesAreLeftOut) {
  State state = BuildAll(Make({Package()}));
  ASSERT_EQ(state.phase, State::kReady) << state.error;
  EXPECT_EQ(FindMount(state.mounts, "/opt/hodei/layers/tensorflow"), nullptr);
  EXPECT_EQ(state.env.at("HODEI_OPTIONAL_MODULES"), "numpy,tensorflow");
  EXPECT_THAT(state.notes[0], HasSubstr("Left out"));
  EXPECT_EQ(executor_.specs().size(), 3u);  // inspection, base, packages
}

TEST_F(BuiltEnvironmentsTest, PinsOfALayerBindItsOwnBuildAlone) {
  Request request = Make({Package()});
  std::map<std::string, std::vector<std::string>> pins;
  while (Ensure(request).phase == State::kBuilding && pins.size() < 5) {
    for (const std::string& id : executor_.running()) {
      exec::ReplicaSpec spec = executor_.spec(id);
      if (!Runs(spec, "hodei_build.py")) continue;
      std::ifstream file(FindMount(spec.mounts, "/opt/hodei/in")->host_path + "/spec.json");
      const nlohmann::json build = nlohmann::json::parse(file);
      pins[build["prefix"]] = build["constraints"];
    }
    EndAll("need tensorflow\nok\n");
  }
  EXPECT_THAT(pins["/opt/hodei/runtime"], ElementsAre("six==1"));
  EXPECT_THAT(pins["/opt/hodei/layers/science"], ElementsAre("six==1"));
  EXPECT_THAT(pins["/opt/hodei/layers/tensorflow"], ElementsAre("six==1", "gast==2"));
  EXPECT_THAT(pins["/opt/hodei/packages"], IsEmpty());
}

TEST_F(BuiltEnvironmentsTest, TheOptionAllLayersNeedsNoDetection) {
  BuiltEnvironmentsOptions options = Options();
  options.all_layers = true;
  Reopen(options);
  State state = BuildAll(Make({Package()}));
  ASSERT_EQ(state.phase, State::kReady) << state.error;
  EXPECT_NE(FindMount(state.mounts, "/opt/hodei/layers/tensorflow"), nullptr);
}

TEST_F(BuiltEnvironmentsTest, InspectionAndBaseBuildAtTheSameTime) {
  State state = Ensure(Make({Package()}));
  EXPECT_EQ(state.phase, State::kBuilding);
  EXPECT_THAT(state.waiting_for, HasSubstr("check of the job's packages"));
  EXPECT_EQ(executor_.running().size(), 2u);
}

TEST_F(BuiltEnvironmentsTest, ManyRequestsBuildOnce) {
  PackageFile package = Package();
  for (int i = 0; i < 50; ++i) Ensure(Make({package}, "job-" + std::to_string(i)));
  EXPECT_EQ(executor_.specs().size(), 2u);
  EXPECT_EQ(BuildAll(Make({package}, "job-x")).phase, State::kReady);
  EXPECT_EQ(executor_.specs().size(), 3u);
  EXPECT_EQ(Ensure(Make({package}, "job-y")).phase, State::kReady);
  EXPECT_EQ(executor_.specs().size(), 3u);
}

TEST_F(BuiltEnvironmentsTest, OtherPackagesShareTheRuntimeLayers) {
  BuildAll(Make({Package("a-1.tar.gz",
                         "\x1f\x8b"
                         "a")},
                "job-1"));
  BuildAll(Make({Package("b-1.tar.gz",
                         "\x1f\x8b"
                         "b")},
                "job-2"));
  EXPECT_EQ(executor_.specs().size(), 5u);  // the base only once
}

TEST_F(BuiltEnvironmentsTest, BuildsAreConfined) {
  Request request = Make({Package()});
  request.log_dir = folder_.path() + "/job-log";
  ASSERT_TRUE(MakeDirectories(request.log_dir).ok());
  BuildAll(request);
  for (const exec::ReplicaSpec& spec : executor_.specs()) {
    EXPECT_THAT(spec.id, StartsWith(kBuildReplicaPrefix));
    EXPECT_EQ(spec.api_socket_dir, "") << "a build has no identity";
    for (const exec::Mount& mount : spec.mounts) {
      bool own = mount.inside_path == "/opt/hodei/report" || mount.host_path.ends_with("/tree");
      EXPECT_TRUE(own || !mount.writable) << mount.inside_path;
    }
    EXPECT_EQ(spec.network.egress == exec::Egress::kNone, Runs(spec, "hodei_inspect.py"));
    EXPECT_EQ(spec.env.count("PYTHONPATH"), 0u);
  }
  EXPECT_EQ(executor_.specs().back().log_dir, request.log_dir) << "pip's output is the job's";
  EXPECT_NE(executor_.specs().front().log_dir, request.log_dir);
}

TEST_F(BuiltEnvironmentsTest, ALogFolderIsUsedByOneBuildOnly) {
  Request request = Make({Package()});
  request.log_dir = folder_.path() + "/job-log";
  ASSERT_TRUE(MakeDirectories(request.log_dir).ok());
  std::ofstream(request.log_dir + "/segment-000001.log") << kLogMagic;
  EXPECT_EQ(BuildAll(request).phase, State::kReady);
  for (const exec::ReplicaSpec& spec : executor_.specs()) EXPECT_NE(spec.log_dir, request.log_dir);
}

TEST_F(BuiltEnvironmentsTest, UserBytesNeverBecomeAPath) {
  Request request = Make({Package("../../etc/x.tar.gz")});
  BuildAll(request);
  for (const exec::ReplicaSpec& spec : executor_.specs()) {
    for (const std::string& word : spec.argv) EXPECT_THAT(word, Not(HasSubstr("etc/x")));
    for (const exec::Mount& mount : spec.mounts) {
      EXPECT_THAT(mount.host_path + mount.inside_path, Not(HasSubstr("etc/x")));
    }
  }
}

TEST_F(BuiltEnvironmentsTest, ThingsThatAreNoArchivesFailWithoutABuild) {
  State state = Ensure(Make({Package("trainer-0.1.tar.gz", "print('hello')")}));
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, HasSubstr("'trainer-0.1.tar.gz' is not an archive"));
  EXPECT_THAT(executor_.specs(), IsEmpty());
}

TEST_F(BuiltEnvironmentsTest, ARefusedPackageFailsWithTheInspectorsSentence) {
  State state = BuildAll(Make({Package()}), "error Package 'x' has a link (b).\n");
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_EQ(state.error, "Package 'x' has a link (b).");
}

TEST_F(BuiltEnvironmentsTest, AnInspectionKilledForMemoryRefusesThePackage) {
  Request request = Make({Package()});
  Ensure(request);
  for (const std::string& id : executor_.running()) {
    if (Runs(executor_.spec(id), "hodei_inspect.py")) {
      End(id, "", {.signal = 9, .out_of_memory = true});
    }
  }
  State state = Ensure(request);
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, HasSubstr("too much time or memory"));
}

TEST_F(BuiltEnvironmentsTest, AHostileReportIsNotFollowedOutOfItsFolder) {
  Request request = Make({Package()});
  Ensure(request);
  std::string secret = folder_.path() + "/secret";
  std::ofstream(secret) << "error TOP SECRET\n";
  for (const std::string& id : executor_.running()) {
    exec::ReplicaSpec spec = executor_.spec(id);
    if (!Runs(spec, "hodei_inspect.py")) continue;
    std::string report = FindMount(spec.mounts, "/opt/hodei/report")->host_path + "/report";
    ASSERT_EQ(symlink(secret.c_str(), report.c_str()), 0);
    executor_.Exit(id);
  }
  environments_->Poll();
  State state = Ensure(request);
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, Not(HasSubstr("SECRET")));
}

TEST_F(BuiltEnvironmentsTest, AnInspectionWithoutACompleteReportIsNotKept) {
  PackageFile package = Package();
  EXPECT_EQ(BuildAll(Make({package}, "job-1"), "need scie").phase, State::kFailed);
  EXPECT_EQ(BuildAll(Make({package}, "job-2")).phase, State::kReady);
}

TEST_F(BuiltEnvironmentsTest, AFailedBuildShowsTheReportAndStaysFailedForItsJobsOnly) {
  PackageFile package = Package();
  Request first = Make({package}, "job-1");
  Ensure(first);
  EndAll();
  Ensure(first);
  EXPECT_EQ(Ensure(Make({package}, "job-2")).phase, State::kBuilding);
  ASSERT_EQ(executor_.running().size(), 1u);
  End(executor_.running()[0], "ERROR: No matching distribution found for docopt==99",
      {.exit_code = 1});
  for (const char* build_id : {"job-1", "job-2", "job-1"}) {
    State state = Ensure(Make({package}, build_id));
    ASSERT_EQ(state.phase, State::kFailed) << build_id;
    EXPECT_THAT(state.error, HasSubstr("No matching distribution found for docopt==99"));
  }
  EXPECT_EQ(BuildAll(Make({package}, "job-3")).phase, State::kReady);
  EXPECT_EQ(Ensure(first).phase, State::kReady) << "what is built serves everyone";
}

TEST_F(BuiltEnvironmentsTest, WithoutAReportTheLastLogLinesAreShown) {
  Request request = Make({Package()});
  Ensure(request);
  EndAll();
  Ensure(request);
  std::string id = executor_.running()[0];
  std::string bytes(kLogMagic);
  for (int i = 1; i <= 100; ++i) {
    std::string text = "line " + std::to_string(i) + ".";
    AppendLogFrame({.seq = static_cast<uint64_t>(i), .text = text}, &bytes);
  }
  std::ofstream(executor_.spec(id).log_dir + "/segment-000001.log") << bytes;
  End(id, "", {.signal = 9, .out_of_memory = true});
  State state = Ensure(request);
  ASSERT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, HasSubstr("ran out of memory"));
  EXPECT_THAT(state.error, HasSubstr("line 81.\n"));
  EXPECT_THAT(state.error, Not(HasSubstr("line 80.")));
  EXPECT_THAT(state.error, EndsWith("line 100."));
}

TEST_F(BuiltEnvironmentsTest, ABuildThatHangsIsStoppedAtItsDeadline) {
  Request request = Make({Package()});
  Ensure(request);
  EndAll();
  Ensure(request);
  std::string id = executor_.running()[0];
  clock_.Advance(kPackageBuildDeadline);
  environments_->Poll();
  EXPECT_EQ(executor_.stop_requests(id), 0);
  clock_.Advance(std::chrono::seconds(1));
  environments_->Poll();
  EXPECT_EQ(executor_.stop_requests(id), 1);
  environments_->Poll();
  State state = Ensure(request);
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, HasSubstr("longer than 15 minutes"));
}

TEST_F(BuiltEnvironmentsTest, ABuildThatNobodyWaitsForAnyMoreEnds) {
  const PackageFile package = Package();
  Ensure(Make({package}, "job-1"));
  Ensure(Make({package}, "job-2"));
  const std::vector<std::string> running = executor_.running();
  ASSERT_EQ(running.size(), 2u);
  environments_->Release("job-1");
  environments_->Release("job-3");
  environments_->Poll();
  for (const std::string& id : running) EXPECT_EQ(executor_.stop_requests(id), 0) << id;
  environments_->Release("job-2");
  environments_->Poll();
  for (const std::string& id : running) EXPECT_EQ(executor_.stop_requests(id), 1) << id;
  for (const std::string& id : running) executor_.Exit(id, {.signal = 9, .stopped = true});
  environments_->Poll();
  for (const std::string& id : running) EXPECT_TRUE(executor_.removed(id)) << id;
  const std::string builds = folder_.path() + "/environments/builds";
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> owners, ListDirectory(builds));
  for (const std::string& owner : owners) {
    EXPECT_THAT(*ListDirectory(builds + "/" + owner), IsEmpty());
  }
}

// Its end is nobody's failure, not even of who asks while it dies.
TEST_F(BuiltEnvironmentsTest, WhoAsksForABuildThatIsBeingStoppedGetsANewOne) {
  const PackageFile package = Package();
  Ensure(Make({package}, "job-1"));
  const std::vector<std::string> first = executor_.running();
  environments_->Release("job-1");
  environments_->Poll();
  EXPECT_EQ(Ensure(Make({package}, "job-2")).phase, State::kBuilding);
  for (const std::string& id : first) executor_.Exit(id, {.signal = 9, .stopped = true});
  environments_->Poll();
  EXPECT_EQ(BuildAll(Make({package}, "job-2")).phase, State::kReady);
}

TEST_F(BuiltEnvironmentsTest, AfterARestartABuildThatNobodyAsksForEnds) {
  const PackageFile package = Package();
  Ensure(Make({package}, "job-1"));
  const std::vector<std::string> running = executor_.running();
  Reopen();
  Ensure(Make({package}, "job-1"));
  clock_.Advance(kUnclaimedPatience + std::chrono::seconds(1));
  environments_->Poll();
  for (const std::string& id : running) EXPECT_EQ(executor_.stop_requests(id), 0) << id;
  Reopen();
  environments_->Poll();
  for (const std::string& id : running) EXPECT_EQ(executor_.stop_requests(id), 0) << id;
  clock_.Advance(kUnclaimedPatience + std::chrono::seconds(1));
  environments_->Poll();
  for (const std::string& id : running) EXPECT_EQ(executor_.stop_requests(id), 1) << id;
}

TEST_F(BuiltEnvironmentsTest, BuildsEndOnTheirOwnShouldNoServerBeThere) {
  Ensure(Make({Package()}));
  for (const exec::ReplicaSpec& spec : executor_.specs()) {
    EXPECT_GT(spec.run_limit, std::chrono::seconds(30));
    EXPECT_LE(spec.run_limit, kRuntimeBuildDeadline + kDeadlineSlack);
  }
}

TEST_F(BuiltEnvironmentsTest, AFailedStartIsOurErrorAndIsTriedAgain) {
  executor_.FailStarts(ResourceExhausted("no more processes"));
  Request request = Make({Package()});
  EXPECT_THAT(environments_->Ensure(request), hodei::testing::StatusIs(Code::kResourceExhausted));
  auto builds = ListDirectory(folder_.path() + "/environments/builds");
  ASSERT_TRUE(builds.ok());
  EXPECT_EQ(BuildAll(request).phase, State::kReady);
}

TEST_F(BuiltEnvironmentsTest, ALostBuildIsDoneAgain) {
  Request request = Make({Package()});
  Ensure(request);
  for (const std::string& id : executor_.running()) executor_.Lose(id);
  environments_->Poll();
  EXPECT_EQ(BuildAll(request).phase, State::kReady);
}

TEST_F(BuiltEnvironmentsTest, ARestartTakesOverTheBuildInProgress) {
  Request request = Make({Package()});
  Ensure(request);
  size_t started = executor_.specs().size();
  Reopen();
  EXPECT_EQ(Ensure(request).phase, State::kBuilding);
  EXPECT_EQ(executor_.specs().size(), started);
  EXPECT_EQ(BuildAll(request).phase, State::kReady);
}

TEST_F(BuiltEnvironmentsTest, ARestartRemovesBuildsThatNeverStarted) {
  std::string builds = folder_.path() + "/environments/builds";
  auto owners = ListDirectory(builds);
  ASSERT_TRUE(owners.ok());
  std::string aborted = builds + "/" + owners->at(0) + "/env-aborted";
  ASSERT_TRUE(MakeDirectories(aborted + "/tree").ok());
  std::ofstream(aborted + "/attempt") << "base-0";
  Reopen();
  EXPECT_FALSE(FileExists(aborted));
}

TEST_F(BuiltEnvironmentsTest, ARestartKeepsWhatIsBuilt) {
  PackageFile package = Package();
  BuildAll(Make({package}));
  size_t started = executor_.specs().size();
  Reopen();
  EXPECT_EQ(Ensure(Make({package}, "job-9")).phase, State::kReady);
  EXPECT_EQ(executor_.specs().size(), started);
}

TEST_F(BuiltEnvironmentsTest, NothingIsLeftOfFinishedBuilds) {
  BuildAll(Make({Package()}));
  std::string builds = folder_.path() + "/environments/builds";
  auto owners = ListDirectory(builds);
  ASSERT_TRUE(owners.ok());
  auto left = ListDirectory(builds + "/" + owners->at(0));
  ASSERT_TRUE(left.ok());
  EXPECT_THAT(*left, IsEmpty());
  for (const exec::ReplicaSpec& spec : executor_.specs()) {
    EXPECT_TRUE(executor_.removed(spec.id)) << spec.id;
  }
}

TEST_F(BuiltEnvironmentsTest, AnInterpreterThatChangedNeedsANewBase) {
  PackageFile package = Package();
  BuildAll(Make({package}));
  BuiltEnvironmentsOptions options = Options();
  options.interpreters[0].identity = "upgraded";
  Reopen(options);
  EXPECT_EQ(Ensure(Make({package}, "job-9")).phase, State::kBuilding);
}

TEST_F(BuiltEnvironmentsTest, AWheelFolderMeansNoNetwork) {
  BuiltEnvironmentsOptions options = Options();
  options.wheel_dir = folder_.path();
  Reopen(options);
  BuildAll(Make({Package()}));
  for (const exec::ReplicaSpec& spec : executor_.specs()) {
    EXPECT_EQ(spec.network.egress, exec::Egress::kNone);
  }
  exec::ReplicaSpec last = executor_.specs().back();
  EXPECT_NE(FindMount(last.mounts, "/opt/hodei/wheels"), nullptr);
}

TEST_F(BuiltEnvironmentsTest, ChangesAreToldOnce) {
  int changes = 0;
  environments_->OnChange([&] { ++changes; });
  Ensure(Make({Package()}));
  environments_->Poll();
  EXPECT_EQ(changes, 0);
  std::string id = executor_.running()[0];
  End(id, "ok\n");
  EXPECT_EQ(changes, 1);
  environments_->Poll();
  EXPECT_EQ(changes, 1);
}

TEST_F(BuiltEnvironmentsTest, TheWatcherPublishesOnItsOwn) {
  BuiltEnvironmentsOptions options = Options();
  options.background = true;
  Reopen(options);
  std::mutex mutex;
  std::condition_variable changed;
  int changes = 0;
  environments_->OnChange([&] {
    std::lock_guard lock(mutex);
    ++changes;
    changed.notify_all();
  });
  executor_.OnChange([&](const std::string& id) { environments_->ReplicaChanged(id); });
  Request request = Make({Package()});
  Ensure(request);
  for (const std::string& id : executor_.running()) {
    exec::ReplicaSpec spec = executor_.spec(id);
    const exec::Mount* mount = FindMount(spec.mounts, "/opt/hodei/report");
    std::ofstream(mount->host_path + "/report") << "ok\n";
    executor_.Exit(id);
  }
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return changes > 0; }));
  lock.unlock();
  executor_.OnChange(nullptr);
  environments_.reset();
}

TEST_F(BuiltEnvironmentsTest, LaunchKeepsTheUsersWordsAsSingleArguments) {
  RuntimeChoice choice;
  std::vector<std::string> argv = environments_->LaunchArgv(
      choice, "trainer.task", {"--a=b c", "$(id)", ""}, "gs://bucket/out");
  EXPECT_THAT(argv, ::testing::ElementsAre("/opt/hodei/packages/bin/python",
                                           "/opt/hodei/lib/hodei_start.py", "trainer.task",
                                           "--a=b c", "$(id)", "", "--job-dir", "gs://bucket/out"));
  EXPECT_THAT(environments_->LaunchArgv(choice, "m", {}, ""), Not(Contains("--job-dir")));
}

TEST_F(BuiltEnvironmentsTest, ACachedEnvironmentResolvesWithin50Milliseconds) {
  PackageFile package = Package();
  BuildAll(Make({package}));
  auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Ensure(Make({package})).phase, State::kReady);
  auto each = (std::chrono::steady_clock::now() - start) / 100;
  EXPECT_LT(each, std::chrono::milliseconds(50));
}

}  // namespace
}  // namespace hodei::environments
