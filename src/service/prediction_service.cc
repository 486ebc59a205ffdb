#include "service/prediction_service.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "base/encoding.h"
#include "domain/models/model_name.h"

namespace hodei::service {
namespace {

using google::cloud::ml::v1::Version;

constexpr std::string_view kVersions = "/versions/";

Status NoSuch(const char* what, std::string_view name) {
  const std::string text =
      fmt::format("The {} resource: \"{}\" was not found.", what, models::LastPart(name));
  return NotFound("Field: name Error: " + text).WithViolation({"name", text});
}

Status CheckServed(const Version& version) {
  const std::string id(models::LastPart(version.name()));
  switch (version.state()) {
    case Version::READY:
    case Version::UPDATING:
      return OkStatus();
    case Version::FAILED:
      return FailedPrecondition(fmt::format(
          "Field: name Error: The version \"{}\" could not be created and cannot answer.", id));
    case Version::DELETING:
      return NoSuch("version", version.name());
    default:
      return Unavailable(fmt::format(
          "Field: name Error: The version \"{}\" is not ready yet; try again in a moment.", id));
  }
}

// At most kLoggedBodyMaxBytes of what may be no text at all.
std::string Excerpt(std::string_view body) {
  std::string text(body.substr(0, kLoggedBodyMaxBytes));
  return IsValidUtf8(text) ? text : "base64:" + Base64Encode(text);
}

bool Sampled(double share) {
  if (share <= 0) return false;
  thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(random) < share;
}

// A label's value: backslash, quote and line feed are escaped.
std::string Label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Result<PredictionService::Target> PredictionService::Find(const access::Principal& principal,
                                                          std::string_view name) const {
  const size_t versions = name.find(kVersions);
  const std::string model_name(name.substr(0, versions));
  ASSIGN_OR_RETURN(const models::ModelName parsed, models::ParseModelName(model_name));
  RETURN_IF_ERROR(deps_.authorizer->CheckResource(principal, parsed.project, model_name,
                                                  "ml.versions.predict"));
  ASSIGN_OR_RETURN(const std::string project, deps_.authorizer->ResolveProject(parsed.project));
  const std::string full = models::FormatModelName(project, parsed.model);
  Target target;
  auto model = models_.Get(full);
  if (model.status().code() == Code::kNotFound) return NoSuch("model", full);
  if (!model.ok()) return model.status();
  target.model = std::move(*model);
  std::string_view version = target.model->default_version();
  if (versions != name.npos) version = name.substr(versions + kVersions.size());
  if (version.empty()) {
    return NotFound(
        fmt::format("Field: name Error: The model \"{}\" has no default version.", parsed.model));
  }
  const std::string version_name = fmt::format("{}{}{}", full, kVersions, version);
  auto record = versions_.Get(version_name);
  if (record.status().code() == Code::kNotFound) return NoSuch("version", version_name);
  if (!record.ok()) return record.status();
  target.version = std::move(*record);
  RETURN_IF_ERROR(CheckServed(target.version->version()));
  target.gate = deps_.reconciler->GateOf(target.version->uid(), version_name);
  return target;
}

void PredictionService::Record(const Target& target, const Answered& answered) const {
  target.gate->Count(answered.http_status, answered.latency);
  const bool access = target.model->model().online_prediction_logging();
  const Version& version = target.version->version();
  const bool bodies = Sampled(version.request_logging_config().sampling_percentage());
  if (!access && !bodies) return;
  nlohmann::json entry = {{"status", answered.http_status},
                          {"latency_ms", static_cast<double>(answered.latency.count()) / 1e6},
                          {"request_bytes", answered.request_bytes},
                          {"response_bytes", answered.response.size()},
                          {"principal", answered.principal}};
  if (bodies) {
    entry["raw_data"] = Excerpt(answered.request);
    entry["raw_prediction"] = Excerpt(answered.response);
  }
  const std::string source =
      fmt::format("models/{}/versions/{}", models::LastPart(target.model->model().name()),
                  models::LastPart(version.name()));
  // An answer is not held back because it cannot be logged.
  (void)deps_.logs->AppendService(
      target.version->project(), source,
      answered.http_status >= 500 ? google::logging::v2::ERROR : google::logging::v2::INFO,
      entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

Result<hodei::v1::VersionServing> PredictionService::GetVersionServing(
    const CallContext&, const hodei::v1::GetVersionServingRequest& request) const {
  ASSIGN_OR_RETURN(const models::StoredVersion stored, deps_.registry->GetVersion(request.name()));
  return deps_.reconciler->Describe(stored.record);
}

std::string PredictionService::Metrics(const access::Principal& principal) const {
  struct Family {
    const char* name;
    const char* type;
    const char* help;
    std::string samples;
  };
  std::vector<Family> families = {
      {"hodei_prediction_requests_total", "counter", "Answered prediction requests.", ""},
      {"hodei_prediction_errors_total", "counter", "Of those, errors by class.", ""},
      {"hodei_prediction_latency_seconds", "summary", "From request to answer.", ""},
      {"hodei_prediction_requests_per_second", "gauge", "Over the last minute.", ""},
      {"hodei_prediction_in_flight", "gauge", "Requests at nodes.", ""},
      {"hodei_prediction_waiting", "gauge", "Requests that wait for a node.", ""},
      {"hodei_serving_nodes", "gauge", "Nodes by phase.", ""},
      {"hodei_serving_crashes_total", "counter", "Ends of nodes that nobody asked for.", ""}};
  const auto add = [&](size_t family, const std::string& suffix, const std::string& labels,
                       const std::string& more, double value) {
    families[family].samples +=
        fmt::format("{}{}{{{}{}}} {}\n", families[family].name, suffix, labels, more, value);
  };
  for (const auto& known : deps_.reconciler->Gates()) {
    const auto name = models::ParseVersionName(known.name);
    if (!name.ok() || !deps_.authorizer->Check(principal, name->project, "ml.versions.get").ok()) {
      continue;
    }
    const auto record = versions_.Get(known.name);
    if (!record.ok()) continue;
    const hodei::v1::VersionServing seen = deps_.reconciler->Describe(**record);
    const std::string labels =
        fmt::format("project=\"{}\",model=\"{}\",version=\"{}\"", Label(name->project),
                    Label(name->model), Label(name->version));
    add(0, "", labels, "", static_cast<double>(seen.requests()));
    add(1, "", labels, ",class=\"4xx\"", static_cast<double>(seen.client_errors()));
    add(1, "", labels, ",class=\"5xx\"", static_cast<double>(seen.server_errors()));
    add(2, "", labels, ",quantile=\"0.5\"", seen.latency_p50_ms() / 1e3);
    add(2, "", labels, ",quantile=\"0.9\"", seen.latency_p90_ms() / 1e3);
    add(2, "", labels, ",quantile=\"0.99\"", seen.latency_p99_ms() / 1e3);
    add(2, "_sum", labels, "", known.gate->Counts().latency_sum_seconds());
    add(2, "_count", labels, "", static_cast<double>(seen.requests()));
    add(3, "", labels, "", seen.requests_per_second());
    add(4, "", labels, "", seen.in_flight());
    add(5, "", labels, "", seen.waiting());
    add(6, "", labels, ",phase=\"ready\"", seen.nodes_ready());
    add(6, "", labels, ",phase=\"starting\"", seen.nodes_starting());
    add(6, "", labels, ",phase=\"draining\"", seen.nodes_draining());
    add(7, "", labels, "", static_cast<double>(seen.crashes()));
  }
  std::string text;
  for (const Family& family : families) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n{}", family.name, family.help, family.name,
                        family.type, family.samples);
  }
  return text;
}

}  // namespace hodei::service
