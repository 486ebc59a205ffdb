// From a version to what the executor is asked to run: a replica with hodei-serve in it, as
// docs/decisions/0040-serving-protocol.md says. Pure.
#pragma once

#include <string>

#include "domain/environments/environments.h"
#include "exec/executor.h"
#include "google/cloud/ml/v1/version.pb.h"
#include "hodei/models/source.pb.h"

namespace hodei::serving {

// Ids of serving replicas at the executor start with this: others are not ours to touch.
inline constexpr char kServingReplicaPrefix[] = "srv-";
inline constexpr char kServeSocket[] = "serve.sock";
inline constexpr char kServeProgram[] = "/opt/hodei/serve/hodei-serve";

struct NodeSettings {
  std::string program_dir;        // holds hodei-serve; mounted read-only
  std::vector<std::string> argv;  // before "--config"; empty: kServeProgram
  int64_t host_cpu_millis = 0;    // a node gets no more than the host has; 0: unknown
  int64_t host_memory_bytes = 0;
  int64_t host_scratch_bytes = 0;
};

// What is served, whoever asks: a version, or the model of a batch job.
struct ServedModel {
  std::string project;
  std::string model;  // bare ids; empty for a batch job's uri
  std::string version;
  google::cloud::ml::v1::Version spec;
  models::ModelSource source;
  std::string signature_name;
  bool batch = false;
  bool compiled = false;  // the folder of config.json holds `compiled` too
};

// The part of the host that one node of this machine type gets.
exec::Resources NodeResources(const google::cloud::ml::v1::Version& spec,
                              const NodeSettings& settings);

// config.json of the protocol.
std::string ServeConfig(const ServedModel& model, const exec::Resources& resources);

// `staged` is the folder that StageSource() made, `config_dir` holds config.json.
exec::ReplicaSpec NodeSpec(const ServedModel& model, const std::string& id,
                           const environments::State& environment, const std::string& staged,
                           const std::string& config_dir, const std::string& log_dir,
                           const NodeSettings& settings);

}  // namespace hodei::serving
