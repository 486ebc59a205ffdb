#include "domain/models/validation.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/jobs/machines.h"
#include "domain/jobs/validation.h"
#include "domain/jobs/violations.h"
#include "domain/models/model_name.h"
#include "domain/models/serving_machine.h"

namespace hodei::models {
namespace {

using google::cloud::ml::v1::AutoScaling;
using google::cloud::ml::v1::Framework_IsValid;
using google::cloud::ml::v1::FRAMEWORK_UNSPECIFIED;
using google::cloud::ml::v1::Model;
using google::cloud::ml::v1::Version;
using jobs::Violations;

constexpr char kIdRule[] =
    "A name must start with a letter and have at most 128 letters, digits and underscores.";

void CheckDescription(const std::string& text, const char* field, Violations* violations) {
  if (text.size() > kDescriptionMaxBytes) {
    violations->Add(field, fmt::format("Must not be longer than {} bytes.", kDescriptionMaxBytes));
  }
}

bool IsDottedName(std::string_view name) {
  if (name.empty() || name.size() > kPredictionClassMaxBytes) return false;
  bool at_start = true;
  size_t dots = 0;
  for (const char c : name) {
    if (c == '.') {
      if (at_start) return false;
      at_start = true;
      ++dots;
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (at_start || c < '0' || c > '9')) return false;
    at_start = false;
  }
  return !at_start && dots > 0;
}

void CheckPackages(const Version& version, Violations* violations) {
  if (version.package_uris_size() > kPackageUrisMax) {
    violations->Add("version.package_uris",
                    fmt::format("At most {} packages are allowed.", kPackageUrisMax));
    return;
  }
  for (int i = 0; i < version.package_uris_size(); ++i) {
    const Result<jobs::GcsUri> uri = jobs::ParseGcsUri(version.package_uris(i));
    const std::string field = fmt::format("version.package_uris[{}]", i);
    if (!uri.ok()) {
      violations->Add(field, uri.status().message());
    } else if (uri->object.empty() || uri->object.ends_with('/')) {
      violations->Add(field, "Must name an object, gs://BUCKET/OBJECT, not a folder.");
    }
  }
}

void CheckCustomCode(const Version& version, Violations* violations) {
  CheckPackages(version, violations);
  if (version.prediction_class().empty()) return;
  if (!IsDottedName(version.prediction_class())) {
    violations->Add("version.prediction_class",
                    "Must be the dotted name of a class, such as my_package.predictor.Predictor.");
  }
  if (version.framework() != FRAMEWORK_UNSPECIFIED) {
    violations->Add("version.framework", "Must not be given together with prediction_class.");
  }
  if (version.package_uris().empty()) {
    violations->Add("version.package_uris",
                    "The packages that hold prediction_class must be given.");
  }
}

void CheckAutoScaling(const AutoScaling& scaling, bool compute_engine, const std::string& field,
                      Violations* violations) {
  const int least = compute_engine ? 1 : 0;
  if (scaling.has_min_nodes() && (scaling.min_nodes() < least || scaling.min_nodes() > kNodesMax)) {
    violations->Add(
        field + ".min_nodes",
        fmt::format("Must be between {} and {} for this machine type.", least, kNodesMax));
  }
  if (scaling.max_nodes() < 0 || scaling.max_nodes() > kNodesMax) {
    violations->Add(field + ".max_nodes", fmt::format("Must be between 1 and {}.", kNodesMax));
  } else if (scaling.max_nodes() > 0 && scaling.max_nodes() < scaling.min_nodes()) {
    violations->Add(field + ".max_nodes", "Must not be less than min_nodes.");
  }
  for (const auto& metric : scaling.metrics()) {
    if (metric.target() < 0 || metric.target() > 100) {
      violations->Add(field + ".metrics.target", "Must be a percentage from 1 to 100.");
    }
  }
}

void CheckScaling(const Version& version, bool compute_engine, Violations* violations) {
  if (version.has_auto_scaling()) {
    CheckAutoScaling(version.auto_scaling(), compute_engine, "version.auto_scaling", violations);
  }
  if (version.has_manual_scaling() &&
      (version.manual_scaling().nodes() < 1 || version.manual_scaling().nodes() > kNodesMax)) {
    violations->Add("version.manual_scaling.nodes",
                    fmt::format("Must be between 1 and {}.", kNodesMax));
  }
}

void CheckRequestLogging(const Version& version, Violations* violations) {
  const double share = version.request_logging_config().sampling_percentage();
  if (!(share >= 0 && share <= 1)) {
    violations->Add("version.request_logging_config.sampling_percentage",
                    "Must be between 0 and 1.");
  }
}

// Well-formed wishes that this server does not fulfil. Said clearly, never ignored.
void CheckUnsupported(const Version& version, Violations* violations) {
  if (version.has_container() || version.has_routes()) {
    violations->AddUnsupported("version.container",
                               "Custom containers are not supported by this server yet.");
  }
  if (version.accelerator_config().count() > 0) {
    violations->AddUnsupported("version.accelerator_config",
                               "Accelerators for serving are not supported by this server yet.");
  }
  if (version.has_explanation_config()) {
    violations->AddUnsupported("version.explanation_config",
                               "Explanations are not supported by this server yet.");
  }
  if (!version.service_account().empty()) {
    violations->AddUnsupported(
        "version.service_account",
        "Serving code has no identity on this server, and so no service account.");
  }
}

bool OneOf(std::string_view path, std::initializer_list<std::string_view> allowed) {
  return std::find(allowed.begin(), allowed.end(), path) != allowed.end();
}

}  // namespace

Status ValidateModel(const Model& model) {
  Violations violations;
  if (!IsModelId(model.name())) violations.Add("model.name", kIdRule);
  CheckDescription(model.description(), "model.description", &violations);
  if (model.regions_size() > 1) {
    violations.Add("model.regions", "Only one region can be given.");
  } else if (model.regions_size() == 1 && model.regions(0) != "global" &&
             !jobs::Machines::Published().IsRegion(model.regions(0))) {
    violations.Add("model.regions",
                   fmt::format("The region '{}' does not exist.", model.regions(0).substr(0, 80)));
  }
  jobs::CheckLabels(model.labels(), &violations);
  return violations.ToStatus();
}

Status ValidateVersion(const Version& version) {
  Violations violations;
  if (!IsModelId(version.name())) violations.Add("version.name", kIdRule);
  CheckDescription(version.description(), "version.description", &violations);
  if (!version.has_container()) {
    if (version.deployment_uri().empty()) {
      violations.Add("version.deployment_uri", "The folder of the model must be given.");
    } else if (const auto uri = jobs::ParseGcsUri(version.deployment_uri()); !uri.ok()) {
      violations.Add("version.deployment_uri", uri.status().message());
    }
  }
  if (!Framework_IsValid(version.framework())) {
    violations.Add("version.framework", "Is not a known framework.");
  }
  bool compute_engine = false;
  if (!version.machine_type().empty()) {
    const auto machine = FindServingMachine(version.machine_type());
    if (!machine) {
      violations.Add("version.machine_type",
                     fmt::format("The machine type '{}' does not exist or does not serve models.",
                                 version.machine_type().substr(0, 80)));
    } else {
      compute_engine = machine->compute_engine;
    }
  }
  CheckScaling(version, compute_engine, &violations);
  CheckCustomCode(version, &violations);
  jobs::CheckLabels(version.labels(), &violations);
  CheckUnsupported(version, &violations);
  return violations.ToStatus();
}

Status ValidateModelUpdate(const google::protobuf::FieldMask& mask, const Model& update) {
  if (mask.paths().empty()) return InvalidField("update_mask", "An update mask must be given.");
  Violations violations;
  for (const std::string& path : mask.paths()) {
    if (!OneOf(path,
               {"description", "default_version.name", "default_version", "labels", "etag"})) {
      violations.Add("update_mask",
                     fmt::format("The field '{}' of a model cannot be updated; description, "
                                 "default_version.name and labels can.",
                                 path.substr(0, 80)));
    }
    if (path == "labels") jobs::CheckLabels(update.labels(), &violations);
    if (path == "description") {
      CheckDescription(update.description(), "model.description", &violations);
    }
  }
  return violations.ToStatus();
}

Status ValidateVersionUpdate(const google::protobuf::FieldMask& mask, const Version& update,
                             const Version& current) {
  if (mask.paths().empty()) return InvalidField("update_mask", "An update mask must be given.");
  Violations violations;
  const auto machine = FindServingMachine(current.machine_type());
  const bool compute_engine = machine && machine->compute_engine;
  for (const std::string& path : mask.paths()) {
    if (path == "description") {
      CheckDescription(update.description(), "version.description", &violations);
    } else if (path == "labels") {
      jobs::CheckLabels(update.labels(), &violations);
    } else if (OneOf(path, {"auto_scaling", "auto_scaling.min_nodes", "auto_scaling.max_nodes"})) {
      CheckAutoScaling(update.auto_scaling(), compute_engine, "version.auto_scaling", &violations);
      if (current.has_manual_scaling()) {
        violations.Add("version.auto_scaling", "The version has manual scaling.");
      }
    } else if (OneOf(path, {"manual_scaling", "manual_scaling.nodes"})) {
      CheckScaling(update, compute_engine, &violations);
      if (!current.has_manual_scaling()) {
        violations.Add("version.manual_scaling", "The version has automatic scaling.");
      }
    } else if (path == "request_logging_config" || path.starts_with("request_logging_config.")) {
      CheckRequestLogging(update, &violations);
    } else if (path != "etag") {
      violations.Add("update_mask",
                     fmt::format("The field '{}' of a version cannot be updated; description, "
                                 "labels, requestLoggingConfig, autoScaling.minNodes, "
                                 "autoScaling.maxNodes and manualScaling.nodes can.",
                                 path.substr(0, 80)));
    }
  }
  return violations.ToStatus();
}

Model InputOf(const Model& asked) {
  Model model;
  model.set_name(asked.name());
  model.set_description(asked.description());
  *model.mutable_regions() = asked.regions();
  if (model.regions().empty()) model.add_regions("us-central1");
  model.set_online_prediction_logging(asked.online_prediction_logging());
  model.set_online_prediction_console_logging(asked.online_prediction_console_logging());
  *model.mutable_labels() = asked.labels();
  return model;
}

Version InputOf(const Version& asked) {
  Version version = asked;
  version.clear_is_default();
  version.clear_create_time();
  version.clear_last_use_time();
  version.clear_state();
  version.clear_error_message();
  version.clear_last_migration_time();
  version.clear_last_migration_model_id();
  version.clear_etag();
  // Patch only.
  version.clear_request_logging_config();
  version.clear_image_uri();
  version.clear_model_class();
  if (version.machine_type().empty()) version.set_machine_type(std::string(kDefaultServingMachine));
  return version;
}

}  // namespace hodei::models
