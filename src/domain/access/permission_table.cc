#include "domain/access/permission_table.h"

#include <algorithm>
#include <array>

namespace hodei::access {
namespace {

using enum Role;

constexpr std::array<std::string_view, kRoleCount> kRoleNames = {
    "roles/owner",
    "roles/editor",
    "roles/viewer",
    "roles/ml.admin",
    "roles/ml.developer",
    "roles/ml.viewer",
    "roles/ml.modelOwner",
    "roles/ml.modelUser",
    "roles/ml.jobOwner",
    "roles/ml.operationOwner",
    "roles/storage.admin",
    "roles/storage.objectAdmin",
    "roles/storage.objectUser",
    "roles/storage.objectCreator",
    "roles/storage.objectViewer",
    "roles/storage.legacyBucketReader",
    "roles/storage.legacyBucketWriter",
    "roles/storage.legacyBucketOwner",
    "roles/storage.legacyObjectReader",
    "roles/storage.legacyObjectOwner",
    "roles/logging.viewer",
    "roles/logging.logWriter",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "(job)",
};

// Recurring sets.
constexpr RoleSet kOnlyOwner = {kOwner};
constexpr RoleSet kEverybody = {kOwner, kEditor, kViewer};
constexpr RoleSet kMlWrite = {kOwner, kEditor, kMlAdmin};
constexpr RoleSet kMlCreate = {kOwner, kEditor, kMlAdmin, kMlDeveloper};
constexpr RoleSet kMlRead = {kOwner, kEditor, kViewer, kMlAdmin, kMlDeveloper, kMlViewer, kJob};
constexpr RoleSet kMlPolicy = {kOwner, kMlAdmin};
constexpr RoleSet kJobOwner = {kMlJobOwner};
constexpr RoleSet kModelOwner = {kMlModelOwner};
constexpr RoleSet kModelUser = {kMlModelUser};
constexpr RoleSet kOperationOwner = {kMlOperationOwner};
constexpr RoleSet kBuckets = {kOwner, kEditor, kStorageAdmin};
constexpr RoleSet kBucketsRead = {kOwner, kEditor, kViewer, kStorageAdmin, kJob};
constexpr RoleSet kObjectsWrite = {
    kOwner, kEditor, kStorageAdmin, kStorageObjectAdmin, kStorageObjectUser, kJob};
constexpr RoleSet kObjectsRead = kObjectsWrite | RoleSet{kViewer, kStorageObjectViewer};
constexpr RoleSet kLegacyWriters = {kStorageLegacyBucketWriter, kStorageLegacyBucketOwner};
constexpr RoleSet kLegacyReaders = kLegacyWriters | RoleSet{kStorageLegacyBucketReader};
constexpr RoleSet kLegacyOwner = {kStorageLegacyBucketOwner};
constexpr RoleSet kLegacyObjects = {kStorageLegacyObjectReader, kStorageLegacyObjectOwner};
constexpr RoleSet kLegacyObjectOwner = {kStorageLegacyObjectOwner};
constexpr RoleSet kStoragePolicy = {kOwner, kStorageAdmin};
constexpr RoleSet kLogsRead = {kOwner, kEditor, kViewer, kLoggingViewer, kJob};
constexpr RoleSet kLogsWrite = {kOwner, kEditor, kLoggingLogWriter, kJob};
constexpr RoleSet kAccounts = {kOwner, kServiceAccountAdmin};
constexpr RoleSet kAccountsRead = {kOwner, kEditor, kViewer, kServiceAccountAdmin,
                                   kServiceAccountKeyAdmin};
// Who can make a key of an account can be that account: an editor must not become owner this way.
constexpr RoleSet kAccountKeys = {kOwner, kServiceAccountKeyAdmin};
constexpr RoleSet kProjectRead = kMlRead | kBucketsRead | kLogsRead | kAccountsRead;

constexpr std::array kTable = {
    PermissionRow{"iam.serviceAccountKeys.create", kAccountKeys},
    PermissionRow{"iam.serviceAccountKeys.delete", kAccountKeys},
    PermissionRow{"iam.serviceAccountKeys.get", kAccountsRead},
    PermissionRow{"iam.serviceAccountKeys.list", kAccountsRead},
    PermissionRow{"iam.serviceAccounts.create", kAccounts},
    PermissionRow{"iam.serviceAccounts.delete", kAccounts},
    PermissionRow{"iam.serviceAccounts.disable", kAccounts},
    PermissionRow{"iam.serviceAccounts.enable", kAccounts},
    PermissionRow{"iam.serviceAccounts.get", kAccountsRead},
    PermissionRow{"iam.serviceAccounts.list", kAccountsRead},
    PermissionRow{"logging.logEntries.create", kLogsWrite},
    PermissionRow{"logging.logEntries.list", kLogsRead},
    PermissionRow{"logging.logs.delete", kOnlyOwner},
    PermissionRow{"logging.logs.list", kLogsRead},
    PermissionRow{"ml.jobs.cancel", kMlWrite | kJobOwner},
    PermissionRow{"ml.jobs.create", kMlCreate},
    PermissionRow{"ml.jobs.get", kMlRead | kJobOwner},
    PermissionRow{"ml.jobs.getIamPolicy", kMlRead | kJobOwner},
    PermissionRow{"ml.jobs.list", kMlRead},
    PermissionRow{"ml.jobs.setIamPolicy", kMlPolicy | kJobOwner},
    PermissionRow{"ml.jobs.update", kMlWrite | kJobOwner},
    PermissionRow{"ml.locations.get", kMlRead},
    PermissionRow{"ml.locations.list", kMlRead},
    PermissionRow{"ml.models.create", kMlCreate},
    PermissionRow{"ml.models.delete", kMlWrite | kModelOwner},
    PermissionRow{"ml.models.get", kMlRead | kModelOwner | kModelUser},
    PermissionRow{"ml.models.getIamPolicy", kMlRead | kModelOwner},
    PermissionRow{"ml.models.list", kMlRead},
    PermissionRow{"ml.models.predict", kMlCreate | kModelOwner | kModelUser},
    PermissionRow{"ml.models.setIamPolicy", kMlPolicy | kModelOwner},
    PermissionRow{"ml.models.update", kMlWrite | kModelOwner},
    PermissionRow{"ml.operations.cancel", kMlWrite | kOperationOwner},
    PermissionRow{"ml.operations.get", kMlRead | kOperationOwner},
    PermissionRow{"ml.operations.list", kMlRead},
    PermissionRow{"ml.projects.getConfig", kMlRead},
    PermissionRow{"ml.studies.create", kMlCreate},
    PermissionRow{"ml.studies.delete", kMlCreate},
    PermissionRow{"ml.studies.get", kMlRead},
    PermissionRow{"ml.studies.list", kMlRead},
    PermissionRow{"ml.trials.create", kMlCreate},
    PermissionRow{"ml.trials.delete", kMlCreate},
    PermissionRow{"ml.trials.get", kMlRead},
    PermissionRow{"ml.trials.list", kMlRead},
    PermissionRow{"ml.trials.update", kMlCreate},
    PermissionRow{"ml.versions.create", kMlWrite | kModelOwner},
    PermissionRow{"ml.versions.delete", kMlWrite | kModelOwner},
    PermissionRow{"ml.versions.get", kMlRead | kModelOwner | kModelUser},
    PermissionRow{"ml.versions.list", kMlRead | kModelOwner | kModelUser},
    PermissionRow{"ml.versions.predict", kMlCreate | kModelOwner | kModelUser},
    PermissionRow{"ml.versions.update", kMlWrite | kModelOwner},
    PermissionRow{"resourcemanager.projects.create", kOnlyOwner},
    PermissionRow{"resourcemanager.projects.delete", kOnlyOwner},
    PermissionRow{"resourcemanager.projects.get", kProjectRead},
    PermissionRow{"resourcemanager.projects.getIamPolicy", kEverybody},
    PermissionRow{"resourcemanager.projects.list", kProjectRead},
    PermissionRow{"resourcemanager.projects.setIamPolicy", kOnlyOwner},
    PermissionRow{"resourcemanager.projects.undelete", kOnlyOwner},
    PermissionRow{"resourcemanager.projects.update", kOnlyOwner},
    PermissionRow{"storage.buckets.create", kBuckets},
    PermissionRow{"storage.buckets.delete", kBuckets},
    PermissionRow{"storage.buckets.get", kBucketsRead | kLegacyReaders},
    PermissionRow{"storage.buckets.getIamPolicy", kStoragePolicy | kLegacyOwner},
    PermissionRow{"storage.buckets.list", kBucketsRead},
    PermissionRow{"storage.buckets.setIamPolicy", kStoragePolicy | kLegacyOwner},
    PermissionRow{"storage.buckets.update", kBuckets | kLegacyOwner},
    PermissionRow{"storage.hmacKeys.create", kAccountKeys},
    PermissionRow{"storage.hmacKeys.delete", kAccountKeys},
    PermissionRow{"storage.hmacKeys.get", kAccountKeys},
    PermissionRow{"storage.hmacKeys.list", kAccountKeys},
    PermissionRow{"storage.hmacKeys.update", kAccountKeys},
    PermissionRow{"storage.multipartUploads.abort", kObjectsWrite | kLegacyWriters},
    PermissionRow{"storage.multipartUploads.create",
                  kObjectsWrite | RoleSet{kStorageObjectCreator} | kLegacyWriters},
    PermissionRow{"storage.multipartUploads.list", kObjectsWrite | kLegacyWriters},
    PermissionRow{"storage.multipartUploads.listParts", kObjectsWrite | kLegacyWriters},
    PermissionRow{"storage.objects.create",
                  kObjectsWrite | RoleSet{kStorageObjectCreator} | kLegacyWriters},
    PermissionRow{"storage.objects.delete", kObjectsWrite | kLegacyWriters},
    PermissionRow{"storage.objects.get", kObjectsRead | kLegacyObjects},
    PermissionRow{"storage.objects.getIamPolicy",
                  kStoragePolicy | RoleSet{kStorageObjectAdmin} | kLegacyObjectOwner},
    PermissionRow{"storage.objects.list", kObjectsRead | kLegacyReaders},
    PermissionRow{"storage.objects.setIamPolicy",
                  kStoragePolicy | RoleSet{kStorageObjectAdmin} | kLegacyObjectOwner},
    PermissionRow{"storage.objects.update", kObjectsWrite | kLegacyObjectOwner},
};
static_assert(std::is_sorted(kTable.begin(), kTable.end(),
                             [](const PermissionRow& a, const PermissionRow& b) {
                               return a.permission < b.permission;
                             }));

}  // namespace

std::string_view RoleName(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

std::optional<Role> RoleByName(std::string_view name) {
  for (int i = 0; i < kRoleCount; ++i) {
    const Role role = static_cast<Role>(i);
    if (role != Role::kJob && RoleName(role) == name) return role;
  }
  return std::nullopt;
}

std::span<const PermissionRow> PermissionTable() { return kTable; }

RoleSet RolesWith(std::string_view permission) {
  const auto it = std::lower_bound(
      kTable.begin(), kTable.end(), permission,
      [](const PermissionRow& row, std::string_view wanted) { return row.permission < wanted; });
  if (it == kTable.end() || it->permission != permission) return {};
  return it->roles;
}

}  // namespace hodei::access
