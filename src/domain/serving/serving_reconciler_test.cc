// The whole life of a version over fakes: the executor runs nothing, and what a node would answer
// comes from a real HTTP server in this process.
#include "domain/serving/serving_reconciler.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/environments/testing/fake_environments.h"
#include "domain/serving/load_error.h"
#include "domain/serving/model_files.h"
#include "exec/testing/fake_executor.h"
#include "net/testing/function_application.h"
#include "sys/file.h"

namespace hodei::serving {
namespace {

using google::cloud::ml::v1::Version;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

class FakeHost : public ServingHost {
 public:
  int64_t total_memory_bytes() const override { return 16LL << 30; }
  int64_t jobs_memory_bytes() const override { return 0; }
  int64_t held_memory_bytes() const override { return held_; }
  void Hold(const std::string&, int64_t bytes) override { held_ = bytes; }

 private:
  int64_t held_ = 0;
};

class ServingReconcilerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store::Bucket bucket;
    bucket.set_name("bucket");
    ASSERT_THAT(objects_->CreateBucket(bucket), IsOk());
    auto writer = objects_->NewWriter();
    ASSERT_THAT((*writer)->Append("bytes"), IsOk());
    store::Object object;
    object.set_bucket("bucket");
    object.set_name("m/model.bst");
    ASSERT_OK_AND_ASSIGN(const store::Object stored, (*writer)->Commit(object, {}, {}));
    generation_ = stored.generation();
    models::ModelRecord model;
    model.mutable_model()->set_name("projects/p/models/m");
    model.set_project("p");
    ASSERT_THAT(registry_.CreateModel(model, {}), IsOk());
    ASSERT_THAT(serve_.server().ListenUnix(socket_, 0666, "node"), IsOk());
    NewReconciler();
  }
  void NewReconciler() {
    reconciler_.reset();
    ServingOptions options;
    options.dir = directory_.path() + "/serving";
    options.node.program_dir = "/bin";
    reconciler_ = std::make_unique<ServingReconciler>(
        options, ServingDependencies{.store = store_.get(),
                                     .registry = &registry_,
                                     .objects = objects_.get(),
                                     .executor = &executor_,
                                     .environments = &environments_,
                                     .logs = nullptr,
                                     .host = &host_,
                                     .clock = &clock_});
    executor_.OnChange([this](const std::string& id) { reconciler_->ReplicaChanged(id); });
  }
  void Create(const std::string& id) {
    models::VersionRecord record;
    record.mutable_version()->set_name(Name(id));
    record.mutable_version()->set_machine_type("mls1-c1-m2");
    record.set_project("p");
    record.set_uid("uid" + id);
    models::SourceFile* file = record.mutable_source()->add_files();
    file->set_path("model.bst");
    file->set_bucket("bucket");
    file->set_object("m/model.bst");
    file->set_generation(generation_);
    ASSERT_THAT(HoldSource(objects_.get(), HolderOf(record.uid()), record.source()), IsOk());
    ASSERT_OK_AND_ASSIGN(const auto operation, registry_.CreateVersion(record));
    operation_ = operation.name();
  }
  static std::string Name(const std::string& id) { return "projects/p/models/m/versions/" + id; }
  Version Get(const std::string& id) { return registry_.GetVersion(Name(id))->record.version(); }
  // Passes until `done`; the probes' threads need real time, at most 20 s of it.
  bool RunUntil(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      (void)reconciler_->RunOnce();
      if (done()) return true;
      reconciler_->WaitForNews({}, std::chrono::milliseconds(50));
    }
    return false;
  }
  // The only node that runs now.
  std::string Node() {
    const auto running = executor_.running();
    return running.size() == 1 ? running[0] : "";
  }
  void MakeReady(const std::string& id) {
    Create(id);
    ASSERT_TRUE(RunUntil([this] { return !Node().empty(); }));
    executor_.SetSocket(Node(), socket_);
    ASSERT_TRUE(RunUntil([&] { return Get(id).state() == Version::READY; }));
  }
  // What the gate says at once; a request that has to wait is UNAVAILABLE "waits".
  Status Ask(const std::string& id) {
    const auto answer = std::make_shared<Status>(Unavailable("waits"));
    reconciler_->GateOf("uid" + id, Name(id))->Acquire([answer](Result<Lease> lease) {
      *answer = lease.status();
      if (lease.ok()) lease->Finish(true);
    });
    return *answer;
  }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path() + "/node.sock";
  hodei::testing::FakeClock clock_;
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  std::unique_ptr<store::ObjectStore> objects_ = store::MakeMemoryObjectStore(&clock_);
  models::Registry registry_{store_.get(), &clock_};
  exec::FakeExecutor executor_{clock_};
  environments::FakeEnvironments environments_;
  FakeHost host_;
  int64_t generation_ = 0;
  std::string operation_;
  std::string compiled_;  // what nodes give as their model's compiled form
  std::atomic<int> compiled_asked_{0};
  net::testing::TestServer serve_{[this](const net::RequestHead& head) {
    return net::testing::Reply(head, [this](const net::RequestHead& asked, const std::string&) {
      if (asked.path() == "/metadata") {
        return net::TextResponse(200, "application/json",
                                 R"({"framework":"XGBOOST","engine":"flat-trees"})");
      }
      if (asked.path() == "/compiled") {
        ++compiled_asked_;
        return net::TextResponse(compiled_.empty() ? 404 : 200, "application/octet-stream",
                                 compiled_);
      }
      return net::TextResponse(200, "application/json", "{}");
    });
  }};
  std::unique_ptr<ServingReconciler> reconciler_;
};

TEST_F(ServingReconcilerTest, AVersionIsLoadedServedIdledWokenAndDeleted) {
  MakeReady("v");
  EXPECT_EQ(Get("v").framework(), google::cloud::ml::v1::XGBOOST);
  EXPECT_TRUE(registry_.GetOperation(operation_)->done());
  const exec::ReplicaSpec spec = executor_.spec(Node());
  EXPECT_EQ(spec.argv[0], kServeProgram);
  EXPECT_EQ(spec.network.egress, exec::Egress::kNone);
  EXPECT_EQ(spec.api_socket_dir, "");
  EXPECT_TRUE(FileExists(directory_.path() + "/serving/uidv/files/model/model.bst"));
  EXPECT_THAT(Ask("v"), IsOk());
  EXPECT_EQ(reconciler_->Describe(registry_.GetVersion(Name("v"))->record).engine(), "flat-trees");
  // Idle to zero, and back with the next request.
  clock_.Advance(std::chrono::minutes(6));
  ASSERT_TRUE(RunUntil([this] { return executor_.running().empty(); }));
  EXPECT_THAT(Ask("v"), StatusIs(Code::kUnavailable, "waits"));
  ASSERT_TRUE(RunUntil([this] { return !Node().empty(); }));
  executor_.SetSocket(Node(), socket_);
  ASSERT_TRUE(RunUntil([this] { return Ask("v").ok(); }));
  ASSERT_THAT(registry_.DeleteVersion(Name("v")), IsOk());
  ASSERT_TRUE(RunUntil([this] { return !registry_.GetVersion(Name("v")).ok(); }));
  EXPECT_TRUE(executor_.running().empty());
  EXPECT_FALSE(FileExists(directory_.path() + "/serving/uidv"));
  EXPECT_TRUE(objects_->ListHolders(kHolderPrefix)->empty());
}

// The answer to a request wakes nobody; the last look saw it on its way.
TEST_F(ServingReconcilerTest, AVersionGoesIdleAfterTheRequestThatWokeIt) {
  MakeReady("v");
  clock_.Advance(std::chrono::minutes(6));
  ASSERT_TRUE(RunUntil([this] { return executor_.running().empty(); }));
  const auto answer = std::make_shared<std::unique_ptr<Lease>>();
  reconciler_->GateOf("uidv", Name("v"))->Acquire([answer](Result<Lease> lease) {
    ASSERT_THAT(lease, IsOk());
    *answer = std::make_unique<Lease>(std::move(*lease));
  });
  ASSERT_TRUE(RunUntil([this] { return !Node().empty(); }));
  executor_.SetSocket(Node(), socket_);
  ASSERT_TRUE(RunUntil([&] { return *answer != nullptr; }));
  for (int i = 0; i < 3; ++i) (void)reconciler_->RunOnce();
  (*answer)->Finish(true);
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(std::chrono::minutes(5));
    (void)reconciler_->RunOnce();
  }
  EXPECT_TRUE(RunUntil([this] { return executor_.running().empty(); }));
}

// A request that came before the first pass holds its files and has no version yet.
TEST_F(ServingReconcilerTest, OnlyHoldsOfAnEarlierLifeAreReleasedWithoutAVersion) {
  const std::vector<store::GenerationName> files = {{"bucket", "m/model.bst", generation_}};
  ASSERT_THAT(objects_->HoldGenerations("version:earlier", files), IsOk());
  NewReconciler();
  ASSERT_THAT(objects_->HoldGenerations("version:underway", files), IsOk());
  (void)reconciler_->RunOnce();
  ASSERT_OK_AND_ASSIGN(const auto holders, objects_->ListHolders(kHolderPrefix));
  EXPECT_THAT(holders, ::testing::ElementsAre("version:underway"));
}

TEST_F(ServingReconcilerTest, LaterNodesStartFromTheCompiledFormOfTheFirst) {
  compiled_ = "HCF1 and what follows";
  MakeReady("v");
  const std::string config = directory_.path() + "/serving/uidv/config";
  EXPECT_THAT(*ReadFile(config + "/config.json"), Not(HasSubstr("compiled")));
  EXPECT_EQ(*ReadFile(config + "/compiled"), compiled_);
  executor_.Exit(Node(), {.signal = 11});
  ASSERT_TRUE(RunUntil([&] { return Node().empty(); }));
  (void)Ask("v");
  ASSERT_TRUE(RunUntil([&] { return !Node().empty(); }));
  EXPECT_THAT(*ReadFile(config + "/config.json"), HasSubstr(R"("compiled":"/serve/compiled")"));
  executor_.SetSocket(Node(), socket_);
  ASSERT_TRUE(RunUntil([this] { return Ask("v").ok(); }));
  EXPECT_EQ(compiled_asked_, 1);
}

TEST_F(ServingReconcilerTest, ACompiledFormOverTheLimitIsNotKept) {
  compiled_.assign(kCompiledMaxBytes + 1, 'x');
  MakeReady("v");
  EXPECT_EQ(compiled_asked_, 1);
  EXPECT_FALSE(FileExists(directory_.path() + "/serving/uidv/config/compiled"));
}

TEST_F(ServingReconcilerTest, AProgramThatEndsFailsTheCreation) {
  Create("v");
  ASSERT_TRUE(RunUntil([this] { return !Node().empty(); }));
  executor_.Exit(Node(), {.exit_code = 3});
  ASSERT_TRUE(RunUntil([this] { return Get("v").state() == Version::FAILED; }));
  EXPECT_THAT(Get("v").error_message(), HasSubstr("ended with status 3"));
  EXPECT_EQ(registry_.GetOperation(operation_)->error().code(), 3);
}

TEST_F(ServingReconcilerTest, TheFirstCrashIsRestartedAtOnceTheSecondAfterABackoff) {
  MakeReady("v");
  const std::string first = Node();
  executor_.Exit(first, {.signal = 11});
  EXPECT_THAT(Ask("v"), IsOk()) << "not seen yet";
  ASSERT_TRUE(RunUntil([&] { return executor_.removed(first); }));
  EXPECT_THAT(Ask("v"), StatusIs(Code::kUnavailable, "waits"));
  ASSERT_TRUE(RunUntil([this] { return !Node().empty(); }));
  const std::string second = Node();
  EXPECT_NE(second, first);
  executor_.Exit(second, {.signal = 11});
  ASSERT_TRUE(RunUntil([&] { return executor_.removed(second); }));
  (void)reconciler_->RunOnce();
  EXPECT_EQ(Node(), "");
  clock_.Advance(std::chrono::seconds(2));
  EXPECT_THAT(Ask("v"), StatusIs(Code::kUnavailable, "waits"));
  ASSERT_TRUE(RunUntil([this] { return !Node().empty(); }));
}

TEST_F(ServingReconcilerTest, ANewReconcilerTakesTheNodesOver) {
  MakeReady("v");
  const std::string node = Node();
  NewReconciler();
  ASSERT_TRUE(RunUntil([this] { return Ask("v").ok(); }));
  EXPECT_EQ(Node(), node);
  EXPECT_EQ(executor_.specs().size(), 1u);
}

TEST_F(ServingReconcilerTest, NodesOfNobodyAreStoppedAtTheStart) {
  exec::ReplicaSpec spec;
  spec.id = "srv-stranger-1";
  spec.argv = {"/bin/true"};
  ASSERT_THAT(executor_.Start(spec), IsOk());
  NewReconciler();
  (void)reconciler_->RunOnce();
  EXPECT_TRUE(executor_.running().empty());
}

TEST(LoadError, IsReadFromTheMarkedLineOnly) {
  EXPECT_EQ(ParseLoadError("LOAD_ERROR \"Failed to load model: \\u00e9 (Error code: 0)\""),
            "Failed to load model: é (Error code: 0)");
  for (const char* line : {"LOAD_ERROR", "LOAD_ERROR {", "LOAD_ERROR 3", "load_error \"x\"", ""}) {
    EXPECT_EQ(ParseLoadError(line), "") << line;
  }
  EXPECT_EQ(
      ParseLoadError("LOAD_ERROR \"" + std::string(kLoadErrorMaxBytes + 5, 'x') + "\"").size(),
      kLoadErrorMaxBytes);
}

}  // namespace
}  // namespace hodei::serving
