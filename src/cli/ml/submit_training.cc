// jobs submit training: from a folder and flags to a job.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/job_request.h"
#include "cli/ml/job_submission.h"
#include "cli/ml/packaging.h"
#include "cli/storage/transfer.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

std::vector<std::string> Interpreters(Context& context) {
  std::vector<std::string> pythons;
  if (auto chosen = context.settings().Property("ml_engine/local_python"))
    pythons.push_back(*chosen);
  pythons.insert(pythons.end(), {"python3", "python"});
  return pythons;
}

// Where archives go: "B/JOB" of --staging-bucket, or "B/x/packages" of --job-dir.
Result<GsUrl> StagingLocation(const CommandLine& line, const std::string& job_id) {
  if (line.Has("staging-bucket")) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(line.Text("staging-bucket")));
    if (!url.object.empty()) {
      return InvalidArgument(
          fmt::format("argument --staging-bucket: Must be of form gs://bucket: [{}]",
                      line.Text("staging-bucket")));
    }
    url.object = job_id;
    return url;
  }
  if (line.Has("job-dir")) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(line.Text("job-dir")));
    while (!url.object.empty() && url.object.back() == '/') url.object.pop_back();
    url.object += "/packages";
    return url;
  }
  return InvalidArgument(
      "If local packages are provided, the `--staging-bucket` or `--job-dir` flag must be given.");
}

Status ExplainUpload(const Status& status, const GsUrl& to) {
  if (status.code() != Code::kNotFound) return Annotate(status, "Could not upload file");
  return NotFound(
      fmt::format("Could not upload file: [{}] bucket does not exist. Create it with `hodei "
                  "storage buckets create gs://{}`.",
                  to.bucket, to.bucket));
}

Result<std::vector<std::string>> UploadArchives(Context& context,
                                                const std::vector<std::string>& files,
                                                const GsUrl& staging) {
  ASSIGN_OR_RETURN(std::string hash, HashFiles(files));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  std::vector<std::string> uris;
  std::vector<TransferTask> tasks;
  for (const std::string& file : files) {
    std::string base = file.substr(file.rfind('/') + 1);
    GsUrl to{staging.bucket, staging.object + "/" + hash + "/" + base, ""};
    uris.push_back(to.Text());
    tasks.push_back({"Uploading " + base + " to " + to.Text(), 0,
                     [api, file, to](const TransferReport& report) {
                       Status status = UploadFile(*api, {.path = file, .to = to}, report).status();
                       return status.ok() ? status : ExplainUpload(status, to);
                     }});
  }
  // gcloud uploads without a word; a terminal sees the bar.
  bool quiet = !context.console().err_is_terminal() || context.line().Switch("quiet");
  TransferProgress progress(&context.console(), &context.clock(), quiet);
  RETURN_IF_ERROR(RunTransfers(std::move(tasks), {.threads = 4}, &progress));
  return uris;
}

// gs:// packages first, then what was uploaded, as gcloud orders them.
Result<std::vector<std::string>> StagePackages(Context& context, const std::string& job_id) {
  const CommandLine& line = context.line();
  std::vector<std::string> uris, local;
  for (const std::string& package : line.List("packages")) {
    (IsGsUrl(package) ? uris : local).push_back(package);
  }
  if (local.empty() && !line.Has("package-path")) return uris;
  ASSIGN_OR_RETURN(GsUrl staging, StagingLocation(line, job_id));
  for (const std::string& package : local) {
    if (!FileExists(package)) {
      return NotFound(
          fmt::format("Unable to read file [{0}]: No such file or directory: '{0}'", package));
    }
  }
  TemporaryDirectory folder;
  if (line.Has("package-path")) {
    PackagingRequest request;
    request.package_path = line.Text("package-path");
    request.output_folder = folder.path();
    request.pythons = Interpreters(context);
    request.environment = context.settings().environment();
    ASSIGN_OR_RETURN(std::vector<std::string> built, BuildPackages(request));
    local.insert(local.end(), built.begin(), built.end());
  }
  ASSIGN_OR_RETURN(std::vector<std::string> uploaded, UploadArchives(context, local, staging));
  uris.insert(uris.end(), uploaded.begin(), uploaded.end());
  return uris;
}

Status CheckRegion(Context& context) {
  if (context.settings().Region()) return OkStatus();
  return InvalidArgument(
      "The required property [region] is not currently set.\nIt can be set on a per-command basis "
      "by "
      "re-running your command with the [--region] flag.\n\nYou may set it for your current "
      "workspace by "
      "running:\n\n  $ hodei config set compute/region VALUE\n\nor it can be set temporarily by "
      "the "
      "environment variable [CLOUDSDK_COMPUTE_REGION]");
}

Result<int> SubmitTraining(Context& context) {
  const CommandLine& line = context.line();
  const std::string& job_id = context.Positional(0);
  RETURN_IF_ERROR(CheckTrainingFlags(line));
  if (line.Switch("async")) {
    context.console().Err(
        "WARNING: The --async flag is deprecated, as the default behavior is to submit "
        "the job asynchronously; it can be omitted. For synchronous behavior, please "
        "pass --stream-logs.\n\n");
  }
  Json config = Json::object();
  if (line.Has("config")) {
    ASSIGN_OR_RETURN(config, ReadJobConfig(line.Text("config")));
  }
  RETURN_IF_ERROR(CheckRegion(context));
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(std::vector<std::string> packages, StagePackages(context, job_id));
  Json job =
      MakeTrainingJob(line, job_id, *context.settings().Region(), std::move(config), packages);
  RETURN_IF_ERROR(CheckTrainingJob(job));
  ASSIGN_OR_RETURN(Json created, CreateJob(context, project, job));
  return ReportSubmission(context, created, line.Switch("stream-logs"));
}

std::vector<Flag> ReplicaFlags() {
  std::vector<Flag> flags;
  for (const std::string role : {"master", "parameter-server", "worker"}) {
    std::string upper = role == "parameter-server" ? "PARAMETER_SERVER"
                        : role == "master"         ? "MASTER"
                                                   : "WORKER";
    flags.push_back(
        PairsFlag(role + "-accelerator", "count=COUNT,type=TYPE",
                  "Accelerators of each " + role + ", such as count=1,type=nvidia-tesla-t4."));
    flags.push_back(TextFlag(role + "-image-uri", upper + "_IMAGE_URI",
                             "Container image of each " + role + "."));
    flags.push_back(TextFlag(role + "-machine-type", upper + "_MACHINE_TYPE",
                             "Machine type of each " + role + ", such as n1-standard-4."));
    if (role != "master") {
      flags.push_back(
          NumberFlag(role + "-count", upper + "_COUNT", "How many " + role + " replicas."));
    }
  }
  return flags;
}

std::vector<Flag> KeyFlags() {
  return {TextFlag("kms-key", "KMS_KEY", "Encryption key."),
          TextFlag("kms-keyring", "KMS_KEYRING", "Its key ring."),
          TextFlag("kms-location", "KMS_LOCATION", "Its location."),
          TextFlag("kms-project", "KMS_PROJECT", "Its project.")};
}

}  // namespace

Command SubmitTrainingCommand() {
  std::vector<Flag> flags = {
      TextFlag("config", "CONFIG",
               "Job configuration file: a YAML or JSON document with a Job resource. Flags "
               "override it."),
      SwitchFlag("enable-web-access", "Give interactive shell access to the replicas."),
      TextFlag("job-dir", "JOB_DIR",
               "gs:// folder for what the job writes. It is checked, and passed to your program as "
               "--job-dir. Packages are uploaded below it when --staging-bucket is not given."),
      PairsFlag("labels", "KEY=VALUE",
                "Labels to set. Keys and values hold a-z, 0-9, '-' and '_'."),
      TextFlag("module-name", "MODULE_NAME", "Python module to run, such as trainer.task."),
      TextFlag(
          "package-path", "PACKAGE_PATH",
          "Folder of a Python package. It is packaged with the setup.py of its parent folder, or "
          "with a temporary one, and uploaded."),
      ListFlag("packages", "PACKAGE", "Archives to install, local or gs://."),
      TextFlag("python-version", "PYTHON_VERSION", "Python to run, such as 3.7."),
      TextFlag("region", "REGION", "Region of the job. Default: the property compute/region."),
      TextFlag("runtime-version", "RUNTIME_VERSION", "Runtime to run, such as 2.11."),
      TextFlag("scale-tier", "SCALE_TIER", "How many machines of which kind.")
          .Choices({"basic", "basic-gpu", "basic-tpu", "custom", "premium-1", "standard-1"}),
      TextFlag("service-account", "SERVICE_ACCOUNT", "Account the job runs as."),
      TextFlag("staging-bucket", "STAGING_BUCKET", "gs:// bucket that packages are uploaded to."),
      TextFlag("use-chief-in-tf-config", "USE_CHIEF_IN_TF_CONFIG",
               "Call the master \"chief\" in TF_CONFIG.")
          .Choices({"true", "false"}),
      SwitchFlag("async", "Deprecated: the command returns at once anyway."),
      SwitchFlag("stream-logs",
                 "Print the job's logs until it ends, and exit with 1 unless it succeeded."),
  };
  for (Flag& flag : ReplicaFlags()) flags.push_back(std::move(flag));
  for (Flag& flag : KeyFlags()) flags.push_back(std::move(flag));
  return {.name = "training",
          .summary = "Submit a training job",
          .description =
              "Packages your code, uploads it, and creates the job. Without --stream-logs it "
              "returns as "
              "soon as the job is accepted.\n\nIf there is a setup.py beside the folder given by "
              "--package-path, it is run with sdist; otherwise a temporary one is used.",
          .positionals = {{"JOB", "Name of the job: a letter, then letters, digits and '_'."}},
          .flags = std::move(flags),
          .run = SubmitTraining,
          .examples =
              "  $ hodei ml-engine jobs submit training my_job --module-name trainer.task \\\n"
              "      --package-path ./trainer --staging-bucket gs://my-bucket \\\n"
              "      --job-dir gs://my-bucket/my_job --region us-east1 \\\n"
              "      --runtime-version 2.11 --python-version 3.7 -- --epochs=10",
          .user_args = "Arguments for your program.",
          .exclusive = {{"async", "stream-logs"}}};
}

}  // namespace hodei::cli
