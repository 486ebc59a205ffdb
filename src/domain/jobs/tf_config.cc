#include "domain/jobs/tf_config.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <charconv>

#include "base/digest.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::TrainingInput;

// The input in the field names of the .proto files, which is what programs read in "job".
std::string JobJson(const TrainingInput& input) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(input, &json, options).ok()) return "{}";
  // BASIC is the zero of its enum and would be left out.
  if (input.scale_tier() == TrainingInput::BASIC) {
    json.insert(1, json == "{}" ? "\"scale_tier\":\"BASIC\"" : "\"scale_tier\":\"BASIC\",");
  }
  return json;
}

}  // namespace

std::string ReplicaHostName(std::string_view uid, int attempt, std::string_view role, int index) {
  const std::string hash = Sha256Hex(fmt::format("{}-{}", uid, attempt)).substr(0, 10);
  return fmt::format("cmle-training-{}-{}-{}", role, hash, index);
}

std::string ChiefName(std::string_view runtime_version) {
  int major = 0;
  const auto [end, error] = std::from_chars(runtime_version.data(),
                                            runtime_version.data() + runtime_version.size(), major);
  return error == std::errc() && major < 2 ? "master" : "chief";
}

std::string TaskName(const Replica& replica) {
  return fmt::format("{}-replica-{}", replica.role(), replica.index());
}

std::string TfConfig(const TrainingInput& input, std::string_view uid, const Attempt& attempt,
                     const Replica& self) {
  const std::string chief = ChiefName(input.runtime_version());
  const auto wire_role = [&](const std::string& role) { return role == "master" ? chief : role; };
  std::string cluster;
  for (const char* role : {"master", "ps", "worker"}) {
    std::string hosts;
    for (const Replica& replica : attempt.replicas()) {
      if (replica.role() != role) continue;
      hosts +=
          fmt::format("{}\"{}:{}\"", hosts.empty() ? "" : ",",
                      ReplicaHostName(uid, attempt.number(), role, replica.index()), kReplicaPort);
    }
    if (hosts.empty()) continue;
    cluster += fmt::format("{}\"{}\":[{}]", cluster.empty() ? "" : ",", wire_role(role), hosts);
  }
  return fmt::format(
      R"({{"cluster":{{{}}},"task":{{"type":"{}","index":{}}},"job":{},"environment":"cloud"}})",
      cluster, wire_role(self.role()), self.index(), JobJson(input));
}

}  // namespace hodei::jobs
