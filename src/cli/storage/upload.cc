// Uploads: small files in one multipart request, large ones and streams through a session.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/random_id.h"
#include "cli/storage/resumable_upload.h"

namespace hodei::cli {
namespace {

Result<ObjectEntry> UploadSmall(Api& api, const GsUrl& to, const ObjectSettings& settings,
                                const std::string& bytes, const TransferReport& report) {
  uint32_t crc = Crc32c(0, bytes);
  Json resource = settings.Resource();
  resource["name"] = to.object;
  resource["crc32c"] = Crc32cText(crc);
  std::string boundary = "hodei-" + RandomId();
  net::ClientRequest request;
  request.method = "POST";
  Query query = {{"uploadType", "multipart"}};
  for (auto& parameter : settings.Parameters()) query.push_back(std::move(parameter));
  request.target =
      fmt::format("/upload/storage/v1/b/{}/o?{}", PercentEncode(to.bucket), EncodeQuery(query));
  request.headers.Set("Content-Type", "multipart/related; boundary=" + boundary);
  request.body = fmt::format(
      "--{0}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{1}\r\n--{0}\r\n"
      "Content-Type: {2}\r\n\r\n",
      boundary, JsonText(resource), MemberText(resource, "contentType"));
  request.body += bytes;
  request.body += "\r\n--" + boundary + "--\r\n";
  for (int attempt = 1;; ++attempt) {
    Result<net::ClientResponse> response = api.Send(request, {}, kStreamDeadline);
    bool again = !response.ok() ? response.status().reason() != "connect"
                                : response->status == 429 || response->status >= 500;
    if (attempt < kTransferAttempts && again) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100 << attempt));
      continue;
    }
    if (!response.ok()) return response.status();
    if (response->status / 100 != 2) return ErrorFromResponse(response->status, response->body);
    report.moved(bytes.size());
    return CheckStored(api, response->body, to, bytes.size(), crc);
  }
}

// A session of unknown length: whole pieces, each kept until the server has all of it.
class StreamUpload {
 public:
  StreamUpload(Api& api, const GsUrl& to, const TransferReport& report)
      : api_(api), to_(to), report_(report) {}

  Result<ObjectEntry> Run(const ObjectSettings& settings, std::string first,
                          const std::function<Result<std::string>(size_t)>& read) {
    ASSIGN_OR_RETURN(session_, StartSession(api_, to_, settings, std::nullopt));
    std::string piece = std::move(first);
    while (true) {
      ASSIGN_OR_RETURN(std::string next, read(kResumableAboveBytes));
      crc_ = Crc32c(crc_, piece);
      bool last = next.empty();
      RETURN_IF_ERROR_CTX(Store(piece, last), fmt::format("upload {}", to_.Text()));
      if (last) return CheckStored(api_, finished_.body, to_, start_, crc_);
      piece = std::move(next);
    }
  }

 private:
  Status Store(const std::string& piece, bool last) {
    const uint64_t end = start_ + piece.size();
    uint64_t at = start_;
    for (int failures = 0; failures < kTransferAttempts; ++failures) {
      if (failures > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100 << failures));
      net::ClientRequest request;
      request.method = "PUT";
      request.target = session_;
      std::string total = last ? std::to_string(end) : "*";
      request.headers.Set("Content-Range", at < end
                                               ? fmt::format("bytes {}-{}/{}", at, end - 1, total)
                                               : fmt::format("bytes */{}", total));
      request.body = piece.substr(at - start_);
      Result<net::ClientResponse> response = api_.Send(std::move(request), {}, kStreamDeadline);
      if (!response.ok()) {
        status_ = response.status();
      } else if (response->status / 100 == 2) {
        finished_ = std::move(*response);
        return Done(end);
      } else if (response->status == 308) {
        uint64_t stored = std::clamp(StoredBytes(*response), at, end);
        if (stored == end && !last) return Done(end);
        if (stored > at) failures = -1;
        at = stored;
      } else if (response->status < 500 && response->status != 429) {
        return ErrorFromResponse(response->status, response->body);
      } else {
        status_ = ErrorFromResponse(response->status, response->body);
      }
    }
    return status_.ok() ? Aborted("the session makes no progress") : status_;
  }

  Status Done(uint64_t end) {
    report_.moved(end - start_);
    start_ = end;
    return OkStatus();
  }

  Api& api_;
  const GsUrl& to_;
  const TransferReport& report_;
  std::string session_;
  uint64_t start_ = 0;
  uint32_t crc_ = 0;
  Status status_;
  net::ClientResponse finished_;
};

}  // namespace

Result<ObjectEntry> UploadFile(Api& api, const UploadRequest& request,
                               const TransferReport& report) {
  ObjectSettings settings = request.settings;
  settings.fields.emplace("contentType", GuessContentType(request.path));
  Result<LocalFile> source =
      request.gzip ? LocalFile::OpenCompressed(request.path) : LocalFile::Open(request.path);
  RETURN_IF_ERROR(source.status());
  if (request.gzip) {
    settings.fields["contentEncoding"] = "gzip";
    // Middle boxes that decompress would break length and checksum.
    std::string& cache = settings.fields["cacheControl"];
    cache += cache.empty() ? "no-transform" : ",no-transform";
  }
  if (source->size() > kResumableAboveBytes) {
    UploadRequest large = request;
    if (request.gzip) large.journal = nullptr;  // the compressed bytes are not there next time
    return ResumableUpload(api, *source, large, settings, report).Run();
  }
  ASSIGN_OR_RETURN(std::string bytes, source->ReadAt(0, source->size()));
  return UploadSmall(api, request.to, settings, bytes, report);
}

Result<ObjectEntry> UploadStream(Api& api, const GsUrl& to, const ObjectSettings& given,
                                 const std::function<Result<std::string>(size_t)>& read,
                                 const TransferReport& report) {
  ObjectSettings settings = given;
  settings.fields.emplace("contentType", GuessContentType(to.object));
  ASSIGN_OR_RETURN(std::string first, read(kResumableAboveBytes));
  if (first.size() < kResumableAboveBytes) return UploadSmall(api, to, settings, first, report);
  return StreamUpload(api, to, report).Run(settings, std::move(first), read);
}

}  // namespace hodei::cli
