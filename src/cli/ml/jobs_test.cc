// Submitting, describing and following jobs against an imposter; packaging with the real Python.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "cli/ml/local_training.h"
#include "cli/ml/packaging.h"
#include "cli/output/json.h"
#include "cli/process.h"
#include "cli/testing/imposter.h"
#include "cli/testing/run_cli.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class Jobs : public ::testing::Test {
 protected:
  Jobs() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  CliRun Run(std::vector<std::string> words) {
    return RunCli(words, {{"HODEI_SERVER", imposter_.url()},
                          {"HODEI_CONFIG", folder_.path() + "/config"},
                          {"HODEI_DATA", folder_.path() + "/data"}});
  }
  void Write(const std::string& name, const std::string& text) {
    std::string path = folder_.path() + "/" + name;
    ASSERT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFileDurably(path, text).ok());
  }
  // Accepts uploads and jobs.
  void Accept() {
    imposter_.On("POST", "/upload/storage/v1/b/", [](const ImposterRequest& request) {
      size_t data = request.body.find("\r\n\r\n", request.body.find("Content-Type: ", 100));
      size_t end = request.body.rfind("\r\n--hodei-");
      return net::TextResponse(200, "application/json",
                               JsonText({{"name", "x"}, {"size", std::to_string(end - data - 4)}}));
    });
    imposter_.On("POST", "/v1/projects/hodei-local/jobs", [](const ImposterRequest& request) {
      Json job = *ParseJsonText(request.body);
      job["state"] = "QUEUED";
      return net::TextResponse(200, "application/json", JsonText(job));
    });
  }
  Json SubmittedJob() {
    for (const ImposterRequest& request : imposter_.requests()) {
      if (request.method == "POST" && request.path == "/v1/projects/hodei-local/jobs") {
        return *ParseJsonText(request.body);
      }
    }
    return {};
  }

  Imposter imposter_;
  TemporaryDirectory folder_;
};

// Walkthrough 000: --config, --staging-bucket, --job-dir and user arguments.
TEST_F(Jobs, SubmitsTheFirstJobOfTheWalkthrough) {
  Accept();
  Write("test1/__init__.py", "");
  Write("test1/test1.py", "print('hi')\n");
  Write("test1/test1.yaml",
        "trainingInput:\n  scaleTier: CUSTOM\n  # 1 GPU\n  masterType: standard_gpu\n  "
        "runtimeVersion: \"1.9\"\n"
        "  pythonVersion: 3.5\n");
  CliRun run = Run({"ml-engine",
                    "jobs",
                    "submit",
                    "training",
                    "test1_x",
                    "--staging-bucket",
                    "gs://bkt1",
                    "--job-dir",
                    "gs://bkt1/test1_x",
                    "--region",
                    "us-east1",
                    "--runtime-version",
                    "1.9",
                    "--module-name",
                    "test1.test1",
                    "--package-path",
                    folder_.path() + "/test1",
                    "--config=" + folder_.path() + "/test1/test1.yaml",
                    "--",
                    "--arg=42"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "jobId: test1_x\nstate: QUEUED\n");
  EXPECT_EQ(run.err,
            "Job [test1_x] submitted successfully.\n"
            "Your job is still active. You may view the status of your job with the command\n\n"
            "  $ hodei ml-engine jobs describe test1_x\n\n"
            "or continue streaming the logs with the command\n\n"
            "  $ hodei ml-engine jobs stream-logs test1_x\n");
  Json job = SubmittedJob();
  Json input = job["trainingInput"];
  EXPECT_EQ(input["args"], Json::array({"--arg=42"}));
  EXPECT_EQ(input["masterType"], "standard_gpu");
  EXPECT_EQ(input["pythonVersion"], "3.5");
  EXPECT_EQ(input["runtimeVersion"], "1.9");
  EXPECT_EQ(input["jobDir"], "gs://bkt1/test1_x");
  ASSERT_EQ(input["packageUris"].size(), 1u);
  EXPECT_THAT(input["packageUris"][0].get<std::string>(),
              MatchesRegex("gs://bkt1/test1_x/[0-9a-f]{64}/test1-0\\.0\\.0\\.tar\\.gz"));
  EXPECT_FALSE(FileExists(folder_.path() + "/setup.py"));
}

TEST_F(Jobs, FlagsOverrideTheConfiguration) {
  Accept();
  Write("c.yaml",
        "labels: {a: 1}\ntrainingInput:\n  scaleTier: BASIC\n  args: [--x, 5]\n  packageUris: "
        "[gs://b/a.tar.gz]\n"
        "  workerCount: 2\n  useChiefInTfConfig: true\n");
  CliRun run = Run({"ai-platform", "jobs", "submit", "training", "j", "--region", "us-east1",
                    "--config", folder_.path() + "/c.yaml", "--scale-tier", "standard-1",
                    "--module-name", "a.b", "--worker-count", "3", "--master-accelerator",
                    "count=1,type=nvidia-tesla-t4", "--labels", "b=2"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(
      JsonText(SubmittedJob()),
      R"({"jobId":"j","labels":{"b":"2"},"trainingInput":{"args":["--x","5"],"masterConfig":{"acceleratorConfig":)"
      R"({"count":"1","type":"NVIDIA_TESLA_T4"}},"packageUris":["gs://b/a.tar.gz"],"pythonModule":"a.b",)"
      R"("region":"us-east1","scaleTier":"STANDARD_1","useChiefInTfConfig":true,"workerCount":"3"}})");
}

struct Refusal {
  std::vector<std::string> flags;
  int exit_code;
  std::string expected;
};

TEST_F(Jobs, BadSubmissionsAreRefusedBeforeAnyRequest) {
  Write("bad.yaml", "a: [1\n");
  Write("list.yaml", "- a\n");
  Write("nopackage/task.py", "");
  std::string f = folder_.path();
  for (const Refusal& c : std::vector<Refusal>{
           {{"--module-name", "a.b"}, 1, "The required property [region] is not currently set."},
           {{"--region", "r", "--module-name", "a"}, 1, "Non-custom jobs must have packages."},
           {{"--region", "r", "--packages", "x.tar.gz"},
            1,
            "`--staging-bucket` or `--job-dir` flag must be given"},
           {{"--region", "r", "--packages", "x.tar.gz", "--staging-bucket", "gs://bkt1"},
            1,
            "Unable to read file [x.tar.gz]"},
           {{"--region", "r", "--package-path", f + "/nopackage", "--staging-bucket", "gs://bkt1"},
            1,
            "__init__.py"},
           {{"--region", "r", "--config", f + "/none.yaml"}, 1, "Failed to load YAML from"},
           {{"--region", "r", "--config", f + "/bad.yaml"}, 1, "line 2, column 1"},
           {{"--region", "r", "--config", f + "/list.yaml"}, 1, "holds no Job"},
           {{"--region", "r", "--scale-tier", "custom"}, 1, "--master-machine-type is required"},
           {{"--region", "r", "--job-dir", "foo"},
            2,
            "argument --job-dir: Must be of form gs://bucket/object"},
           {{"--region", "r", "--labels", "Foo=bar"}, 2, "argument --labels: Bad value [Foo]"},
           {{"--region", "r", "--master-image-uri", "i", "--runtime-version", "1"},
            1,
            "Only one of"},
           {{"--region", "r", "--staging-bucket", "gs://bkt1/x", "--packages", f + "/bad.yaml"},
            1,
            "gs://bucket"}}) {
    std::vector<std::string> words = {"ml-engine", "jobs", "submit", "training", "j"};
    words.insert(words.end(), c.flags.begin(), c.flags.end());
    CliRun run = Run(words);
    EXPECT_EQ(run.exit_code, c.exit_code) << run.err;
    EXPECT_THAT(run.err, HasSubstr(c.expected));
    EXPECT_EQ(run.out, "");
  }
  EXPECT_TRUE(imposter_.requests().empty());
}

TEST_F(Jobs, AliasesInConfigurationsCannotGrowWithoutLimit) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += "*a" + std::to_string(i - 1) + ", ";
    bomb += "]\n";
  }
  Write("bomb.yaml", bomb);
  CliRun run = Run({"ml-engine", "jobs", "submit", "training", "j", "--region", "r", "--config",
                    folder_.path() + "/bomb.yaml"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("aliases"));
}

TEST_F(Jobs, ATakenNameIsExplained) {
  imposter_.On(
      "POST", "/v1/projects/hodei-local/jobs", 409,
      R"({"error":{"code":409,"message":"Field: job.job_id Error: exists.","status":"ALREADY_EXISTS"}})");
  CliRun run = Run({"ml-engine", "jobs", "submit", "training", "j", "--region", "r", "--packages",
                    "gs://bkt/a.tar.gz"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(
      run.err,
      HasSubstr(
          "ERROR: (hodei.ml-engine.jobs.submit.training) Resource in projects [hodei-local] is "
          "the subject of a conflict: Field: job.job_id Error: exists."));
}

std::string Entry(int number, const std::string& text) {
  return JsonText({{"insertId", "id" + std::to_string(number)},
                   {"severity", "INFO"},
                   {"timestamp", "2026-11-20T10:00:0" + std::to_string(number) + ".000000000Z"},
                   {"resource", {{"labels", {{"task_name", "master-replica-0"}}}}},
                   {"textPayload", text}}) +
         "\n";
}

TEST_F(Jobs, TakesACutLogStreamUpWhereItEnded) {
  std::atomic<int> connections{0};
  imposter_.On("GET", "/v1/projects/hodei-local/jobs/j:followLogs",
               [&](const ImposterRequest& request) {
                 if (++connections == 1) {
                   EXPECT_EQ(request.query, "");
                   return net::TextResponse(
                       200, "application/x-ndjson",
                       Entry(1, "one") + "\n" + Entry(2, "two") + R"({"insertId":"id3)");
                 }
                 EXPECT_EQ(request.query, "resumeToken=id2");
                 return net::TextResponse(200, "application/x-ndjson",
                                          Entry(2, "two") + Entry(3, "three\033[2J") +
                                              R"({"end":true,"state":"SUCCEEDED"})"
                                              "\n");
               });
  imposter_.On("GET", "/v1/projects/hodei-local/jobs/j", 200,
               R"({"jobId":"j","state":"SUCCEEDED"})");
  CliRun run = Run({"ml-engine", "jobs", "stream-logs", "j"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out,
            "INFO\t2026-11-20 10:00:01 +0000\tmaster-replica-0\t\tone\n"
            "INFO\t2026-11-20 10:00:02 +0000\tmaster-replica-0\t\ttwo\n"
            "INFO\t2026-11-20 10:00:03 +0000\tmaster-replica-0\t\tthree\n");
}

TEST_F(Jobs, PollsWhereTheServerCannotFollow) {
  std::atomic<int> polls{0};
  imposter_.On("GET", "/v1/projects/hodei-local/jobs/j:followLogs", 404, "{}");
  imposter_.On("GET", "/v1/projects/hodei-local/jobs/j", 200, R"({"jobId":"j","state":"FAILED"})");
  imposter_.On("POST", "/v2/entries:list", [&](const ImposterRequest& request) {
    EXPECT_THAT(request.body, HasSubstr(R"(resource.labels.job_id=\"j\")"));
    Json one = *ParseJsonText(Entry(1, "one"));
    ++polls;
    return net::TextResponse(200, "application/json", JsonText({{"entries", Json::array({one})}}));
  });
  CliRun run = Run({"ml-engine", "jobs", "stream-logs", "j"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "INFO\t2026-11-20 10:00:01 +0000\tmaster-replica-0\t\tone\n");
  EXPECT_EQ(polls, 2);
}

TEST_F(Jobs, StreamingASubmissionFailsWithTheJob) {
  for (const std::string state : {"SUCCEEDED", "FAILED"}) {
    Imposter server;
    server.On("POST", "/v1/projects/hodei-local/jobs", 200, R"({"jobId":"j","state":"QUEUED"})");
    server.On("GET", "/v1/projects/hodei-local/jobs/j:followLogs", 200,
              Entry(1, "one") + R"({"end":true,"state":")" + state + "\"}\n");
    server.On("GET", "/v1/projects/hodei-local/jobs/j", 200,
              R"({"jobId":"j","state":")" + state + "\"}");
    CliRun run = RunCli({"ml-engine", "jobs", "submit", "training", "j", "--region", "r",
                         "--packages", "gs://bkt/a.tar.gz", "--stream-logs"},
                        {{"HODEI_SERVER", server.url()},
                         {"HODEI_CONFIG", folder_.path()},
                         {"HODEI_DATA", folder_.path()}});
    EXPECT_EQ(run.exit_code, state == "SUCCEEDED" ? 0 : 1) << run.err;
    EXPECT_THAT(run.err, HasSubstr("\tone\n"));
    EXPECT_EQ(run.out, "jobId: j\nstate: " + state + "\n");
  }
}

TEST_F(Jobs, UpdatesLabelsWithTheWholeMap) {
  imposter_.On("GET", "/v1/projects/hodei-local/jobs/j", 200,
               R"({"jobId":"j","labels":{"a":"1","b":"2"}})");
  imposter_.On("PATCH", "/v1/projects/hodei-local/jobs/j", 200, R"({"jobId":"j"})");
  CliRun run = Run(
      {"ml-engine", "jobs", "update", "j", "--update-labels", "b=3,c=4", "--remove-labels", "a"});
  EXPECT_EQ(run.err, "Updated ml engine job [j].\n");
  EXPECT_EQ(imposter_.requests().back().body, R"({"labels":{"b":"3","c":"4"}})");
  EXPECT_EQ(imposter_.requests().back().query, "updateMask=labels");
}

TEST_F(Jobs, AnEmptyListOfModelsSaysSo) {
  imposter_.On("GET", "/v1/projects/hodei-local/models", 200, "{}");
  CliRun run = Run({"ml-engine", "models", "list"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "Using endpoint [" + imposter_.url() + "/]\nListed 0 items.\n");
}

TEST_F(Jobs, AServerThatIsNotThereIsExplained) {
  CliRun run = RunCli({"ml-engine", "models", "list", "--server", "http://127.0.0.1:1"},
                      {{"HODEI_CONFIG", folder_.path()}, {"HODEI_DATA", folder_.path()}});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err,
              HasSubstr("No Hodei server answers at http://127.0.0.1:1 (the --server flag)"));
  EXPECT_THAT(run.err, HasSubstr("$ hodei up"));
}

EnvironmentVariables TestEnvironment() {
  const char* path = getenv("PATH");
  const char* home = getenv("HOME");
  return {{"PATH", path == nullptr ? "/usr/bin:/bin" : path},
          {"HOME", home == nullptr ? "/" : home}};
}

TEST_F(Jobs, PackagesWithTheUsersSetup) {
  Write("setup.py",
        "from setuptools import setup\nsetup(name='mine', version='0.1', packages=['trainer'])\n");
  Write("trainer/__init__.py", "");
  Write("trainer/task.py", "print(1)\n");
  TemporaryDirectory out;
  auto built = BuildPackages(
      {folder_.path() + "/trainer/", out.path(), {"python3", "python"}, TestEnvironment()});
  ASSERT_TRUE(built.ok()) << built.status();
  ASSERT_EQ(built->size(), 1u);
  EXPECT_THAT(built->front(), ::testing::EndsWith("/dist/mine-0.1.tar.gz"));
  // Nothing but what the user put there.
  EXPECT_THAT(*ListDirectory(folder_.path()), ::testing::ElementsAre("setup.py", "trainer"));
}

TEST_F(Jobs, ExplainsABuildThatFails) {
  Write("setup.py", "raise SystemExit('no such thing')\n");
  Write("trainer/__init__.py", "");
  TemporaryDirectory out;
  auto built =
      BuildPackages({folder_.path() + "/trainer", out.path(), {"python3"}, TestEnvironment()});
  EXPECT_EQ(built.status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(built.status().message(), HasSubstr("no such thing"));
  EXPECT_THAT(built.status().message(), HasSubstr("/setup.py"));
}

TEST_F(Jobs, SaysWhatToDoWithoutSetuptools) {
  Write("trainer/__init__.py", "");
  Write("bin/python3",
        "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'setuptools'\"\nexit 1\n");
  ASSERT_EQ(chmod((folder_.path() + "/bin/python3").c_str(), 0700), 0);
  TemporaryDirectory out;
  auto built = BuildPackages({folder_.path() + "/trainer",
                              out.path(),
                              {folder_.path() + "/bin/python3"},
                              TestEnvironment()});
  EXPECT_THAT(built.status().message(), HasSubstr("Python has no setuptools"));
  EXPECT_FALSE(FileExists(folder_.path() + "/setup.py"));
}

TEST(LocalTraining, PlansTheClusterGcloudPlans) {
  LocalTraining training;
  training.module = "trainer.task";
  training.arguments = {"--x", "1"};
  EXPECT_EQ(
      PlanReplicas(training).front().tf_config,
      R"({"cluster":{},"environment":"cloud","job":{"args":["--x","1"],"job_name":"trainer.task"},"task":{}})");
  training.distributed = true;
  training.workers = 1;
  training.evaluators = 1;
  std::vector<LocalReplica> replicas = PlanReplicas(training);
  ASSERT_EQ(replicas.size(), 5u);
  EXPECT_EQ(
      replicas[3].tf_config,
      R"({"cluster":{"chief":["localhost:27182"],"ps":["localhost:27183","localhost:27184"],)"
      R"("worker":["localhost:27185"]},"environment":"cloud","job":{"args":["--x","1"],"job_name":"trainer.task"},)"
      R"("task":{"index":0,"type":"worker"}})");
  EXPECT_THAT(replicas[4].tf_config, HasSubstr(R"("cluster":{})"));
}

TEST_F(Jobs, LocalTrainingEndsWithItsPrimary) {
  Write("pkg/__init__.py", "");
  Write("pkg/task.py",
        "import json, os, sys, time\n"
        "task = json.loads(os.environ['TF_CONFIG'])['task']\n"
        "open(sys.argv[1] + '/' + task['type'] + str(task['index']), 'w').close()\n"
        "if task['type'] != 'chief': time.sleep(600)\n"  // until it is ended with the chief
        "while len(os.listdir(sys.argv[1])) < 4: time.sleep(0.01)\n"  // for other processes
        "sys.exit(7)\n");
  Write("seen/x", "");
  ASSERT_TRUE(RemoveTree(folder_.path() + "/seen/x").ok());
  LocalTraining training;
  training.module = "pkg.task";
  training.arguments = {folder_.path() + "/seen"};
  training.folder = folder_.path();
  training.python = "python3";
  training.environment = TestEnvironment();
  training.distributed = true;
  training.parameter_servers = 1;
  EXPECT_EQ(RunLocalTraining(training).value_or(-1), 7);
}

TEST(Process, SaysWhichProgramIsMissing) {
  ProcessRequest request;
  request.argv = {"no-such-program-here"};
  EXPECT_EQ(StartProcess(request).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace hodei::cli
