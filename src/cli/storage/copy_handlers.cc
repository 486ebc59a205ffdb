// cp and mv.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/storage/copy_manifest.h"
#include "cli/storage/copy_plan.h"
#include "cli/storage/local_file.h"
#include "cli/storage/storage_handlers.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

// What every step of one command shares.
struct CopyOptions {
  ObjectSettings settings;
  bool gsutil_words = false;
  bool move = false;
  bool keep_existing = false;
  bool decompress = true;
  bool preserve_time = false;
  bool print_created = false;
  bool gzip_all = false;
  std::vector<std::string> gzip_endings;
  const TransferJournal* journal = nullptr;
  CopyManifest* manifest = nullptr;
};

bool EndsWithOne(const std::string& path, const std::vector<std::string>& endings) {
  for (std::string ending : endings) {
    if (ending.empty()) continue;
    if (ending[0] != '.') ending = "." + ending;
    if (path.size() >= ending.size() && path.ends_with(ending)) return true;
  }
  return false;
}

void SkipNote(const CopyStep& step, const CopyOptions& options, const TransferReport& report) {
  report.note((options.gsutil_words ? "Skipping existing item: "
                                    : "Skipping existing destination item (no-clobber): ") +
              step.Target());
}

Result<ObjectEntry> Upload(Api& api, const CopyStep& step, const CopyOptions& options,
                           const TransferReport& report) {
  UploadRequest request;
  request.path = step.local_from;
  request.to = *step.to;
  request.settings = options.settings;
  request.journal = options.journal;
  request.gzip = options.gzip_all || EndsWithOne(step.local_from, options.gzip_endings);
  if (options.preserve_time) {
    ASSIGN_OR_RETURN(LocalFile file, LocalFile::Open(step.local_from));
    request.settings.metadata["goog-reserved-file-mtime"] = std::to_string(file.mtime_seconds());
  }
  // The server decides, so that nothing can come between the look and the write.
  if (options.keep_existing) request.settings.if_generation_match = "0";
  return UploadFile(api, request, report);
}

Status MakeParentFolder(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return OkStatus();
  return MakeDirectories(path.substr(0, slash), 0777);
}

Status CopyLocal(const std::string& from, const std::string& to, const TransferReport& report) {
  ASSIGN_OR_RETURN(LocalFile source, LocalFile::Open(from));
  ASSIGN_OR_RETURN(UniqueFd out, OpenFile(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  for (uint64_t at = 0; at < source.size();) {
    ASSIGN_OR_RETURN(std::string piece, source.ReadAt(at, kPieceBytes));
    if (piece.empty()) break;
    RETURN_IF_ERROR(WriteAll(out.get(), piece));
    at += piece.size();
    report.moved(piece.size());
  }
  return OkStatus();
}

// To a file: from an object or another file.
Status CopyToFile(Api& api, const CopyStep& step, const CopyOptions& options,
                  const TransferReport& report) {
  if (options.keep_existing && FileExists(step.local_to)) {
    SkipNote(step, options, report);
    return AlreadyExists("kept").WithReason("kept");
  }
  RETURN_IF_ERROR(MakeParentFolder(step.local_to));
  if (!step.from) return CopyLocal(step.local_from, step.local_to, report);
  DownloadRequest request{.from = *step.from,
                          .path = step.local_to,
                          .decompress = options.decompress,
                          .preserve_time = options.preserve_time,
                          .journal = options.journal};
  return DownloadFile(api, request, report);
}

Result<ObjectEntry> CopyToObject(Api& api, const CopyStep& step, const CopyOptions& options,
                                 const TransferReport& report) {
  if (!step.from) return Upload(api, step, options, report);
  ObjectSettings settings = options.settings;
  if (options.keep_existing) settings.if_generation_match = "0";
  Result<ObjectEntry> entry = CopyObject(api, *step.from, *step.to, settings);
  if (entry.ok()) report.moved(step.bytes);
  return entry;
}

Status RemoveSource(Api& api, const CopyStep& step) {
  if (step.from) return DeleteObject(api, step.from->url(), step.from->generation);
  if (unlink(step.local_from.c_str()) == 0) return OkStatus();
  return ErrnoStatus(errno, fmt::format("remove '{}'", step.local_from));
}

Status RunStep(Api& api, const CopyStep& step, const CopyOptions& options,
               const TransferReport& report) {
  ObjectEntry stored;
  if (step.to) {
    Result<ObjectEntry> entry = CopyToObject(api, step, options, report);
    bool kept = options.keep_existing && entry.status().code() == Code::kFailedPrecondition;
    if (kept) {
      SkipNote(step, options, report);
      return AlreadyExists("kept").WithReason("kept");
    }
    RETURN_IF_ERROR(entry.status());
    stored = std::move(*entry);
  } else {
    RETURN_IF_ERROR(CopyToFile(api, step, options, report));
  }
  if (options.print_created) {
    report.note("Created: " + (step.to ? stored.VersionText() : step.Target()));
  }
  if (!options.move) return OkStatus();
  report.note(fmt::format("Removing {}...", step.Source()));
  return RemoveSource(api, step);
}

Status RunStepForManifest(Api& api, const CopyStep& step, const CopyOptions& options,
                          const TransferReport& report) {
  Status status = RunStep(api, step, options, report);
  bool kept = status.reason() == "kept";
  if (options.manifest != nullptr) {
    options.manifest->Add({step.Source(), step.Target(), step.bytes,
                           kept          ? "skip"
                           : status.ok() ? "OK"
                                         : "error",
                           kept ? "Skipped existing" : std::string(status.message())});
  }
  return kept ? OkStatus() : status;
}

std::string StepLabel(Context& context, const CopyStep& step, const CopyOptions& options) {
  if (!InGsutilWords(context)) return fmt::format("Copying {} to {}", step.Source(), step.Target());
  if (step.from) return fmt::format("Copying {}...", step.Source());
  auto type = options.settings.fields.find("contentType");
  return fmt::format(
      "Copying {} [Content-Type={}]...", step.Source(),
      type == options.settings.fields.end() ? GuessContentType(step.local_from) : type->second);
}

Status CopyFromInput(Context& context, Api& api, const std::string& destination) {
  if (!IsGsUrl(destination))
    return InvalidArgument("Standard input can be copied to an object only.");
  ASSIGN_OR_RETURN(GsUrl to, ParseGsUrl(destination));
  if (to.object.empty() || to.object.back() == '/') {
    return InvalidArgument("Destination object name needed when source is stdin.");
  }
  ASSIGN_OR_RETURN(ObjectSettings settings, SettingsOf(context.line()));
  auto read = [](size_t limit) -> Result<std::string> {
    std::string piece(limit, '\0');
    size_t have = 0;
    while (have < limit) {
      ssize_t got = ::read(STDIN_FILENO, piece.data() + have, limit - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus(errno, "read standard input");
      if (got == 0) break;
      have += static_cast<size_t>(got);
    }
    piece.resize(have);
    return piece;
  };
  std::vector<TransferTask> tasks;
  std::string label = InGsutilWords(context) ? "Copying from <STDIN>..."
                                             : fmt::format("Copying file://- to {}", to.Text());
  tasks.push_back({label, 0, [&](const TransferReport& report) {
                     return UploadStream(api, to, settings, read, report).status();
                   }});
  return RunTasks(context, std::move(tasks), {});
}

Result<CopyOptions> OptionsOf(Context& context, bool move) {
  const CommandLine& line = context.line();
  CopyOptions options;
  ASSIGN_OR_RETURN(options.settings, SettingsOf(line));
  options.gsutil_words = InGsutilWords(context);
  options.move = move;
  options.keep_existing = line.Switch("no-clobber");
  options.decompress = !line.Switch("do-not-decompress");
  options.preserve_time = line.Switch("preserve-posix");
  options.print_created = line.Switch("print-created-message");
  options.gzip_all = line.Switch("gzip-local-all");
  options.gzip_endings = line.List("gzip-local");
  return options;
}

Result<int> CopyOrMove(Context& context, bool move) {
  CopyRequest request;
  request.sources = PathsOf(context);
  // With -I the destination stands on the command line, before the lines that were read.
  size_t destination =
      context.line().positionals.empty() ? 0 : context.line().positionals.size() - 1;
  if (request.sources.size() < 2) {
    return InvalidArgument(
        "Give at least one source and the destination, for example `hodei storage cp "
        "FILE gs://BUCKET/`.");
  }
  request.destination = request.sources[destination];
  request.sources.erase(request.sources.begin() + static_cast<long>(destination));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  if (request.destination == "-" && !move) {
    RETURN_IF_ERROR(PrintObjects(context, *api, request.sources));
    return 0;
  }
  if (request.sources.front() == "-" && !move) {
    if (request.sources.size() > 1) {
      return InvalidArgument(
          "Multiple URL strings are not supported when transferring from stdin.");
    }
    RETURN_IF_ERROR(CopyFromInput(context, *api, request.destination));
    return 0;
  }
  request.recursive = context.line().Switch("recursive") || (move && InGsutilWords(context));
  request.ignore_symlinks = context.line().Switch("ignore-symlinks");
  ASSIGN_OR_RETURN(std::vector<CopyStep> steps, PlanCopies(*api, request));
  ASSIGN_OR_RETURN(CopyOptions options, OptionsOf(context, move));
  TransferJournal journal(JournalFolder(context));
  journal.Prune();
  options.journal = &journal;
  CopyManifest manifest;
  if (context.line().Has("manifest-path")) {
    RETURN_IF_ERROR(manifest.Open(context.line().Text("manifest-path")));
    options.manifest = &manifest;
  }
  std::vector<TransferTask> tasks;
  for (CopyStep& step : steps) {
    if (manifest.IsDone(step.Source())) continue;
    TransferTask task;
    task.label = StepLabel(context, step, options);
    task.bytes = step.bytes;
    task.run = [api, step = std::move(step), &options](const TransferReport& report) {
      return RunStepForManifest(*api, step, options, report);
    };
    tasks.push_back(std::move(task));
  }
  RETURN_IF_ERROR(RunTasks(context, std::move(tasks), TransferOptionsOf(context)));
  return 0;
}

}  // namespace

Result<int> Copy(Context& context) { return CopyOrMove(context, false); }
Result<int> Move(Context& context) { return CopyOrMove(context, true); }

}  // namespace hodei::cli
