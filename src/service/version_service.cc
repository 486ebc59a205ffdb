#include "service/version_service.h"

#include <fmt/format.h>

#include <string>

#include "base/random_id.h"
#include "domain/models/list_filter.h"
#include "domain/models/model_name.h"
#include "domain/models/validation.h"
#include "domain/serving/model_files.h"

namespace hodei::service {
namespace {

using google::cloud::ml::v1::Framework_Name;
using google::cloud::ml::v1::ListVersionsResponse;
using google::cloud::ml::v1::Version;
using google::longrunning::Operation;

constexpr size_t kUidCharacters = 16;
constexpr size_t kVersionsScannedMax = 10'000;

std::optional<std::string> ValueOf(const Version& version, std::string_view field) {
  if (field == "name") return std::string(models::LastPart(version.name()));
  if (field == "description") return version.description();
  if (field == "state") return Version::State_Name(version.state());
  if (field == "framework") return Framework_Name(version.framework());
  constexpr std::string_view kLabels = "labels.";
  const auto label = version.labels().find(std::string(field.substr(kLabels.size())));
  if (label == version.labels().end()) return std::nullopt;
  return label->second;
}

}  // namespace

Result<Operation> VersionService::CreateVersion(
    const CallContext& context, const google::cloud::ml::v1::CreateVersionRequest& request) {
  RETURN_IF_ERROR(models::ValidateVersion(request.version()));
  const std::string name = request.parent() + "/versions/" + request.version().name();
  ASSIGN_OR_RETURN(const models::VersionName parsed, models::ParseVersionName(name));
  // A missing model is told before what may be wrong with the files.
  RETURN_IF_ERROR(registry_->GetModel(request.parent()).status());
  models::VersionRecord record;
  Version* version = record.mutable_version();
  *version = models::InputOf(request.version());
  version->set_name(name);
  ASSIGN_OR_RETURN(const environments::RuntimeChoice runtime,
                   environments_->Resolve(version->runtime_version(), version->python_version()));
  version->set_runtime_version(runtime.runtime_version);
  version->set_python_version(runtime.python_version);
  ASSIGN_OR_RETURN(*record.mutable_source(), sources_.Resolve(context, *version));
  version->set_framework(record.source().framework());
  record.set_project(parsed.project);
  record.set_uid(RandomId(kUidCharacters));
  record.set_creator(context.principal.email);
  // Before the record: what a version names must be there as long as it is. A hold without its
  // version is let go when the server starts.
  const std::string holder = serving::HolderOf(record.uid());
  RETURN_IF_ERROR(serving::HoldSource(objects_, holder, record.source()));
  Result<Operation> operation = registry_->CreateVersion(std::move(record));
  if (!operation.ok()) (void)objects_->ReleaseGenerations(holder);
  return operation;
}

Result<ListVersionsResponse> VersionService::ListVersions(
    const CallContext&, const google::cloud::ml::v1::ListVersionsRequest& request) {
  ASSIGN_OR_RETURN(const models::ListFilter filter,
                   models::ListFilter::Parse(
                       request.filter(), {"name", "description", "state", "framework", "labels"}));
  ASSIGN_OR_RETURN(const int wanted, wire::PageSize(request.page_size()));
  const std::string query =
      fmt::format("versions.list\n{}\n{}", request.parent(), request.filter());
  ASSIGN_OR_RETURN(std::string after, page_tokens_->Open(query, request.page_token()));
  ListVersionsResponse response;
  size_t scanned = 0;
  while (true) {
    const auto missing = static_cast<size_t>(wanted - response.versions_size());
    ASSIGN_OR_RETURN(const models::Page<models::StoredVersion> page,
                     registry_->ListVersions(request.parent(), missing, after));
    scanned += page.items.size();
    for (const models::StoredVersion& stored : page.items) {
      const auto value_of = [&](std::string_view field) {
        return ValueOf(stored.record.version(), field);
      };
      if (!filter.Matches(value_of)) continue;
      ASSIGN_OR_RETURN(*response.add_versions(), registry_->ShowVersion(stored));
    }
    after = page.next;
    if (after.empty() || response.versions_size() >= wanted || scanned >= kVersionsScannedMax) {
      break;
    }
  }
  if (!after.empty()) response.set_next_page_token(page_tokens_->Seal(query, after));
  return response;
}

Result<Version> VersionService::GetVersion(
    const CallContext&, const google::cloud::ml::v1::GetVersionRequest& request) {
  ASSIGN_OR_RETURN(const models::StoredVersion stored, registry_->GetVersion(request.name()));
  return registry_->ShowVersion(stored);
}

Result<Operation> VersionService::UpdateVersion(
    const CallContext&, const google::cloud::ml::v1::UpdateVersionRequest& request) {
  ASSIGN_OR_RETURN(const models::StoredVersion stored, registry_->GetVersion(request.name()));
  RETURN_IF_ERROR(models::ValidateVersionUpdate(request.update_mask(), request.version(),
                                                stored.record.version()));
  return registry_->UpdateVersion(request.name(), request.update_mask(), request.version());
}

Result<Operation> VersionService::DeleteVersion(
    const CallContext&, const google::cloud::ml::v1::DeleteVersionRequest& request) {
  return registry_->DeleteVersion(request.name());
}

Result<Version> VersionService::SetDefaultVersion(
    const CallContext&, const google::cloud::ml::v1::SetDefaultVersionRequest& request) {
  return registry_->SetDefaultVersion(request.name());
}

}  // namespace hodei::service
