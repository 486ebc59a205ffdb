// Runs a training module on this machine, alone or as a cluster of processes.
#pragma once

#include <string>
#include <vector>

#include "cli/output/json.h"
#include "cli/settings.h"

namespace hodei::cli {

struct LocalTraining {
  std::string module;
  std::vector<std::string> arguments;
  std::string folder;  // working folder: the parent of the package
  std::string python;
  EnvironmentVariables environment;
  bool distributed = false;
  int start_port = 27182;
  int parameter_servers = 2;
  int workers = 2;
  int evaluators = 0;
  std::string chief = "chief";  // "master" for TensorFlow 1
};

struct LocalReplica {
  std::string type;  // "chief", "ps", "worker", "evaluator"
  int index = 0;
  std::string tf_config;  // JSON
};

// The replicas of `training`, the primary first. Ports count up from start_port: primary, parameter
// servers, workers; evaluators take none.
std::vector<LocalReplica> PlanReplicas(const LocalTraining& training);
// Runs them; ends the others when the primary ends, and returns its exit code.
Result<int> RunLocalTraining(const LocalTraining& training);

}  // namespace hodei::cli
