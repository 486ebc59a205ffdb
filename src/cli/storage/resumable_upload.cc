#include "cli/storage/resumable_upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/digest.h"
#include "base/encoding.h"

namespace hodei::cli {
namespace {

std::string RealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? path : resolved;
}

}  // namespace

Result<ObjectEntry> CheckStored(Api& api, std::string_view body, const GsUrl& to, uint64_t size,
                                uint32_t crc) {
  ASSIGN_OR_RETURN(Json json, ParseJsonText(body));
  ObjectEntry entry = ParseObject(json);
  bool crc_differs = !entry.crc32c.empty() && entry.crc32c != Crc32cText(crc);
  if (entry.size == size && !crc_differs) return entry;
  // A wrong copy must not stay where the right one is expected.
  Status removed = DeleteObject(api, to, entry.generation);
  return DataLoss(fmt::format("{} arrived damaged ({} of {} bytes, crc32c {} instead of {}){}",
                              to.Text(), entry.size, size, entry.crc32c, Crc32cText(crc),
                              removed.ok() ? "; it was deleted, copy it again" : ""));
}

Result<std::string> StartSession(Api& api, const GsUrl& to, const ObjectSettings& settings,
                                 std::optional<uint64_t> size) {
  net::ClientRequest request;
  request.method = "POST";
  Query query = {{"uploadType", "resumable"}};
  for (auto& parameter : settings.Parameters()) query.push_back(std::move(parameter));
  request.target =
      fmt::format("/upload/storage/v1/b/{}/o?{}", PercentEncode(to.bucket), EncodeQuery(query));
  request.headers.Set("Content-Type", "application/json; charset=UTF-8");
  if (auto type = settings.fields.find("contentType"); type != settings.fields.end())
    request.headers.Set("X-Upload-Content-Type", type->second);
  if (size) request.headers.Set("X-Upload-Content-Length", std::to_string(*size));
  Json resource = settings.Resource();
  resource["name"] = to.object;
  request.body = JsonText(resource);
  ASSIGN_OR_RETURN(net::ClientResponse response, api.Send(request));
  if (response.status / 100 != 2) return ErrorFromResponse(response.status, response.body);
  std::string location(response.headers.Get("Location"));
  // Only path and query count: the session is on the server we already talk to.
  size_t scheme = location.find("://");
  size_t slash = location.find('/', scheme == location.npos ? 0 : scheme + 3);
  if (slash == location.npos) return Internal("the server named no upload session");
  return location.substr(slash);
}

std::string UploadKey(const Api& api, const LocalFile& source, const GsUrl& to,
                      const ObjectSettings& settings) {
  return fmt::format("upload\n{}\n{}\n{}\n{} {}\n{}{}", api.url(), RealPath(source.path()),
                     to.Text(), source.size(), source.mtime_nanos(), JsonText(settings.Resource()),
                     EncodeQuery(settings.Parameters()));
}

uint64_t StoredBytes(const net::ClientResponse& response) {
  std::string_view range = response.headers.Get("Range");  // "bytes=0-LAST"
  size_t dash = range.rfind('-');
  if (dash == range.npos) return 0;
  return std::strtoull(std::string(range.substr(dash + 1)).c_str(), nullptr, 10) + 1;
}

Result<ObjectEntry> ResumableUpload::Run() {
  uint64_t offset = 0;
  bool finished = false;
  if (request_.journal != nullptr) {
    entry_ = request_.journal->Open(UploadKey(api_, source_, request_.to, settings_));
    RETURN_IF_ERROR(Continue(&offset, &finished));
  }
  if (finished) return Finish(finished_);
  if (session_.empty()) {
    RETURN_IF_ERROR_CTX(Start(), fmt::format("start the upload of {}", request_.to.Text()));
  }
  return SendAll(offset);
}

// Takes up the session of an earlier run where there is one and the server still has it.
Status ResumableUpload::Continue(uint64_t* offset, bool* finished) {
  if (entry_.state().empty()) return OkStatus();
  session_ = entry_.state();
  Result<std::optional<uint64_t>> stored = Ask(true);
  if (!stored.ok() && stored.status().reason() == "connect") return stored.status();
  if (!stored.ok()) {
    session_.clear();
    return OkStatus();
  }
  *finished = !stored->has_value();
  *offset = *finished ? source_.size() : std::min(**stored, source_.size());
  if (*offset > 0) report_.note("Resuming upload for " + request_.to.Text());
  return HashUpTo(*offset);
}

Status ResumableUpload::Start() {
  ASSIGN_OR_RETURN(session_, StartSession(api_, request_.to, settings_, source_.size()));
  Status remembered = entry_.Remember(session_);
  if (!remembered.ok()) report_.note("The upload cannot be resumed: " + remembered.message());
  return OkStatus();
}

Result<ObjectEntry> ResumableUpload::SendAll(uint64_t offset) {
  Status last;
  for (int failures = 0; failures < kTransferAttempts; ++failures) {
    if (failures > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100 << failures));
      Result<std::optional<uint64_t>> stored = Ask(false);
      if (!stored.ok()) {
        last = stored.status();
        continue;
      }
      if (!stored->has_value()) return Finish(finished_);
      // A server that takes more each time is making progress, however often the line is cut.
      if (**stored > offset) failures = 1;
      offset = **stored;
    }
    Result<net::ClientResponse> response = SendFrom(offset);
    if (!response.ok()) {
      last = response.status();
      if (last.code() == Code::kAborted) break;  // the source changed
    } else if (response->status / 100 == 2) {
      return Finish(*response);
    } else if (response->status < 500 && response->status != 308 && response->status != 429) {
      entry_.Forget();
      return ErrorFromResponse(response->status, response->body);
    } else {
      last = ErrorFromResponse(response->status, response->body);
    }
  }
  return Annotate(last, fmt::format("upload {} (gave up after {} attempts)", request_.to.Text(),
                                    kTransferAttempts));
}

Result<ObjectEntry> ResumableUpload::Finish(const net::ClientResponse& response) {
  entry_.Forget();
  return CheckStored(api_, response.body, request_.to, source_.size(), crc_);
}

Result<net::ClientResponse> ResumableUpload::SendFrom(uint64_t offset) {
  net::ClientRequest request;
  request.method = "PUT";
  request.target = session_;
  uint64_t at = offset;
  if (offset < source_.size()) {
    request.headers.Set("Content-Range",
                        fmt::format("bytes {}-{}/{}", offset, source_.size() - 1, source_.size()));
  } else {
    request.headers.Set("Content-Range", fmt::format("bytes */{}", source_.size()));
  }
  request.body_length = source_.size() - offset;
  request.body_source = [this, at]() mutable -> Result<std::string> {
    size_t want = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, source_.size() - at));
    if (want == 0) return std::string();
    ASSIGN_OR_RETURN(std::string piece, source_.ReadAt(at, want));
    if (piece.size() < want) {
      return Aborted(fmt::format("'{}' became shorter while it was read", source_.path()));
    }
    Hash(at, piece);
    at += piece.size();
    // The last piece makes the object; what changed under our hands must not become one.
    if (at == source_.size()) RETURN_IF_ERROR(source_.CheckUnchanged());
    return piece;
  };
  return api_.Send(std::move(request), {}, kStreamDeadline);
}

// Counts and hashes each byte once, however often it is sent.
void ResumableUpload::Hash(uint64_t at, std::string_view piece) {
  uint64_t end = at + piece.size();
  if (end <= hashed_) return;
  std::string_view fresh = piece.substr(hashed_ - at);
  crc_ = Crc32c(crc_, fresh);
  hashed_ = end;
  report_.moved(fresh.size());
}

Status ResumableUpload::HashUpTo(uint64_t end) {
  while (hashed_ < end) {
    size_t want = static_cast<size_t>(std::min<uint64_t>(kPieceBytes, end - hashed_));
    ASSIGN_OR_RETURN(std::string piece, source_.ReadAt(hashed_, want));
    if (piece.empty()) return Aborted(fmt::format("'{}' became shorter", source_.path()));
    Hash(hashed_, piece);
  }
  return OkStatus();
}

// How many bytes the session holds; nullopt when the object is complete. `any_size`: the session is
// of an earlier run, whose bytes have not been hashed here yet.
Result<std::optional<uint64_t>> ResumableUpload::Ask(bool any_size) {
  net::ClientRequest request;
  request.method = "PUT";
  request.target = session_;
  request.headers.Set("Content-Range", fmt::format("bytes */{}", source_.size()));
  ASSIGN_OR_RETURN(net::ClientResponse response, api_.Send(request));
  if (response.status / 100 == 2) {
    finished_ = std::move(response);
    return std::optional<uint64_t>();
  }
  if (response.status != 308) return ErrorFromResponse(response.status, response.body);
  uint64_t stored = StoredBytes(response);
  return std::optional<uint64_t>(any_size ? stored : std::min(stored, hashed_));
}

}  // namespace hodei::cli
