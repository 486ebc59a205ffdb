#include "service/batch_creation.h"

#include <fmt/format.h>

#include "domain/jobs/validation.h"
#include "domain/models/model_name.h"
#include "domain/models/validation.h"
#include "domain/prediction/batch_run.h"
#include "domain/serving/model_files.h"

namespace hodei::service {
namespace {

namespace ml = google::cloud::ml::v1;

constexpr char kModelField[] = "prediction_input.model_name";
constexpr char kVersionField[] = "prediction_input.version_name";

}  // namespace

Status BatchCreation::FillFromVersion(const CallContext& context, const std::string& name,
                                      jobs::Batch* batch) const {
  const Result<models::VersionName> parsed = models::ParseVersionName(name);
  if (!parsed.ok()) return InvalidField(kVersionField, parsed.status().message());
  const std::string model = models::FormatModelName(parsed->project, parsed->model);
  RETURN_IF_ERROR(
      authorizer_->CheckResource(context.principal, parsed->project, model, "ml.versions.predict"));
  ASSIGN_OR_RETURN(const std::string project, authorizer_->ResolveProject(parsed->project));
  ASSIGN_OR_RETURN(
      const models::StoredVersion stored,
      registry_.GetVersion(models::FormatVersionName(project, parsed->model, parsed->version)));
  const ml::Version& version = stored.record.version();
  if (version.state() != ml::Version::READY) {
    return FailedPrecondition(
        fmt::format("Field: {} Error: The version is {}; only a READY version predicts.",
                    kVersionField, ml::Version::State_Name(version.state())));
  }
  batch->set_model(parsed->model);
  batch->set_version(parsed->version);
  batch->set_version_uid(stored.record.uid());
  *batch->mutable_spec() = version;
  *batch->mutable_source() = stored.record.source();
  return OkStatus();
}

Status BatchCreation::FillModel(const CallContext& context, jobs::JobRecord* record) const {
  const ml::PredictionInput& input = record->job().prediction_input();
  jobs::Batch* batch = record->mutable_batch();
  if (input.model_version_case() == ml::PredictionInput::kUri) {
    ml::Version* spec = batch->mutable_spec();
    spec->set_deployment_uri(input.uri());
    spec->set_framework(input.framework());
    spec->set_machine_type(std::string(models::kDefaultServingMachine));
    ASSIGN_OR_RETURN(*batch->mutable_source(), sources_.Resolve(context, *spec));
    spec->set_framework(batch->source().framework());
  } else {
    std::string version = input.version_name();
    if (input.model_version_case() == ml::PredictionInput::kModelName) {
      const Result<models::ModelName> parsed = models::ParseModelName(input.model_name());
      if (!parsed.ok()) return InvalidField(kModelField, parsed.status().message());
      RETURN_IF_ERROR(authorizer_->CheckResource(context.principal, parsed->project,
                                                 input.model_name(), "ml.versions.predict"));
      ASSIGN_OR_RETURN(const std::string project, authorizer_->ResolveProject(parsed->project));
      const std::string name = models::FormatModelName(project, parsed->model);
      ASSIGN_OR_RETURN(const models::StoredModel model, registry_.GetModel(name));
      if (model.record.default_version().empty()) {
        return InvalidField(kModelField, "The model has no default version.");
      }
      version = models::FormatVersionName(project, parsed->model, model.record.default_version());
    }
    RETURN_IF_ERROR(FillFromVersion(context, version, batch));
  }
  if (!input.runtime_version().empty()) {
    // Another library may read the model's files in another way.
    if (input.runtime_version() != batch->spec().runtime_version()) batch->clear_version_uid();
    batch->mutable_spec()->set_runtime_version(input.runtime_version());
  }
  return environments_->Resolve(batch->spec().runtime_version(), batch->spec().python_version())
      .status();
}

Status BatchCreation::Fill(const CallContext& context, jobs::JobRecord* record) const {
  const ml::PredictionInput& input = record->job().prediction_input();
  jobs::Batch* batch = record->mutable_batch();
  RETURN_IF_ERROR(FillModel(context, record));
  for (const std::string& uri : input.input_paths()) {
    RETURN_IF_ERROR(
        sources_.AddInputs(context, uri, "prediction_input.input_paths", batch->mutable_inputs()));
  }
  ASSIGN_OR_RETURN(const models::ModelFolder output, models::ParseModelFolder(input.output_path()));
  RETURN_IF_ERROR(sources_.CheckWritable(context, output.bucket, input.output_path(),
                                         "prediction_input.output_path"));
  batch->set_output_bucket(output.bucket);
  batch->set_output_prefix(output.prefix);
  models::ModelSource all = batch->source();
  all.mutable_files()->MergeFrom(batch->inputs());
  return serving::HoldSource(objects_, prediction::HolderOfBatch(record->uid()), all);
}

void BatchCreation::Release(const jobs::JobRecord& record) const {
  (void)objects_->ReleaseGenerations(prediction::HolderOfBatch(record.uid()));
}

}  // namespace hodei::service
