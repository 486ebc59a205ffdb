// Models, their versions and the operations on them in the meta store, with the rules that hold
// between them. Every change is durable when a call returns. Thread-safe.
//
// Names are full and hold the project's id. What runs in the background (making a version ready,
// taking it down) is version_reconciler.h's; here stands what is wanted.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "google/cloud/ml/v1/model.pb.h"
#include "google/cloud/ml/v1/operation.pb.h"
#include "google/cloud/ml/v1/version.pb.h"
#include "google/longrunning/operation.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "hodei/models/record.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::models {

inline constexpr char kModelKind[] = "model";
inline constexpr char kVersionKind[] = "version";
inline constexpr char kOperationKind[] = "operation";
inline constexpr int kVersionsPerModelMax = 200;
inline constexpr int kCommitTriesMax = 8;

struct StoredModel {
  ModelRecord record;
  int64_t revision = 0;
};
struct StoredVersion {
  VersionRecord record;
  int64_t revision = 0;
};
struct StoredOperation {
  OperationRecord record;
  int64_t revision = 0;
};

template <typename T>
struct Page {
  std::vector<T> items;
  std::string next;  // empty on the last page
};

class Registry {
 public:
  using Model = google::cloud::ml::v1::Model;
  using Version = google::cloud::ml::v1::Version;
  using Operation = google::longrunning::Operation;

  // Neither is owned.
  Registry(store::MetaStore* store, const Clock* clock) : store_(store), clock_(clock) {}

  // Models. `others` are committed with the new one. ALREADY_EXISTS.
  Result<Model> CreateModel(ModelRecord record, std::vector<store::Write> others);
  Result<StoredModel> GetModel(std::string_view name) const;
  // As clients see it: with default version and etag.
  Result<Model> ShowModel(const StoredModel& stored) const;
  // By name.
  Result<Page<StoredModel>> ListModels(std::string_view project, size_t limit,
                                       std::string_view after) const;
  // `mask` and `update` have passed ValidateModelUpdate(). The operation is done.
  Result<Operation> UpdateModel(std::string_view name, const google::protobuf::FieldMask& mask,
                                const Model& update);
  // FAILED_PRECONDITION while it has versions. `others` are committed with it. The operation is
  // done.
  Result<Operation> DeleteModel(std::string_view name, std::vector<store::Write> others);

  // Versions. CREATING from now on; NOT_FOUND without the model.
  Result<Operation> CreateVersion(VersionRecord record);
  Result<StoredVersion> GetVersion(std::string_view name) const;
  // As clients see it: with is_default and etag.
  Result<Version> ShowVersion(const StoredVersion& stored) const;
  Result<Page<StoredVersion>> ListVersions(std::string_view model, size_t limit,
                                           std::string_view after) const;
  // `mask` and `update` have passed ValidateVersionUpdate(). The operation is done.
  Result<Operation> UpdateVersion(std::string_view name, const google::protobuf::FieldMask& mask,
                                  const Version& update);
  // DELETING from now on. FAILED_PRECONDITION for a default version beside others, and in the
  // middle of another operation.
  Result<Operation> DeleteVersion(std::string_view name);
  // Only a READY version answers.
  Result<Version> SetDefaultVersion(std::string_view name);

  // Operations.
  Result<Operation> GetOperation(std::string_view name) const;
  // Newest first.
  Result<Page<Operation>> ListOperations(std::string_view project, size_t limit,
                                         std::string_view after) const;
  // OK without effect for one that is done.
  Status CancelOperation(std::string_view name);

  // For the reconciler: names of all versions.
  Result<std::vector<std::string>> AllVersions() const;
  // A CREATING version became READY (the first one the default of its model) or FAILED with
  // `error`; its operation is done.
  Status FinishCreation(const StoredVersion& stored, const Status& error);
  // A DELETING version is gone, and its operation done.
  Status FinishDeletion(const StoredVersion& stored);
  // Replaces a version's record while its revision is the same.
  Status ReplaceVersion(const StoredVersion& stored);

 private:
  Operation NewOperation(google::cloud::ml::v1::OperationMetadata::OperationType type,
                         const std::string& model, const Version* version) const;
  Status FinishOperation(const std::string& name, const Status& error,
                         const google::protobuf::Message* response,
                         std::vector<store::Write>* writes) const;

  store::MetaStore* const store_;
  const Clock* const clock_;
};

// Eight bytes made of a revision: what clients see as etag.
std::string EtagOf(int64_t revision);
// "projects/P/operations/O"; INVALID_ARGUMENT for any other form.
Status CheckOperationName(std::string_view name);

}  // namespace hodei::models
