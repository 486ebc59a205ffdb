#include "domain/prediction/batch_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "domain/serving/node_spec.h"
#include "domain/serving/plan_serving.h"

namespace hodei::prediction {
namespace {

constexpr std::chrono::milliseconds kFirstWait{5};
constexpr std::chrono::milliseconds kLongestWait{100};
constexpr std::chrono::seconds kHealthDeadline{10};
constexpr std::chrono::seconds kStopPatience{10};
constexpr size_t kWordsMaxBytes = 4096;

void Wait(std::stop_token stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, time, [] { return false; });
}

bool Ended(exec::ReplicaPhase phase) {
  return phase == exec::ReplicaPhase::kExited || phase == exec::ReplicaPhase::kLost ||
         phase == exec::ReplicaPhase::kUnknown;
}

// The words of {"error": "…"}.
std::string ErrorOf(const std::string& body, int status) {
  const auto parsed = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_object() && parsed.contains("error") && parsed["error"].is_string()) {
    return parsed["error"].get<std::string>().substr(0, kWordsMaxBytes);
  }
  return fmt::format("the serving program answered with status {}", status);
}

}  // namespace

BatchWorker::~BatchWorker() { End(); }

Nanoseconds BatchWorker::ran() const {
  return ran_ + (id_.empty() ? Nanoseconds(0) : parts_.clock->Monotonic() - started_);
}

void BatchWorker::End() {
  client_.reset();
  socket_.Reset();
  if (id_.empty()) return;
  ran_ = ran();
  (void)parts_.executor->Stop(id_, /*now=*/true);
  const Nanoseconds until = parts_.clock->Monotonic() + kStopPatience;
  // What cannot be removed now is found when the server starts.
  while (!parts_.executor->Remove(id_).ok() && parts_.clock->Monotonic() < until) {
    Wait({}, kLongestWait);
  }
  id_.clear();
}

Status BatchWorker::Load(std::stop_token stop) {
  Status status;
  for (int tries = 0; tries < serving::kLoadTriesMax; ++tries) {
    status = TryLoad(stop);
    if (status.code() != Code::kUnavailable) return status;
  }
  return FailedPrecondition(status.message());
}

Status BatchWorker::TryLoad(std::stop_token stop) {
  End();
  ASSIGN_OR_RETURN(id_, parts_.start());
  started_ = parts_.clock->Monotonic();
  std::chrono::milliseconds wait = kFirstWait;
  while (parts_.clock->Monotonic() - started_ < serving::kLoadDeadline) {
    if (stop.stop_requested()) return Cancelled("the job ends");
    ASSIGN_OR_RETURN(const exec::ReplicaStatus seen, parts_.executor->Observe(id_));
    if (Ended(seen.phase)) {
      const std::string why = parts_.explain(id_);
      const bool lost = seen.phase != exec::ReplicaPhase::kExited;
      return Status(lost ? Code::kUnavailable : Code::kFailedPrecondition, why);
    }
    Result<UniqueFd> socket = parts_.executor->OpenSocket(id_, serving::kServeSocket);
    if (socket.ok()) {
      socket_ = std::move(*socket);
      ASSIGN_OR_RETURN(
          client_, net::HttpClient::Connect(fmt::format("unix:/proc/self/fd/{}", socket_.get())));
      const auto answer =
          client_->Send({.method = "GET", .target = "/healthz"}, {}, kHealthDeadline);
      if (answer.ok() && answer->status == 200) return OkStatus();
    }
    Wait(stop, wait);
    wait = std::min(wait * 2, kLongestWait);
  }
  return FailedPrecondition("the model was not loaded in time");
}

Result<std::string> BatchWorker::Score(std::stop_token stop, const std::string& target,
                                       const std::string& content_type, std::string_view chunk) {
  net::ClientRequest request{.method = "POST", .target = target, .body = std::string(chunk)};
  request.headers.Add("Content-Type", content_type);
  Status status;
  for (int tries = 0; tries < kChunkTriesMax; ++tries) {
    if (stop.stop_requested()) return Cancelled("the job ends");
    if (id_.empty()) RETURN_IF_ERROR(Load(stop));
    Result<net::ClientResponse> answer = client_->Send(request, {}, kChunkDeadline);
    if (answer.ok() && answer->status == 200) return std::move(answer->body);
    if (answer.ok()) return InvalidArgument(ErrorOf(answer->body, answer->status));
    status = answer.status();
    if (stop.stop_requested()) return Cancelled("the job ends");
    const std::string why = parts_.explain(id_);
    if (!why.empty()) status = Unavailable(why);
    End();
  }
  return FailedPrecondition(
      fmt::format("a part of the input broke the serving program {} times: {}", kChunkTriesMax,
                  status.message()));
}

}  // namespace hodei::prediction
