// Operations: made, read, cancelled, finished.
#include <fmt/format.h>

#include "base/random_id.h"
#include "domain/models/model_name.h"
#include "domain/models/registry.h"
#include "domain/models/registry_entry.h"
#include "google/protobuf/empty.pb.h"

namespace hodei::models {
namespace {

using google::cloud::ml::v1::OperationMetadata;
using google::cloud::ml::v1::Version;
using google::longrunning::Operation;

constexpr std::string_view kProjects = "projects/";
constexpr std::string_view kOperations = "/operations/";

std::string_view VerbOf(OperationMetadata::OperationType type) {
  switch (type) {
    case OperationMetadata::CREATE_VERSION:
      return "create";
    case OperationMetadata::DELETE_VERSION:
    case OperationMetadata::DELETE_MODEL:
      return "delete";
    default:
      return "update";
  }
}

Status NoSuchOperation(std::string_view name) {
  const std::string text =
      fmt::format("The operation resource: \"{}\" was not found.", LastPart(name));
  return NotFound("Field: name Error: " + text).WithViolation({"name", text});
}

}  // namespace

Status CheckOperationName(std::string_view name) {
  const size_t middle = name.find(kOperations);
  const bool good = name.starts_with(kProjects) && middle != name.npos &&
                    middle > kProjects.size() && name.find('/', kProjects.size()) == middle &&
                    name.size() > middle + kOperations.size() &&
                    name.find('/', middle + kOperations.size()) == name.npos;
  if (good) return OkStatus();
  return InvalidField("name", "must have the form projects/PROJECT/operations/OPERATION");
}

void Complete(WallTime now, const Status& error, const google::protobuf::Message* response,
              Operation* operation) {
  OperationMetadata metadata;
  operation->metadata().UnpackTo(&metadata);
  SetTime(now, metadata.mutable_end_time());
  operation->mutable_metadata()->PackFrom(metadata);
  operation->set_done(true);
  if (!error.ok()) {
    operation->mutable_error()->set_code(static_cast<int>(error.code()));
    operation->mutable_error()->set_message(error.message());
  } else {
    operation->mutable_response()->PackFrom(*response);
  }
}

Result<Operation> CommitWith(store::MetaStore* store, std::vector<store::Write> writes,
                             const Operation& operation, std::string target) {
  OperationRecord record;
  *record.mutable_operation() = operation;
  record.set_target(std::move(target));
  writes.push_back(Put(kOperationKind, operation.name(), record, 0));
  const Result<std::vector<int64_t>> revisions = store->Commit(writes);
  if (!revisions.ok()) return Retryable(revisions.status());
  return operation;
}

Status CheckCanBeDefault(const Version& version) {
  if (version.state() == Version::READY) return OkStatus();
  return FailedPrecondition(
      fmt::format("Field: name Error: The version is {}; only a READY version can be the default.",
                  Version::State_Name(version.state())));
}

Operation Registry::NewOperation(OperationMetadata::OperationType type, const std::string& model,
                                 const Version* version) const {
  const WallTime now = clock_->Now();
  std::string id = fmt::format("{}_{}", VerbOf(type), LastPart(model));
  if (version != nullptr) id += fmt::format("_{}", LastPart(version->name()));
  // Milliseconds alone would not keep two of the same moment apart.
  id += fmt::format("-{}-{}", now.unix_nanos / 1'000'000, RandomId(4));
  OperationMetadata metadata;
  SetTime(now, metadata.mutable_create_time());
  SetTime(now, metadata.mutable_start_time());
  metadata.set_operation_type(type);
  metadata.set_model_name(model);
  if (version != nullptr) {
    *metadata.mutable_version() = *version;
    *metadata.mutable_labels() = version->labels();
  }
  Operation operation;
  const std::string_view project =
      std::string_view(model).substr(0, model.find('/', kProjects.size()));
  operation.set_name(fmt::format("{}{}{}", project, kOperations, id));
  operation.mutable_metadata()->PackFrom(metadata);
  return operation;
}

Result<Operation> Registry::GetOperation(std::string_view name) const {
  RETURN_IF_ERROR(CheckOperationName(name));
  const Result<store::Record> found = store_->Get(kOperationKind, name);
  if (found.status().code() == Code::kNotFound) return NoSuchOperation(name);
  if (!found.ok()) return found.status();
  ASSIGN_OR_RETURN(StoredOperation stored, Parse<StoredOperation>(*found));
  return std::move(*stored.record.mutable_operation());
}

Result<Page<Operation>> Registry::ListOperations(std::string_view project, size_t limit,
                                                 std::string_view after) const {
  ASSIGN_OR_RETURN(Page<StoredOperation> page,
                   ListRecords<StoredOperation>(
                       store_, kOperationKind,
                       {.prefix = fmt::format("{}{}{}", kProjects, project, kOperations),
                        .limit = limit,
                        .newest_first = true,
                        .after = std::string(after)}));
  Page<Operation> result{.items = {}, .next = std::move(page.next)};
  for (StoredOperation& stored : page.items) {
    result.items.push_back(std::move(*stored.record.mutable_operation()));
  }
  return result;
}

// The wish is the version's: what runs on it is the reconciler's business.
Status Registry::CancelOperation(std::string_view name) {
  ASSIGN_OR_RETURN(const Operation operation, GetOperation(name));
  if (operation.done()) return OkStatus();
  return Retry<bool>(
             name,
             [&]() -> Result<bool> {
               ASSIGN_OR_RETURN(const store::Record found, store_->Get(kOperationKind, name));
               ASSIGN_OR_RETURN(StoredOperation stored, Parse<StoredOperation>(found));
               Result<StoredVersion> version = GetVersion(stored.record.target());
               if (stored.record.operation().done() || !version.ok() ||
                   version->record.version().state() != Version::CREATING) {
                 return true;
               }
               OperationMetadata metadata;
               stored.record.operation().metadata().UnpackTo(&metadata);
               metadata.set_is_cancellation_requested(true);
               stored.record.mutable_operation()->mutable_metadata()->PackFrom(metadata);
               version->record.set_cancel_requested(true);
               const auto committed = store_->Commit(
                   {Put(kOperationKind, std::string(name), stored.record, stored.revision),
                    Put(kVersionKind, stored.record.target(), version->record, version->revision)});
               if (!committed.ok()) return Retryable(committed.status());
               return true;
             })
      .status();
}

// Adds the write that finishes the operation; none when it is gone or done.
Status Registry::FinishOperation(const std::string& name, const Status& error,
                                 const google::protobuf::Message* response,
                                 std::vector<store::Write>* writes) const {
  const Result<store::Record> found = store_->Get(kOperationKind, name);
  if (found.status().code() == Code::kNotFound) return OkStatus();
  if (!found.ok()) return found.status();
  ASSIGN_OR_RETURN(StoredOperation stored, Parse<StoredOperation>(*found));
  if (stored.record.operation().done()) return OkStatus();
  Complete(clock_->Now(), error, response, stored.record.mutable_operation());
  writes->push_back(Put(kOperationKind, name, stored.record, stored.revision));
  return OkStatus();
}

Status Registry::FinishCreation(const StoredVersion& stored, const Status& error) {
  const std::string& name = stored.record.version().name();
  return Retry<bool>(
             name,
             [&]() -> Result<bool> {
               StoredVersion done = stored;
               Version* version = done.record.mutable_version();
               version->set_state(error.ok() ? Version::READY : Version::FAILED);
               version->set_error_message(error.message());
               done.record.clear_operation();
               std::vector<store::Write> writes = {
                   Put(kVersionKind, name, done.record, stored.revision)};
               ASSIGN_OR_RETURN(StoredModel model, GetModel(ModelOfVersion(name)));
               if (error.ok() && model.record.default_version().empty()) {
                 model.record.set_default_version(std::string(LastPart(name)));
                 writes.push_back(
                     Put(kModelKind, model.record.model().name(), model.record, model.revision));
                 version->set_is_default(true);
               }
               RETURN_IF_ERROR(FinishOperation(stored.record.operation(), error, version, &writes));
               const auto committed = store_->Commit(writes);
               if (committed.ok()) return true;
               // The version itself changed: the caller looks at it again.
               const auto now = GetVersion(name);
               if (!now.ok() || now->revision != stored.revision) {
                 return Aborted(fmt::format("version '{}' was changed", name));
               }
               return Retryable(committed.status());
             })
      .status();
}

Status Registry::FinishDeletion(const StoredVersion& stored) {
  const std::string& name = stored.record.version().name();
  return Retry<bool>(
             name,
             [&]() -> Result<bool> {
               std::vector<store::Write> writes = {
                   {store::Write::Op::kDelete, kVersionKind, name, "", stored.revision}};
               ASSIGN_OR_RETURN(StoredModel model, GetModel(ModelOfVersion(name)));
               model.record.set_version_count(std::max(model.record.version_count() - 1, 0));
               writes.push_back(
                   Put(kModelKind, model.record.model().name(), model.record, model.revision));
               const google::protobuf::Empty nothing;
               RETURN_IF_ERROR(
                   FinishOperation(stored.record.operation(), OkStatus(), &nothing, &writes));
               const auto committed = store_->Commit(writes);
               if (committed.ok()) return true;
               const auto now = GetVersion(name);
               if (now.status().code() == Code::kNotFound) return true;
               if (now.ok() && now->revision != stored.revision) {
                 return Aborted(fmt::format("version '{}' was changed", name));
               }
               return Retryable(committed.status());
             })
      .status();
}

}  // namespace hodei::models
