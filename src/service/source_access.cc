#include "service/source_access.h"

#include <fmt/format.h>

#include "domain/jobs/staging.h"
#include "domain/jobs/validation.h"

namespace hodei::service {
namespace {

constexpr char kFolderField[] = "version.deployment_uri";
constexpr char kPackagesField[] = "version.package_uris";
constexpr int64_t kPackagesTotalBytesMax = 4LL << 30;

Status Unreadable(const char* field, const std::string& uri) {
  return InvalidField(field,
                      fmt::format("The provided GCS path {} cannot be read: it does not exist or "
                                  "the caller has no access to it.",
                                  uri));
}

}  // namespace

Status SourceAccess::CheckReadable(const CallContext& context, const std::string& bucket,
                                   const std::string& uri, const char* field) const {
  const Result<store::Bucket> found = objects_->GetBucket(bucket);
  if (found.status().code() == Code::kNotFound) return Unreadable(field, uri);
  if (!found.ok()) return found.status();
  const Status allowed = authorizer_->CheckResource(context.principal, found->project_id(),
                                                    "buckets/" + bucket, "storage.objects.get");
  return allowed.ok() ? OkStatus() : Unreadable(field, uri);
}

Status SourceAccess::AddPackages(const CallContext& context,
                                 const google::cloud::ml::v1::Version& version,
                                 models::ModelSource* source) const {
  int64_t total = 0;
  for (int i = 0; i < version.package_uris_size(); ++i) {
    const std::string& uri = version.package_uris(i);
    ASSIGN_OR_RETURN(const jobs::GcsUri parsed, jobs::ParseGcsUri(uri));
    RETURN_IF_ERROR(CheckReadable(context, parsed.bucket, uri, kPackagesField));
    const Result<store::Object> object = objects_->GetObject(parsed.bucket, parsed.object);
    if (object.status().code() == Code::kNotFound) return Unreadable(kPackagesField, uri);
    if (!object.ok()) return object.status();
    total += object->size();
    if (total > kPackagesTotalBytesMax) {
      return InvalidField(kPackagesField, "The packages are larger than 4 GiB together.");
    }
    models::SourceFile* file = source->add_packages();
    file->set_path(jobs::PackageFileName(parsed.object, static_cast<size_t>(i)));
    file->set_bucket(parsed.bucket);
    file->set_object(parsed.object);
    file->set_generation(object->generation());
    file->set_size_bytes(object->size());
  }
  return OkStatus();
}

Status SourceAccess::CheckWritable(const CallContext& context, const std::string& bucket,
                                   const std::string& uri, const char* field) const {
  const Result<store::Bucket> found = objects_->GetBucket(bucket);
  if (!found.ok() && found.status().code() != Code::kNotFound) return found.status();
  if (found.ok() && authorizer_
                        ->CheckResource(context.principal, found->project_id(), "buckets/" + bucket,
                                        "storage.objects.create")
                        .ok()) {
    return OkStatus();
  }
  return InvalidField(field, fmt::format("The provided GCS path {} cannot be written: its bucket "
                                         "does not exist or the caller has no access to it.",
                                         uri));
}

Status SourceAccess::AddInputs(
    const CallContext& context, const std::string& uri, const char* field,
    google::protobuf::RepeatedPtrField<models::SourceFile>* inputs) const {
  ASSIGN_OR_RETURN(const jobs::GcsUri parsed, jobs::ParseGcsUri(uri));
  RETURN_IF_ERROR(CheckReadable(context, parsed.bucket, uri, field));
  const auto add = [&](const store::Object& object) {
    models::SourceFile* file = inputs->Add();
    file->set_path(object.name());
    file->set_bucket(parsed.bucket);
    file->set_object(object.name());
    file->set_generation(object.generation());
    file->set_size_bytes(object.size());
  };
  const bool wildcard = parsed.object.ends_with('*');
  if (!wildcard && !parsed.object.empty() && !parsed.object.ends_with('/')) {
    const Result<store::Object> object = objects_->GetObject(parsed.bucket, parsed.object);
    if (object.ok()) return add(*object), OkStatus();
    if (object.status().code() != Code::kNotFound) return object.status();
  }
  store::ListObjectsOptions options;
  options.prefix = wildcard ? parsed.object.substr(0, parsed.object.size() - 1) : parsed.object;
  if (!wildcard && !options.prefix.empty() && !options.prefix.ends_with('/')) {
    options.prefix += '/';
  }
  const int before = inputs->size();
  do {
    ASSIGN_OR_RETURN(const store::ListObjectsPage page,
                     objects_->ListObjects(parsed.bucket, options));
    for (const store::Object& object : page.items) {
      if (object.name().ends_with('/')) continue;
      if (inputs->size() >= kInputObjectsMax) {
        return InvalidField(field,
                            fmt::format("More than {} input objects are named.", kInputObjectsMax));
      }
      add(object);
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return inputs->size() > before ? OkStatus() : Unreadable(field, uri);
}

Result<models::ModelSource> SourceAccess::Resolve(
    const CallContext& context, const google::cloud::ml::v1::Version& version) const {
  const Result<models::ModelFolder> folder = models::ParseModelFolder(version.deployment_uri());
  if (!folder.ok()) return InvalidField(kFolderField, folder.status().message());
  RETURN_IF_ERROR(CheckReadable(context, folder->bucket, version.deployment_uri(), kFolderField));
  ASSIGN_OR_RETURN(const std::vector<store::Object> found,
                   models::ListModelFolder(objects_, *folder));
  const auto machine = models::FindServingMachine(version.machine_type());
  if (!machine) return Internal("a version without a known machine type came this far");
  ASSIGN_OR_RETURN(models::ModelSource source, models::SourceOf(version, *folder, *machine, found));
  RETURN_IF_ERROR(AddPackages(context, version, &source));
  return source;
}

}  // namespace hodei::service
