#include "cli/ml/local_training.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "cli/process.h"

namespace hodei::cli {
namespace {

constexpr std::chrono::seconds kGrace(5);

Json BaseConfig(const LocalTraining& training) {
  return {{"job", {{"job_name", training.module}, {"args", training.arguments}}},
          {"task", Json::object()},
          {"cluster", Json::object()},
          {"environment", "cloud"}};
}

Result<int> StartReplica(const LocalTraining& training, const LocalReplica& replica) {
  ProcessRequest request;
  request.argv = {training.python, "-m", training.module};
  request.argv.insert(request.argv.end(), training.arguments.begin(), training.arguments.end());
  request.environment = training.environment;
  request.environment["TF_CONFIG"] = replica.tf_config;
  request.folder = training.folder;
  return StartProcess(request);
}

// Asks the processes to end, and after a while makes them. They are our children, so their numbers
// stay theirs until we wait for them.
void EndAll(const std::vector<int>& pids) {
  for (int pid : pids) kill(pid, SIGTERM);
  for (int pid : pids) {
    auto deadline = std::chrono::steady_clock::now() + kGrace;
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > deadline) kill(pid, SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

}  // namespace

std::vector<LocalReplica> PlanReplicas(const LocalTraining& training) {
  Json base = BaseConfig(training);
  if (!training.distributed) return {{training.chief, 0, JsonText(base)}};
  int port = training.start_port;
  auto addresses = [&](int count) {
    Json list = Json::array();
    for (int i = 0; i < count; ++i) list.push_back(fmt::format("localhost:{}", port++));
    return list;
  };
  Json cluster = Json::object();
  cluster[training.chief] = addresses(1);
  if (training.parameter_servers > 0) cluster["ps"] = addresses(training.parameter_servers);
  if (training.workers > 0) cluster["worker"] = addresses(training.workers);
  std::vector<LocalReplica> replicas;
  auto add = [&](const std::string& type, int count) {
    for (int i = 0; i < count; ++i) {
      Json config = base;
      if (type != "evaluator") config["cluster"] = cluster;
      config["task"] = {{"type", type}, {"index", i}};
      replicas.push_back({type, i, JsonText(config)});
    }
  };
  add(training.chief, 1);
  add("ps", training.parameter_servers);
  add("worker", training.workers);
  add("evaluator", training.evaluators);
  return replicas;
}

Result<int> RunLocalTraining(const LocalTraining& training) {
  std::vector<LocalReplica> replicas = PlanReplicas(training);
  std::vector<int> others;
  // The primary last: the servers it asks for are then starting already.
  for (size_t i = replicas.size(); i-- > 1;) {
    Result<int> pid = StartReplica(training, replicas[i]);
    if (!pid.ok()) {
      EndAll(others);
      return pid.status();
    }
    others.push_back(*pid);
  }
  Result<int> primary = StartReplica(training, replicas.front());
  if (!primary.ok()) {
    EndAll(others);
    return primary.status();
  }
  // Ctrl-C reaches all of them; we stay to collect them.
  sighandler_t before = signal(SIGINT, SIG_IGN);
  int code = WaitProcess(*primary);
  EndAll(others);
  signal(SIGINT, before);
  return code;
}

}  // namespace hodei::cli
