// Objects: cp, mv, cat, rm, stat.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/storage/copy_plan.h"
#include "cli/storage/storage_handlers.h"
#include "cli/storage/transfer.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

size_t Threads(Context& context) {
  constexpr size_t kThreads = 8;
  constexpr size_t kMostThreads = 64;
  auto property = context.settings().Property("storage/process_count");
  size_t wanted = property ? std::strtoul(property->c_str(), nullptr, 10) : kThreads;
  return std::min(std::max<size_t>(wanted, 1), kMostThreads);
}

Status MatchedNothing(const std::string& text) {
  return NotFound("The following URLs matched no objects or files:\n" + text);
}

Result<bool> Exists(Api& api, const CopyStep& step) {
  if (!step.to) return FileExists(step.local_to);
  Result<ObjectEntry> entry = StatObject(api, *step.to);
  if (entry.ok()) return true;
  if (entry.status().code() == Code::kNotFound) return false;
  return entry.status();
}

Status RunStep(Api& api, const CopyStep& step, const std::string& content_type,
               const ByteCount& moved) {
  if (!step.from) return UploadFile(api, step.local_from, *step.to, moved, content_type).status();
  if (step.to) {
    RETURN_IF_ERROR(CopyObject(api, step.from->url(), *step.to).status());
    moved(step.bytes);
    return OkStatus();
  }
  size_t slash = step.local_to.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    RETURN_IF_ERROR(MakeDirectories(step.local_to.substr(0, slash), 0777));
  }
  return DownloadFile(api, *step.from, step.local_to, moved);
}

Status RemoveSource(Api& api, const CopyStep& step) {
  if (step.from) return DeleteObject(api, step.from->url(), step.from->generation);
  if (unlink(step.local_from.c_str()) == 0) return OkStatus();
  return ErrnoStatus(errno, fmt::format("remove '{}'", step.local_from));
}

// cp gs://b/o - : the content of objects on standard output.
Result<int> CopyToOutput(Context& context, const std::vector<std::string>& sources);

Result<int> CopyOrMove(Context& context, bool move) {
  CopyRequest request;
  request.sources = context.line().positionals;
  if (request.sources.size() < 2) {
    return InvalidArgument(
        "Give at least one source and the destination, for example `hodei storage cp "
        "FILE gs://BUCKET/`.");
  }
  request.destination = request.sources.back();
  request.sources.pop_back();
  if (request.destination == "-" && !move) return CopyToOutput(context, request.sources);
  request.recursive = context.line().Switch("recursive");
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(std::vector<CopyStep> steps, PlanCopies(*api, request));
  std::string type = context.line().Text("content-type");
  bool keep = context.line().Switch("no-clobber");
  std::vector<TransferTask> tasks;
  for (CopyStep& step : steps) {
    TransferTask task;
    task.label = step.Label();
    task.bytes = step.bytes;
    task.run = [api, step, type, keep, move](const ByteCount& moved) -> Status {
      if (keep) {
        ASSIGN_OR_RETURN(bool exists, Exists(*api, step));
        if (exists) return OkStatus();
      }
      RETURN_IF_ERROR(RunStep(*api, step, type, moved));
      return move ? RemoveSource(*api, step) : OkStatus();
    };
    tasks.push_back(std::move(task));
  }
  TransferProgress progress(&context.console(), &context.clock(), context.line().Switch("quiet"));
  RETURN_IF_ERROR(RunTransfers(std::move(tasks), Threads(context), &progress));
  return 0;
}

Result<std::vector<ObjectEntry>> ExpandAll(Api& api, const std::vector<std::string>& texts) {
  std::vector<ObjectEntry> all;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    if (url.object.empty())
      return InvalidArgument(fmt::format("[{}] names a bucket, not an object.", text));
    ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandUrl(api, url));
    if (entries.empty()) return MatchedNothing(text);
    all.insert(all.end(), entries.begin(), entries.end());
  }
  return all;
}

Result<int> CopyToOutput(Context& context, const std::vector<std::string>& sources) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandAll(*api, sources));
  for (const ObjectEntry& entry : entries) {
    RETURN_IF_ERROR(DownloadTo(*api, entry, [&](std::string_view piece) {
      context.console().OutBytes(piece);
      return OkStatus();
    }));
  }
  return 0;
}

Status RemoveBucket(Context& context, Api& api, const std::string& bucket) {
  context.console().Err(fmt::format("Removing gs://{}/...\n", bucket));
  return api.Call("DELETE", BucketPath(bucket)).status();
}

}  // namespace

Result<int> Copy(Context& context) { return CopyOrMove(context, false); }
Result<int> Move(Context& context) { return CopyOrMove(context, true); }
Result<int> Concatenate(Context& context) {
  return CopyToOutput(context, context.line().positionals);
}

Result<int> Remove(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  bool recursive = context.line().Switch("recursive");
  std::vector<ObjectEntry> doomed;
  std::vector<std::string> buckets;
  for (const std::string& text : context.line().positionals) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    if (url.object.empty() && !recursive) {
      return InvalidArgument(
          fmt::format("[{}] is a bucket: add -r to delete it with its objects.", text));
    }
    std::vector<ObjectEntry> found;
    if (!url.object.empty()) {
      ASSIGN_OR_RETURN(found, ExpandUrl(*api, url));
    }
    if (recursive) {
      bool whole_bucket = url.object.empty();
      std::string prefix = whole_bucket               ? ""
                           : url.object.back() == '/' ? url.object
                                                      : url.object + "/";
      if (!HasWildcard(url.object)) {
        ASSIGN_OR_RETURN(Listing below, ListObjects(*api, url.bucket, prefix, false, whole_bucket));
        found.insert(found.end(), below.objects.begin(), below.objects.end());
      }
      if (whole_bucket) buckets.push_back(url.bucket);
    }
    if (found.empty() && !url.object.empty()) return MatchedNothing(text);
    doomed.insert(doomed.end(), found.begin(), found.end());
  }
  std::vector<TransferTask> tasks;
  for (const ObjectEntry& entry : doomed) {
    bool versioned = !buckets.empty();
    tasks.push_back(
        {"Removing " + entry.url().Text() + "...", 0, [api, entry, versioned](const ByteCount&) {
           return DeleteObject(*api, entry.url(), versioned ? entry.generation : "");
         }});
  }
  TransferProgress progress(&context.console(), &context.clock(), context.line().Switch("quiet"));
  RETURN_IF_ERROR(RunTransfers(std::move(tasks), Threads(context), &progress));
  for (const std::string& bucket : buckets) RETURN_IF_ERROR(RemoveBucket(context, *api, bucket));
  return 0;
}

Result<int> Stat(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandAll(*api, context.line().positionals));
  for (const ObjectEntry& entry : entries) {
    ASSIGN_OR_RETURN(Json object, api->Get(ObjectPath(entry.url())));
    if (context.line().Has("format")) {
      ASSIGN_OR_RETURN(int printed, context.Print(object));
      if (printed != 0) return printed;
      continue;
    }
    std::string text = entry.url().Text() + ":\n";
    auto row = [&](const char* title, const char* member) {
      std::string value = MemberText(object, member);
      if (!value.empty()) text += fmt::format("    {:<23}{}\n", std::string(title) + ":", value);
    };
    row("Creation time", "timeCreated");
    row("Update time", "updated");
    row("Storage class", "storageClass");
    row("Content-Length", "size");
    row("Content-Type", "contentType");
    row("Hash (crc32c)", "crc32c");
    row("Hash (md5)", "md5Hash");
    row("ETag", "etag");
    row("Generation", "generation");
    row("Metageneration", "metageneration");
    context.console().Out(text);
  }
  return 0;
}

}  // namespace hodei::cli
