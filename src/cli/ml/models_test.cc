// models, versions, predict and their output against an imposter.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "cli/ml/prediction_text.h"
#include "cli/storage/storage_client.h"
#include "cli/testing/imposter.h"
#include "cli/testing/run_cli.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

using ::testing::HasSubstr;

class Models : public ::testing::Test {
 protected:
  CliRun Run(std::vector<std::string> words) {
    words.insert(words.begin(), "ml-engine");
    return RunCli(words, {{"HODEI_SERVER", imposter_.url()},
                          {"HODEI_CONFIG", folder_.path() + "/config"},
                          {"HODEI_DATA", folder_.path() + "/data"}});
  }
  // What a command printed, with the address of the imposter as gcloud's users would see one.
  std::string Shown(const std::vector<std::string>& words) {
    std::string text = "$";
    for (const std::string& word : words) {
      text += " " +
              (word.rfind(folder_.path(), 0) == 0 ? word.substr(folder_.path().size() + 1) : word);
    }
    CliRun run = Run(words);
    text += "\n" + run.err + run.out + fmt::format("-> {}\n", run.exit_code);
    for (size_t at = text.find(imposter_.url()); at != text.npos; at = text.find(imposter_.url())) {
      text.replace(at, imposter_.url().size(), "http://server");
    }
    return text;
  }
  std::string File(const std::string& name, const std::string& text) {
    EXPECT_TRUE(WriteFileDurably(folder_.path() + "/" + name, text).ok());
    return folder_.path() + "/" + name;
  }
  ImposterRequest Last() { return imposter_.requests().back(); }

  const std::string models_ = "/v1/projects/hodei-local/models";
  Imposter imposter_;
  TemporaryDirectory folder_;
};

TEST_F(Models, PrintWhatGcloudPrints) {
  const std::string done = R"({"name":"projects/hodei-local/operations/o1","done":true,)"
                           R"("response":{}})";
  imposter_.On("GET", models_ + "/m/versions/v", 200,
               R"({"name":"projects/hodei-local/models/m/versions/v","framework":"XGBOOST",)"
               R"("labels":{"a":"1"},"state":"READY"})");
  imposter_.On("GET", models_ + "/m/versions", 200,
               R"({"versions":[{"name":"projects/hodei-local/models/m/versions/v",)"
               R"("deploymentUri":"gs://b/m","state":"READY"}]})");
  imposter_.On("GET", models_ + "/m:getIamPolicy", 200, R"({"etag":"CAE="})");
  imposter_.On("GET", models_ + "/m", 200,
               R"({"name":"projects/hodei-local/models/m","regions":["us-central1"]})");
  imposter_.On("GET", models_, 200,
               R"({"models":[{"name":"projects/hodei-local/models/m","defaultVersion":)"
               R"({"name":"projects/hodei-local/models/m/versions/v"}}]})");
  imposter_.On("POST", models_ + "/m/versions/v:setDefault", 200,
               R"({"name":"projects/hodei-local/models/m/versions/v","isDefault":true})");
  imposter_.On("POST", models_ + "/m/versions", 200, done);
  imposter_.On("POST", models_ + "/m:setIamPolicy", 200,
               R"({"bindings":[{"role":"roles/ml.modelUser","members":["user:a@b.c"]}]})");
  imposter_.On("POST", models_, 200, R"({"name":"projects/hodei-local/models/m"})");
  imposter_.On("PATCH", models_, 200, done);
  imposter_.On("DELETE", models_, 200, done);
  std::string shown;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"models", "list"},
           {"models", "create", "m", "--regions=us-east1"},
           {"models", "describe", "m"},
           {"models", "update", "m", "--description=d"},
           {"models", "update", "m"},
           {"models", "delete", "m"},
           {"models", "get-iam-policy", "m"},
           {"models", "add-iam-policy-binding", "m", "--member=user:a@b.c",
            "--role=roles/ml.modelUser"},
           {"versions", "list", "--model=m"},
           {"versions", "create", "v", "--model=m", "--origin=gs://b/m"},
           {"versions", "create", "v", "--model=m"},
           {"versions", "create", "v", "--model=m", "--origin=dir"},
           {"versions", "describe", "v", "--model=m"},
           {"versions", "set-default", "v", "--model=m"},
           {"versions", "update", "v", "--model=m", "--update-labels=a=1"},
           {"versions", "update", "v", "--model=m", "--update-labels=b=2", "--description=x"},
           {"versions", "delete", "v", "--model=m"}}) {
    shown += Shown(words);
  }
  ExpectGolden(HODEI_TESTDATA, "models.txt", shown);
}

TEST_F(Models, AnUpdateNamesWhatItTouches) {
  imposter_.On("GET", models_ + "/m/versions/v", 200, R"({"labels":{"a":"1","z":"9"}})");
  imposter_.On("PATCH", models_ + "/m/versions/v", 200, R"({"done":true,"response":{}})");
  std::string config = File("c.yaml", "manualScaling:\n  nodes: 3\ndescription: from file\n");
  CliRun run = Run({"versions", "update", "v", "--model=m", "--config", config,
                    "--update-labels=b=2", "--remove-labels=z", "--min-nodes=1"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(Last().query,
            "updateMask=autoScaling.minNodes%2Cdescription%2Clabels%2CmanualScaling.nodes");
  EXPECT_EQ(Last().body, R"({"autoScaling":{"minNodes":1},"description":"from file",)"
                         R"("labels":{"a":"1","b":"2"},"manualScaling":{"nodes":3}})");
  std::string wrong = File("w.yaml", "framework: XGBOOST\n");
  run = Run({"versions", "update", "v", "--model=m", "--config", wrong});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("Invalid field in configuration file: framework"));
}

TEST_F(Models, ALocalOriginIsUploadedUnderItsHash) {
  ASSERT_TRUE(MakeDirectories(folder_.path() + "/model/variables").ok());
  File("model/model.bst", "trees");
  File("model/variables/x", "more");
  imposter_.On("POST", "/upload/", [](const ImposterRequest& request) {
    bool trees = request.body.find("\r\n\r\ntrees\r\n") != std::string::npos;
    std::string bytes = trees ? "trees" : "more";
    return net::TextResponse(200, "application/json",
                             JsonText({{"size", std::to_string(bytes.size())},
                                       {"crc32c", Crc32cText(Crc32c(0, bytes))}}));
  });
  imposter_.On("POST", models_ + "/m/versions", 200, R"({"done":true,"response":{}})");
  CliRun run = Run({"versions", "create", "v", "--model=m", "--origin", folder_.path() + "/model",
                    "--staging-bucket=gs://bkt", "--framework=xgboost", "--runtime-version=2.11",
                    "--machine-type=n1-standard-2", "--accelerator=type=nvidia-tesla-t4,count=2",
                    "--min-nodes=0", "--max-nodes=3", "--metric-targets=cpu-usage=70"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  std::string uri = "gs://bkt/" + Sha256Hex("treesmore") + "/";
  EXPECT_EQ(Last().body, R"({"acceleratorConfig":{"count":"2","type":"NVIDIA_TESLA_T4"},)"
                         R"("autoScaling":{"maxNodes":3,"metrics":[{"name":"CPU_USAGE",)"
                         R"("target":70}],"minNodes":0},"deploymentUri":")" +
                             uri +
                             R"(","framework":"XGBOOST","machineType":"n1-standard-2",)"
                             R"("name":"v","runtimeVersion":"2.11"})");
}

TEST_F(Models, PredictionsAreATableOrALine) {
  std::string answer;
  imposter_.On("GET", models_ + "/m", 200, R"({"defaultVersion":{"framework":"XGBOOST"}})");
  imposter_.On("POST", models_ + "/m:predict", [&](const ImposterRequest&) {
    return net::TextResponse(answer == "no" ? 400 : 200, "application/json", answer);
  });
  std::string rows = File("rows.json", "[1, 2]\n{\"x\": \"y\"}\n");
  auto shown = [&](std::string body) {
    answer = std::move(body);
    CliRun run = Run({"predict", "--model=m", "--json-instances", rows});
    return run.out + (run.exit_code == 0 ? "" : run.err.substr(run.err.find("ERROR")));
  };
  EXPECT_EQ(shown(R"({"predictions":[0,1]})"), "[0, 1]\n");
  EXPECT_EQ(Last().body, R"({"instances":[[1,2],{"x":"y"}]})");
  EXPECT_EQ(Last().query, "");
  EXPECT_EQ(shown(R"({"predictions":[[0.5,1e-7],[true,null]]})"), "[[0.5, 1e-07], [True, None]]\n");
  EXPECT_EQ(
      shown(R"({"predictions":[{"scores":[0.1,0.9],"class":"a"},{"class":"b","scores":["c"]}]})"),
      "CLASS  SCORES\na      [0.1, 0.9]\nb      ['c']\n");
  EXPECT_EQ(shown(R"({"predictions":[]})"), "");
  EXPECT_EQ(shown(R"({"error":"bad"})"), "{\n  \"error\": \"bad\"\n}\n");
  EXPECT_EQ(shown("no"), "ERROR: (hodei.ml-engine.predict) HTTP request failed. Response: no\n");
}

TEST_F(Models, InstanceFilesAreChecked) {
  auto error = [&](const std::string& flag, const std::string& text) {
    CliRun run = Run({"predict", "--model=m", flag, File("f", text)});
    EXPECT_EQ(run.exit_code, 1);
    return run.err;
  };
  EXPECT_THAT(error("--json-instances", "{}\n\n{}\n"), HasSubstr("Empty line is not allowed"));
  EXPECT_THAT(error("--json-instances", "{\n"), HasSubstr("not in JSON format"));
  EXPECT_THAT(error("--text-instances", ""), HasSubstr("No valid instance was found"));
  EXPECT_THAT(error("--json-request", "[]"), HasSubstr("\"instances\" list"));
  std::string many;
  for (size_t i = 0; i <= kInstancesLimit; ++i) many += "1\n";
  EXPECT_THAT(error("--text-instances", many), HasSubstr("no more than 100 instances"));
  EXPECT_EQ(Run({"predict", "--model=m"}).exit_code, 2);
  EXPECT_THAT(Run({"predict", "--model=m", "--json-instances=/none"}).err,
              HasSubstr("Unable to read file [/none]"));
}

TEST_F(Models, BatchPredictionIsSubmittedAsGcloudWouldSendIt) {
  imposter_.On("POST", "/v1/projects/hodei-local/jobs", 200, R"({"jobId":"j","state":"QUEUED"})");
  CliRun run = Run({"jobs", "submit", "prediction", "j", "--model=m", "--version=v1",
                    "--data-format=TEXT", "--region=us-east1", "--input-paths=gs://b/in*",
                    "--output-path=gs://b/out", "--max-worker-count=3"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(Last().body,
            R"({"jobId":"j","predictionInput":{"dataFormat":"TEXT","inputPaths":["gs://b/in*"],)"
            R"("maxWorkerCount":"3","outputPath":"gs://b/out","region":"us-east1",)"
            R"("versionName":"projects/hodei-local/models/m/versions/v1"}})");
  EXPECT_EQ(Run({"jobs", "submit", "prediction", "j", "--data-format=text", "--region=r",
                 "--input-paths=gs://b/in", "--output-path=gs://b/out"})
                .exit_code,
            2);
}

// A serving program of the test's own, which answers with what it was given.
TEST_F(Models, LocalPredictRunsTheServingProgram) {
  std::string program = File("hodei-serve", R"sh(#!/bin/sh
[ "$2" = broken ] && { echo "no such model" >&2; exit 3; }
printf '{"predictions": ["%s", "%s"]}' "$1 $2" "$(cat | tr -d '"')"
)sh");
  ASSERT_EQ(chmod(program.c_str(), 0755), 0);
  std::string rows = File("rows.txt", "a,b\n");
  auto run = [&](const std::string& model) {
    return RunCli({"ai-platform", "local", "predict", "--model-dir", model, "--text-instances",
                   rows, "--signature-name", "s"},
                  {{"PATH", folder_.path() + ":/usr/bin:/bin"},
                   {"HODEI_CONFIG", folder_.path() + "/config"}});
  };
  CliRun good = run("model");
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(good.out, "['--local model', '{instances:[a,b]}']\n");
  CliRun bad = run("broken");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_EQ(bad.err, "ERROR: (hodei.ai-platform.local.predict) no such model\n");
}

}  // namespace
}  // namespace hodei::cli
