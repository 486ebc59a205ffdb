#include "cli/ml/model_paths.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/encoding.h"
#include "cli/storage/copy_plan.h"
#include "cli/storage/local_file.h"
#include "cli/storage/transfer.h"

namespace hodei::cli {
namespace {

// SHA-256 over the contents of all files, in order.
Result<std::string> ContentHash(const std::vector<FolderFile>& files) {
  DigestStream digest(DigestStream::Kind::kSha256);
  for (const FolderFile& file : files) {
    ASSIGN_OR_RETURN(LocalFile source, LocalFile::Open(file.path));
    for (uint64_t at = 0;;) {
      ASSIGN_OR_RETURN(std::string piece, source.ReadAt(at, kPieceBytes));
      if (piece.empty()) break;
      digest.Update(piece);
      at += piece.size();
    }
  }
  return HexEncode(digest.Final());
}

}  // namespace

Result<std::string> ModelsPath(Context& context, std::initializer_list<std::string> below) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  std::string path = "/v1/projects/" + PercentEncode(project) + "/models";
  for (const std::string& segment : below) path += "/" + PercentEncode(segment);
  return path;
}

void PrintEndpoint(Context& context) {
  context.console().Err(fmt::format("Using endpoint [{}/]\n", context.settings().Server().url));
}

Flag ModelFlag() { return TextFlag("model", "MODEL", "Name of the model.").Required(); }

Flag RegionFlag() {
  return TextFlag("region", "REGION", "Region of the endpoint; every region is this server.");
}

Json LabelsOf(const CommandLine& line, std::string_view flag) {
  Json labels = Json::object();
  for (const auto& [key, value] : line.Pairs(flag)) labels[key] = value;
  return labels;
}

bool AsksForLabels(const CommandLine& line) {
  return line.Has("update-labels") || line.Has("remove-labels") || line.Switch("clear-labels");
}

std::optional<Json> ChangedLabels(const CommandLine& line, const Json& resource) {
  const Json* found = Member(resource, "labels");
  Json old = found == nullptr ? Json::object() : *found;
  Json labels = line.Switch("clear-labels") ? Json::object() : old;
  for (const auto& [key, value] : line.Pairs("update-labels")) labels[key] = value;
  for (const std::string& key : line.List("remove-labels")) labels.erase(key);
  if (labels == old) return std::nullopt;
  return labels;
}

std::vector<Flag> LabelUpdateFlags() {
  return {PairsFlag("update-labels", "KEY=VALUE", "Labels to add or change."),
          ListFlag("remove-labels", "KEY", "Labels to remove."),
          SwitchFlag("clear-labels", "Remove all labels.")};
}

Result<std::string> UploadModelFolder(Context& context, const std::string& origin) {
  if (IsGsUrl(origin)) return origin;
  const CommandLine& line = context.line();
  if (!line.Has("staging-bucket")) {
    return InvalidArgument(
        "If --origin is provided as a local path, --staging-bucket must be given as well.");
  }
  ASSIGN_OR_RETURN(GsUrl staging, ParseGsUrl(line.Text("staging-bucket")));
  struct stat status {};
  if (stat(origin.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return NotFound(fmt::format("[{}] is not a valid directory.", origin));
  }
  ASSIGN_OR_RETURN(std::vector<FolderFile> files, CollectFiles(origin, true, false));
  if (files.empty()) {
    return InvalidArgument(fmt::format(
        "Cannot upload contents of directory [{}] to Google Cloud Storage; directory has no files.",
        origin));
  }
  ASSIGN_OR_RETURN(std::string hash, ContentHash(files));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  std::vector<TransferTask> tasks;
  for (const FolderFile& file : files) {
    GsUrl to{staging.bucket, hash + "/" + file.name, ""};
    tasks.push_back(
        {"Uploading " + file.name, file.size, [api, file, to](const TransferReport& report) {
           return UploadFile(*api, {.path = file.path, .to = to}, report).status();
         }});
  }
  // gcloud uploads without a word; a terminal sees the bar.
  bool quiet = !context.console().err_is_terminal() || line.Switch("quiet");
  TransferProgress progress(&context.console(), &context.clock(), quiet);
  constexpr size_t kThreads = 4;
  RETURN_IF_ERROR(RunTransfers(std::move(tasks), {.threads = kThreads}, &progress));
  return "gs://" + staging.bucket + "/" + hash + "/";
}

}  // namespace hodei::cli
