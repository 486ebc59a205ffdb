// Models and versions. Operations: registry_operations.cc.
#include "domain/models/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/models/model_name.h"
#include "domain/models/registry_entry.h"
#include "google/protobuf/empty.pb.h"

namespace hodei::models {
namespace {

using google::cloud::ml::v1::OperationMetadata;
using google::cloud::ml::v1::Version;

Status NoSuchModel(std::string_view name) {
  const std::string text = fmt::format("The model resource: \"{}\" was not found.", LastPart(name));
  return NotFound("Field: name Error: " + text).WithViolation({"name", text});
}

Status NoSuchVersion(std::string_view name) {
  const std::string text =
      fmt::format("The version resource: \"{}\" was not found.", LastPart(name));
  return NotFound("Field: name Error: " + text).WithViolation({"name", text});
}

Status Violated(Code code, std::string field, std::string text) {
  return Status(code, fmt::format("Field: {} Error: {}", field, text))
      .WithViolation({std::move(field), std::move(text)});
}

Status StaleEtag() {
  return Aborted("Field: etag Error: The resource was changed in the meantime; read it again.");
}

bool Names(const google::protobuf::FieldMask& mask, std::string_view path) {
  return std::find(mask.paths().begin(), mask.paths().end(), path) != mask.paths().end();
}

// Update and delete are refused while another operation runs on the version.
Status CheckIdle(const Version& version) {
  if (version.state() != Version::CREATING && version.state() != Version::UPDATING &&
      version.state() != Version::DELETING) {
    return OkStatus();
  }
  return Violated(Code::kFailedPrecondition, "name",
                  fmt::format("The version is {}; wait until that has ended.",
                              Version::State_Name(version.state())));
}

void ApplyUpdate(const google::protobuf::FieldMask& mask, const Version& update, Version* version) {
  for (const std::string& path : mask.paths()) {
    if (path == "description") version->set_description(update.description());
    if (path == "labels") *version->mutable_labels() = update.labels();
    if (path == "auto_scaling") *version->mutable_auto_scaling() = update.auto_scaling();
    if (path == "auto_scaling.min_nodes") {
      version->mutable_auto_scaling()->set_min_nodes(update.auto_scaling().min_nodes());
    }
    if (path == "auto_scaling.max_nodes") {
      version->mutable_auto_scaling()->set_max_nodes(update.auto_scaling().max_nodes());
    }
    if (path == "manual_scaling" || path == "manual_scaling.nodes") {
      version->mutable_manual_scaling()->set_nodes(update.manual_scaling().nodes());
    }
    if (path == "request_logging_config") {
      *version->mutable_request_logging_config() = update.request_logging_config();
    }
    if (path == "request_logging_config.bigquery_table_name") {
      version->mutable_request_logging_config()->set_bigquery_table_name(
          update.request_logging_config().bigquery_table_name());
    }
    if (path == "request_logging_config.sampling_percentage") {
      version->mutable_request_logging_config()->set_sampling_percentage(
          update.request_logging_config().sampling_percentage());
    }
  }
}

}  // namespace

std::string EtagOf(int64_t revision) {
  std::string etag(8, '\0');
  for (int i = 0; i < 8; ++i) etag[i] = static_cast<char>(revision >> (8 * (7 - i)));
  return etag;
}

Result<Registry::Model> Registry::CreateModel(ModelRecord record,
                                              std::vector<store::Write> others) {
  SetTime(clock_->Now(), record.mutable_create_time());
  others.insert(others.begin(), Put(kModelKind, record.model().name(), record, 0));
  const Result<std::vector<int64_t>> revisions = store_->Commit(others);
  if (revisions.status().code() == Code::kAlreadyExists) {
    return Violated(Code::kAlreadyExists, "model.name",
                    "A model with the same name already exists.");
  }
  if (!revisions.ok()) return revisions.status();
  return ShowModel({record, revisions->front()});
}

Result<StoredModel> Registry::GetModel(std::string_view name) const {
  const Result<store::Record> found = store_->Get(kModelKind, name);
  if (found.status().code() == Code::kNotFound) return NoSuchModel(name);
  if (!found.ok()) return found.status();
  return Parse<StoredModel>(*found);
}

Result<Registry::Model> Registry::ShowModel(const StoredModel& stored) const {
  Model model = stored.record.model();
  model.set_etag(EtagOf(stored.revision));
  if (stored.record.default_version().empty()) return model;
  const auto version =
      GetVersion(fmt::format("{}/versions/{}", model.name(), stored.record.default_version()));
  if (version.status().code() == Code::kNotFound) return model;  // deleted a moment ago
  if (!version.ok()) return version.status();
  Version* shown = model.mutable_default_version();
  *shown = version->record.version();
  shown->set_is_default(true);
  shown->set_etag(EtagOf(version->revision));
  return model;
}

Result<Page<StoredModel>> Registry::ListModels(std::string_view project, size_t limit,
                                               std::string_view after) const {
  return ListRecords<StoredModel>(
      store_, kModelKind,
      {.prefix = FormatModelName(project, ""), .limit = limit, .after = std::string(after)});
}

Result<Registry::Operation> Registry::UpdateModel(std::string_view name,
                                                  const google::protobuf::FieldMask& mask,
                                                  const Model& update) {
  return Retry<Operation>(name, [&]() -> Result<Operation> {
    ASSIGN_OR_RETURN(StoredModel stored, GetModel(name));
    if (Names(mask, "etag") && update.etag() != EtagOf(stored.revision)) return StaleEtag();
    Model* model = stored.record.mutable_model();
    if (Names(mask, "description")) model->set_description(update.description());
    if (Names(mask, "labels")) *model->mutable_labels() = update.labels();
    std::vector<store::Write> writes;
    if (Names(mask, "default_version.name") || Names(mask, "default_version")) {
      const std::string id(LastPart(update.default_version().name()));
      ASSIGN_OR_RETURN(const StoredVersion version,
                       GetVersion(fmt::format("{}/versions/{}", name, id)));
      RETURN_IF_ERROR(CheckCanBeDefault(version.record.version()));
      stored.record.set_default_version(id);
      // Written unchanged: it must not be deleted meanwhile.
      writes.push_back(
          Put(kVersionKind, version.record.version().name(), version.record, version.revision));
    }
    writes.push_back(Put(kModelKind, std::string(name), stored.record, stored.revision));
    ASSIGN_OR_RETURN(Model shown, ShowModel(stored));
    shown.clear_etag();  // known after the commit only
    Operation operation = NewOperation(OperationMetadata::UPDATE_MODEL, std::string(name), nullptr);
    Complete(clock_->Now(), OkStatus(), &shown, &operation);
    return CommitWith(store_, std::move(writes), operation, std::string(name));
  });
}

Result<Registry::Operation> Registry::DeleteModel(std::string_view name,
                                                  std::vector<store::Write> others) {
  return Retry<Operation>(name, [&]() -> Result<Operation> {
    ASSIGN_OR_RETURN(const StoredModel stored, GetModel(name));
    if (stored.record.version_count() > 0) {
      return Violated(Code::kFailedPrecondition, "name",
                      fmt::format("Cannot delete the model \"{}\": it still has {} version{}.",
                                  LastPart(name), stored.record.version_count(),
                                  stored.record.version_count() == 1 ? "" : "s"));
    }
    std::vector<store::Write> writes = others;
    writes.push_back(
        {store::Write::Op::kDelete, kModelKind, std::string(name), "", stored.revision});
    Operation operation = NewOperation(OperationMetadata::DELETE_MODEL, std::string(name), nullptr);
    const google::protobuf::Empty nothing;
    Complete(clock_->Now(), OkStatus(), &nothing, &operation);
    return CommitWith(store_, std::move(writes), operation, std::string(name));
  });
}

Result<Registry::Operation> Registry::CreateVersion(VersionRecord record) {
  const std::string name = record.version().name();
  const std::string model_name = ModelOfVersion(name);
  SetTime(clock_->Now(), record.mutable_version()->mutable_create_time());
  record.mutable_version()->set_state(Version::CREATING);
  return Retry<Operation>(name, [&]() -> Result<Operation> {
    ASSIGN_OR_RETURN(StoredModel model, GetModel(model_name));
    if (store_->Get(kVersionKind, name).ok()) {
      return Violated(Code::kAlreadyExists, "version.name",
                      "A version with the same name already exists.");
    }
    if (model.record.version_count() >= kVersionsPerModelMax) {
      return ResourceExhausted(fmt::format(
          "Field: version.name Error: A model has at most {} versions.", kVersionsPerModelMax));
    }
    model.record.set_version_count(model.record.version_count() + 1);
    Operation operation =
        NewOperation(OperationMetadata::CREATE_VERSION, model_name, &record.version());
    record.set_operation(operation.name());
    return CommitWith(store_,
                      {Put(kModelKind, model_name, model.record, model.revision),
                       Put(kVersionKind, name, record, 0)},
                      operation, name);
  });
}

Result<StoredVersion> Registry::GetVersion(std::string_view name) const {
  const Result<store::Record> found = store_->Get(kVersionKind, name);
  if (found.status().code() == Code::kNotFound) return NoSuchVersion(name);
  if (!found.ok()) return found.status();
  return Parse<StoredVersion>(*found);
}

Result<Version> Registry::ShowVersion(const StoredVersion& stored) const {
  Version version = stored.record.version();
  version.set_etag(EtagOf(stored.revision));
  const Result<StoredModel> model = GetModel(ModelOfVersion(version.name()));
  if (!model.ok() && model.status().code() != Code::kNotFound) return model.status();
  version.set_is_default(model.ok() && model->record.default_version() == LastPart(version.name()));
  return version;
}

Result<Page<StoredVersion>> Registry::ListVersions(std::string_view model, size_t limit,
                                                   std::string_view after) const {
  RETURN_IF_ERROR(GetModel(model).status());
  return ListRecords<StoredVersion>(
      store_, kVersionKind,
      {.prefix = fmt::format("{}/versions/", model), .limit = limit, .after = std::string(after)});
}

Result<Registry::Operation> Registry::UpdateVersion(std::string_view name,
                                                    const google::protobuf::FieldMask& mask,
                                                    const Version& update) {
  return Retry<Operation>(name, [&]() -> Result<Operation> {
    ASSIGN_OR_RETURN(StoredVersion stored, GetVersion(name));
    RETURN_IF_ERROR(CheckIdle(stored.record.version()));
    if (Names(mask, "etag") && update.etag() != EtagOf(stored.revision)) return StaleEtag();
    ApplyUpdate(mask, update, stored.record.mutable_version());
    ASSIGN_OR_RETURN(Version shown, ShowVersion(stored));
    shown.clear_etag();  // known after the commit only
    Operation operation =
        NewOperation(OperationMetadata::UPDATE_VERSION, ModelOfVersion(name), &shown);
    Complete(clock_->Now(), OkStatus(), &shown, &operation);
    return CommitWith(store_,
                      {Put(kVersionKind, std::string(name), stored.record, stored.revision)},
                      operation, std::string(name));
  });
}

Result<Registry::Operation> Registry::DeleteVersion(std::string_view name) {
  return Retry<Operation>(name, [&]() -> Result<Operation> {
    ASSIGN_OR_RETURN(StoredVersion stored, GetVersion(name));
    RETURN_IF_ERROR(CheckIdle(stored.record.version()));
    ASSIGN_OR_RETURN(StoredModel model, GetModel(ModelOfVersion(name)));
    if (model.record.default_version() == LastPart(name)) {
      if (model.record.version_count() > 1) {
        return Violated(Code::kFailedPrecondition, "name",
                        "The default version of a model cannot be deleted while the model has "
                        "other versions.");
      }
      model.record.clear_default_version();
    }
    stored.record.mutable_version()->set_state(Version::DELETING);
    Operation operation = NewOperation(OperationMetadata::DELETE_VERSION, ModelOfVersion(name),
                                       &stored.record.version());
    stored.record.set_operation(operation.name());
    return CommitWith(store_,
                      {Put(kModelKind, model.record.model().name(), model.record, model.revision),
                       Put(kVersionKind, std::string(name), stored.record, stored.revision)},
                      operation, std::string(name));
  });
}

Result<Version> Registry::SetDefaultVersion(std::string_view name) {
  return Retry<Version>(name, [&]() -> Result<Version> {
    ASSIGN_OR_RETURN(StoredVersion stored, GetVersion(name));
    RETURN_IF_ERROR(CheckCanBeDefault(stored.record.version()));
    ASSIGN_OR_RETURN(StoredModel model, GetModel(ModelOfVersion(name)));
    model.record.set_default_version(std::string(LastPart(name)));
    const Result<std::vector<int64_t>> revisions =
        store_->Commit({Put(kModelKind, model.record.model().name(), model.record, model.revision),
                        Put(kVersionKind, std::string(name), stored.record, stored.revision)});
    if (!revisions.ok()) return Retryable(revisions.status());
    stored.revision = revisions->back();
    return ShowVersion(stored);
  });
}

Result<std::vector<std::string>> Registry::AllVersions() const {
  std::vector<std::string> names;
  store::ListOptions options{.limit = 1000};
  do {
    ASSIGN_OR_RETURN_CTX(store::ListPage page, store_->List(kVersionKind, options),
                         "list versions");
    for (store::Record& record : page.records) names.push_back(std::move(record.name));
    options.after = page.next;
  } while (!options.after.empty());
  return names;
}

Status Registry::ReplaceVersion(const StoredVersion& stored) {
  return store_
      ->Commit({Put(kVersionKind, stored.record.version().name(), stored.record, stored.revision)})
      .status();
}

}  // namespace hodei::models
