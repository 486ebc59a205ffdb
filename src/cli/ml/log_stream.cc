#include "cli/ml/log_stream.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/encoding.h"
#include "cli/ml/job_submission.h"
#include "cli/output/spinner.h"

namespace hodei::cli {
namespace {

constexpr std::chrono::hours kFollowDeadline(24);
constexpr int kMostFailures = 30;  // without a single entry in between: about two minutes
constexpr size_t kLineLimitBytes = 4 << 20;
constexpr size_t kPageSize = 1000;

bool Ended(const std::string& state) {
  return state == "SUCCEEDED" || state == "FAILED" || state == "CANCELLED";
}

// Prints rows and, between them on a terminal, what the job is doing.
class Screen {
 public:
  Screen(Context& context, const LogStreamOptions& options, std::string job_path)
      : context_(context),
        options_(options),
        job_path_(std::move(job_path)),
        spinner_(&context.console(), &context.clock()) {
    if (context.console().err_is_terminal()) watcher_ = std::thread([this] { Watch(); });
  }
  ~Screen() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    if (watcher_.joinable()) watcher_.join();
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void Entry(const Json& entry) {
    if (!options_.task.empty() && TaskOf(entry) != options_.task) return;
    std::string rows = LogRows(entry, options_.multiline);
    std::lock_guard lock(mutex_);
    spinner_.Clear();
    if (options_.to_error_output) {
      context_.console().Err(rows);
    } else {
      context_.console().Out(rows);
    }
  }

 private:
  // Asks for the job's state now and then, with a client of its own.
  void Watch() {
    constexpr int kTicksPerQuestion = 20;
    Result<std::unique_ptr<Api>> api = context_.MakeApi();
    std::unique_lock lock(mutex_);
    for (int tick = 0; !stop_; ++tick) {
      if (tick % kTicksPerQuestion == 0 && api.ok()) {
        lock.unlock();
        Result<Json> job = (*api)->Get(job_path_);
        lock.lock();
        if (job.ok())
          spinner_.Show(fmt::format("job {} is {}", options_.job, MemberText(*job, "state")));
      }
      if (stop_) break;
      spinner_.Tick();
      wake_.wait_for(lock, std::chrono::milliseconds(100));
    }
    spinner_.Clear();
  }

  Context& context_;
  const LogStreamOptions& options_;
  const std::string job_path_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Spinner spinner_;    // guarded by mutex_
  bool stop_ = false;  // guarded by mutex_
  std::thread watcher_;
};

// The follow endpoint: newline-delimited JSON, one entry a line, and a last line {"end":true,…}.
class Follower {
 public:
  Follower(Api& api, std::string path, Screen* screen)
      : api_(api), path_(std::move(path)), screen_(screen) {}

  // UNIMPLEMENTED when the server has no such endpoint.
  Result<std::string> Run() {
    for (int failures = 0; failures < kMostFailures;) {
      size_t before = entries_;
      Status status = Once();
      if (!state_.empty()) return state_;
      if (status.code() == Code::kUnimplemented) return status;
      bool refused = status.code() == Code::kNotFound || status.code() == Code::kPermissionDenied ||
                     status.code() == Code::kUnauthenticated ||
                     status.code() == Code::kInvalidArgument;
      if (refused) return status;
      failures = entries_ > before ? 1 : failures + 1;
      last_ = status.ok() ? Unavailable("the server ended the stream of logs") : status;
      std::this_thread::sleep_for(
          std::min(std::chrono::milliseconds(200 * failures), std::chrono::milliseconds(5000)));
    }
    return Annotate(last_, "the log stream was cut and could not be taken up again");
  }

 private:
  Status Once() {
    net::ClientRequest request;
    request.target = path_;
    if (!last_ids_.empty()) request.target += "?" + EncodeQuery({{"resumeToken", ResumeToken()}});
    partial_.clear();
    auto sink = [this](std::string_view piece) { return Take(piece); };
    ASSIGN_OR_RETURN(net::ClientResponse response,
                     api_.Send(std::move(request), sink, kFollowDeadline));
    if (response.status / 100 == 2) return OkStatus();
    if (response.status == 404 || response.status == 501) {
      return Unimplemented("the server cannot follow logs");
    }
    return ErrorFromResponse(response.status, response.body);
  }

  Status Take(std::string_view piece) {
    partial_ += piece;
    size_t at = 0;
    for (size_t end; (end = partial_.find('\n', at)) != std::string::npos; at = end + 1) {
      if (end > at) RETURN_IF_ERROR(Line(std::string_view(partial_).substr(at, end - at)));
    }
    partial_.erase(0, at);
    if (partial_.size() > kLineLimitBytes)
      return ResourceExhausted("a line of the log stream is too long");
    return OkStatus();
  }

  Status Line(std::string_view text) {
    if (text.find_first_not_of(" \r") == text.npos)
      return OkStatus();  // keeps the connection alive
    ASSIGN_OR_RETURN(Json line, ParseJsonText(text));
    if (MemberText(line, "end") == "true") {
      state_ = MemberText(line, "state");
      if (state_.empty()) state_ = "UNKNOWN";
      return OkStatus();
    }
    if (const Json* error = Member(line, "error"); error != nullptr) {
      return Unavailable(MemberText(*error, "message"));
    }
    const std::string id = MemberText(line, "insertId");
    std::string& last = last_ids_[MemberText(line, "source")];
    if (!id.empty() && id == last) return OkStatus();  // a server that repeats the last one
    screen_->Entry(line);
    ++entries_;
    if (!id.empty()) last = id;
    return OkStatus();
  }

  // The last entry seen of every source: the server goes on exactly after them.
  std::string ResumeToken() const {
    std::string token;
    for (const auto& [source, id] : last_ids_) {
      if (!id.empty()) token += (token.empty() ? "" : ",") + id;
    }
    return token;
  }

  Api& api_;
  const std::string path_;
  Screen* screen_;
  std::map<std::string, std::string> last_ids_;  // by source
  std::string partial_;
  std::string state_;
  size_t entries_ = 0;
  Status last_;
};

// For servers without the follow endpoint: asks entries:list again and again.
class Poller {
 public:
  Poller(Api& api, const LogStreamOptions& options, std::string project, std::string job_path,
         Screen* screen)
      : api_(api),
        options_(options),
        project_(std::move(project)),
        job_path_(std::move(job_path)),
        screen_(screen) {}

  Result<std::string> Run() {
    while (true) {
      // The state first: entries written before the end are then all in the answer that follows.
      ASSIGN_OR_RETURN(Json job, api_.Get(job_path_));
      ASSIGN_OR_RETURN(bool any, Poll());
      std::string state = MemberText(job, "state");
      if (Ended(state) && !any) return state;
      if (!any) std::this_thread::sleep_for(options_.polling_interval);
    }
  }

 private:
  Result<bool> Poll() {
    std::string filter = fmt::format(
        "(resource.type=\"ml_job\" OR resource.type=\"cloudml_job\") AND "
        "resource.labels.job_id=\"{}\" AND "
        "timestamp>=\"{}\"",
        options_.job, since_);
    Json body = {{"filter", filter},
                 {"orderBy", "timestamp asc"},
                 {"pageSize", kPageSize},
                 {"resourceNames", {"projects/" + project_}}};
    bool any = false;
    while (true) {
      ASSIGN_OR_RETURN(Json page, api_.Post("/v2/entries:list", body));
      if (const Json* entries = Member(page, "entries"); entries != nullptr) {
        for (const Json& entry : *entries) any |= Take(entry);
      }
      std::string token = MemberText(page, "nextPageToken");
      if (token.empty()) return any;
      body["pageToken"] = token;
    }
  }

  bool Take(const Json& entry) {
    std::string time = MemberText(entry, "timestamp");
    std::string id = MemberText(entry, "insertId");
    if (time < since_ || (time == since_ && seen_.count(id) > 0)) return false;
    if (time != since_) seen_.clear();
    since_ = time;
    seen_.insert(id);
    screen_->Entry(entry);
    return true;
  }

  Api& api_;
  const LogStreamOptions& options_;
  const std::string project_;
  const std::string job_path_;
  Screen* screen_;
  std::string since_ = "1970-01-01T00:00:00.000000000Z";
  std::set<std::string> seen_;  // insertIds at since_
};

}  // namespace

Result<std::string> StreamLogs(Context& context, const LogStreamOptions& options) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  std::string job_path = JobsPath(project) + "/" + PercentEncode(options.job);
  // A job that does not exist is told apart from an endpoint that does not.
  ASSIGN_OR_RETURN(Json job, api->Get(job_path));
  Screen screen(context, options, job_path);
  Result<std::string> state = Follower(*api, job_path + ":followLogs", &screen).Run();
  if (state.ok() || state.status().code() != Code::kUnimplemented) return state;
  return Poller(*api, options, project, job_path, &screen).Run();
}

}  // namespace hodei::cli
