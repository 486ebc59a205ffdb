#include "domain/models/model_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/encoding.h"
#include "domain/jobs/validation.h"

namespace hodei::models {
namespace {

namespace ml = google::cloud::ml::v1;
using google::cloud::ml::v1::Framework;

constexpr char kField[] = "version.deployment_uri";
constexpr size_t kNameMaxBytes = 255;  // of one part of a path, as file systems have it

using Names = std::vector<std::string_view>;
const Names kTensorFlow = {"saved_model.pb", "saved_model.pbtxt"};
const Names kPickles = {"model.joblib", "model.pkl"};
const Names kXgboost = {"model.bst", "model.json", "model.ubj"};
const Names kTorchScript = {"model.pt"};

Names Together(std::initializer_list<Names> lists) {
  Names all;
  for (const Names& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

// A relative path that means the same thing to everybody.
bool IsPlainPath(std::string_view path) {
  if (path.empty() || path.size() > kModelPathMaxBytes || !IsValidUtf8(path)) return false;
  while (true) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    if (part.empty() || part == "." || part == ".." || part.size() > kNameMaxBytes) return false;
    const bool control = std::any_of(part.begin(), part.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (control) return false;
    if (end == path.size()) return true;
    path.remove_prefix(end + 1);
  }
}

// A name cannot be a file and a folder.
Status CheckNoFileIsAFolder(const ModelSource& source) {
  std::set<std::string_view> files;
  for (const SourceFile& file : source.files()) files.insert(file.path());
  for (const SourceFile& file : source.files()) {
    const std::string_view path = file.path();
    for (size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
      if (files.contains(path.substr(0, slash))) {
        return InvalidField(kField, fmt::format("'{}' is both an object and a folder there.",
                                                path.substr(0, slash)));
      }
    }
  }
  return OkStatus();
}

Names Present(const ModelSource& source, const Names& wanted) {
  Names found;
  for (const std::string_view name : wanted) {
    const bool there = std::any_of(source.files().begin(), source.files().end(),
                                   [&](const SourceFile& file) { return file.path() == name; });
    if (there) found.push_back(name);
  }
  return found;
}

// The files of which a model of that framework has exactly one.
Names ExpectedOf(Framework framework) {
  switch (framework) {
    case ml::TENSORFLOW:
      return kTensorFlow;
    case ml::SCIKIT_LEARN:
      return kPickles;
    case ml::XGBOOST:
      return Together({kXgboost, kPickles});
    default:
      return Together({kTensorFlow, kPickles, kXgboost, kTorchScript});
  }
}

bool Has(const Names& names, const Names& some) {
  return std::any_of(some.begin(), some.end(), [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

void AddLayers(const Names& found, ModelSource* source) {
  const Framework framework = source->framework();
  if (framework == ml::TENSORFLOW || Has(found, kTensorFlow)) source->add_layers("tensorflow");
  const bool pickle = Has(found, kPickles);
  // Which library a pickle needs only its loader knows.
  if (framework == ml::XGBOOST || Has(found, kXgboost) ||
      (pickle && framework == ml::FRAMEWORK_UNSPECIFIED)) {
    source->add_layers("xgboost");
  }
  if (framework == ml::SCIKIT_LEARN || pickle) source->add_layers("science");
  if (Has(found, kTorchScript)) source->add_layers("torch");
}

Status TellFramework(const ml::Version& version, ModelSource* source) {
  const Names expected = ExpectedOf(version.framework());
  const Names found = Present(*source, expected);
  source->set_framework(version.framework());
  AddLayers(found, source);
  if (!version.prediction_class().empty()) return OkStatus();
  if (found.size() > 1) {
    return InvalidField(kField,
                        fmt::format("Multiple model files are found: {}.", fmt::join(found, ", ")));
  }
  if (found.empty()) {
    return InvalidField(
        kField, fmt::format("Deployment directory {} is expected to contain exactly one of: [{}].",
                            version.deployment_uri(), fmt::join(expected, ", ")));
  }
  if (version.framework() != ml::FRAMEWORK_UNSPECIFIED) return OkStatus();
  if (Has(found, kTensorFlow)) source->set_framework(ml::TENSORFLOW);
  if (Has(found, kXgboost)) source->set_framework(ml::XGBOOST);
  return OkStatus();
}

}  // namespace

Result<ModelFolder> ParseModelFolder(std::string_view uri) {
  ASSIGN_OR_RETURN(jobs::GcsUri parsed, jobs::ParseGcsUri(uri));
  ModelFolder folder{std::move(parsed.bucket), std::move(parsed.object)};
  if (!folder.prefix.empty() && !folder.prefix.ends_with('/')) folder.prefix += '/';
  return folder;
}

Result<std::vector<store::Object>> ListModelFolder(store::ObjectStore* objects,
                                                   const ModelFolder& folder) {
  std::vector<store::Object> found;
  store::ListObjectsOptions options;
  options.prefix = folder.prefix;
  do {
    ASSIGN_OR_RETURN(store::ListObjectsPage page, objects->ListObjects(folder.bucket, options));
    for (store::Object& object : page.items) {
      if (object.name().ends_with('/')) continue;
      found.push_back(std::move(object));
      if (found.size() > kModelFilesMax) return found;
    }
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  return found;
}

Result<ModelSource> SourceOf(const ml::Version& version, const ModelFolder& folder,
                             const ServingMachine& machine,
                             const std::vector<store::Object>& objects) {
  if (objects.empty()) {
    return InvalidField(kField, fmt::format("The folder {} does not exist or holds no objects.",
                                            version.deployment_uri()));
  }
  if (objects.size() > kModelFilesMax) {
    return InvalidField(kField, fmt::format("The folder {} holds more than {} objects.",
                                            version.deployment_uri(), kModelFilesMax));
  }
  ModelSource source;
  int64_t total = 0;
  for (const store::Object& object : objects) {
    const std::string_view path = std::string_view(object.name()).substr(folder.prefix.size());
    if (!IsPlainPath(path)) {
      return InvalidField(kField, fmt::format("The object name '{}' cannot be a file of a model.",
                                              path.substr(0, 200)));
    }
    SourceFile* file = source.add_files();
    file->set_path(std::string(path));
    file->set_bucket(folder.bucket);
    file->set_object(object.name());
    file->set_generation(object.generation());
    file->set_size_bytes(object.size());
    total += object.size();
  }
  if (total > machine.model_bytes_max) {
    return InvalidField(
        kField, fmt::format("The model has {:.1f} MB, and its machine type serves models of at "
                            "most {} MB.",
                            static_cast<double>(total) / 1e6, machine.model_bytes_max / 1'000'000));
  }
  RETURN_IF_ERROR(CheckNoFileIsAFolder(source));
  RETURN_IF_ERROR(TellFramework(version, &source));
  return source;
}

}  // namespace hodei::models
