#include "domain/serving/node_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "domain/serving/node_spec.h"
#include "net/http_client.h"

namespace hodei::serving {
namespace {

using nlohmann::json;

// Between looks: a part of the time that the node has taken so far, so that its start is noticed
// soon and a long one costs little.
constexpr std::chrono::milliseconds kShortestWait{2};
constexpr std::chrono::milliseconds kLongestWait{100};
constexpr int kWaitPart = 20;
constexpr std::chrono::seconds kAnswerDeadline{10};
constexpr size_t kWordsMaxBytes = 500;

// Sleeps, or wakes when the probe is to end.
void Wait(std::stop_token stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, time, [] { return false; });
}

std::string Word(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string()) return "";
  return it->get<std::string>().substr(0, kWordsMaxBytes);
}

// The body of a 200; empty for anything else.
std::string Get(net::HttpClient* client, const char* target, size_t bytes_max) {
  std::string body;
  const auto collect = [&body, bytes_max](std::string_view piece) {
    if (body.size() + piece.size() > bytes_max) return ResourceExhausted("too long");
    body.append(piece);
    return OkStatus();
  };
  const auto answer = client->Send({.method = "GET", .target = target}, collect, kAnswerDeadline);
  return answer.ok() && answer->status == 200 ? body : "";
}

void ReadMetadata(net::HttpClient* client, ProbeResult* result) {
  const std::string body = Get(client, "/metadata", kMetadataMaxBytes);
  const json metadata = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!metadata.is_object()) return;
  result->framework = Word(metadata, "framework");
  result->engine = Word(metadata, "engine");
  result->engine_reason = Word(metadata, "engine_reason");
}

// True when the node is ready.
bool Ask(exec::Executor* executor, bool want_compiled, ProbeResult* result) {
  if (!result->socket) {
    Result<UniqueFd> socket = executor->OpenSocket(result->id, kServeSocket);
    if (!socket.ok()) return false;
    result->socket = std::move(*socket);
  }
  const auto client =
      net::HttpClient::Connect(fmt::format("unix:/proc/self/fd/{}", result->socket.get()));
  if (!client.ok()) return false;
  const auto answer = (*client)->Send({.method = "GET", .target = "/healthz"}, {}, kAnswerDeadline);
  if (!answer.ok()) {
    result->socket.Reset();  // it may have been bound anew
    return false;
  }
  if (answer->status != 200) return false;
  ReadMetadata(client->get(), result);
  if (want_compiled) result->compiled = Get(client->get(), "/compiled", kCompiledMaxBytes);
  return true;
}

}  // namespace

NodeProbe::NodeProbe(exec::Executor* executor, std::string id, bool want_compiled,
                     std::function<void(ProbeResult)> ready)
    : thread_([executor, id = std::move(id), want_compiled,
               ready = std::move(ready)](std::stop_token stop) {
        ProbeResult result;
        result.id = id;
        const auto start = std::chrono::steady_clock::now();
        while (!stop.stop_requested()) {
          if (Ask(executor, want_compiled, &result)) return ready(std::move(result));
          const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(
              std::chrono::steady_clock::now() - start);
          Wait(stop, std::clamp(taken / kWaitPart, kShortestWait, kLongestWait));
        }
      }) {}

}  // namespace hodei::serving
