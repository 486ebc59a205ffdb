// The bucket client over the server's Cloud Storage API.
#include <fmt/format.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/encoding.h"
#include "bucketfs/bucket_client.h"
#include "net/http_client.h"

namespace hodei::bucketfs {
namespace {

using nlohmann::json;

constexpr size_t kMaxBuckets = 10'000;
constexpr size_t kIdleClients = 8;
constexpr std::chrono::seconds kCallDeadline{60};
constexpr char kFields[] = "name,size,generation,updated";

Status StatusOf(const net::ClientResponse& response, const std::string& what) {
  const std::string text = fmt::format("{}: HTTP {}", what, response.status);
  switch (response.status) {
    case 401:
    case 403:
      return PermissionDenied(text);
    case 404:
      return NotFound(text);
    case 409:
    case 412:
      return FailedPrecondition(text);
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return Unavailable(text);
    default:
      return Internal(text);
  }
}

uint64_t NumberOf(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_string()) return 0;
  return std::strtoull(it->get<std::string>().c_str(), nullptr, 10);
}

ObjectInfo InfoOf(const json& object) {
  ObjectInfo info;
  info.name = object.value("name", "");
  info.size = NumberOf(object, "size");
  info.generation = static_cast<int64_t>(NumberOf(object, "generation"));
  const auto updated = ParseRfc3339(object.value("updated", ""));
  if (updated.ok()) info.updated_seconds = updated->unix_nanos / 1'000'000'000;
  return info;
}

std::string ObjectPath(const std::string& bucket, const std::string& object) {
  return fmt::format("/storage/v1/b/{}/o/{}", PercentEncode(bucket), PercentEncode(object));
}

class HttpBucketClient : public BucketClient {
 public:
  HttpBucketClient(std::string url, std::string project)
      : url_(std::move(url)), project_(std::move(project)) {}

  Result<std::vector<std::string>> ListBuckets() override {
    std::vector<std::string> names;
    std::string page;
    do {
      ASSIGN_OR_RETURN(const json listed,
                       CallJson("GET", fmt::format("/storage/v1/b?project={}&fields=items/name,"
                                                   "nextPageToken&pageToken={}",
                                                   PercentEncode(project_), PercentEncode(page))));
      for (const json& item : listed.value("items", json::array())) {
        names.push_back(item.value("name", ""));
      }
      page = listed.value("nextPageToken", "");
    } while (!page.empty() && names.size() < kMaxBuckets);
    return names;
  }

  Status FindBucket(const std::string& bucket) override {
    return Call("GET", fmt::format("/storage/v1/b/{}?fields=name", PercentEncode(bucket))).status();
  }

  Result<ObjectInfo> Find(const std::string& bucket, const std::string& object) override {
    ASSIGN_OR_RETURN(const json found,
                     CallJson("GET", ObjectPath(bucket, object) + "?fields=" + kFields));
    return InfoOf(found);
  }

  Result<Listing> List(const std::string& bucket, const std::string& prefix,
                       const std::string& page, size_t limit) override {
    ASSIGN_OR_RETURN(
        const json listed,
        CallJson("GET", fmt::format("/storage/v1/b/{}/o?delimiter=%2F&prefix={}&pageToken={}&"
                                    "maxResults={}&fields=items({}),prefixes,nextPageToken",
                                    PercentEncode(bucket), PercentEncode(prefix),
                                    PercentEncode(page), limit, kFields)));
    Listing listing;
    for (const json& item : listed.value("items", json::array())) {
      listing.objects.push_back(InfoOf(item));
    }
    for (const json& one : listed.value("prefixes", json::array())) {
      if (one.is_string()) listing.prefixes.push_back(one.get<std::string>());
    }
    listing.next = listed.value("nextPageToken", "");
    return listing;
  }

  Result<std::string> Read(const std::string& bucket, const ObjectInfo& object, uint64_t offset,
                           size_t size) override {
    if (offset >= object.size || size == 0) return std::string();
    net::ClientRequest request;
    request.target = fmt::format("{}?alt=media&generation={}", ObjectPath(bucket, object.name),
                                 object.generation);
    request.headers.Add("Range", fmt::format("bytes={}-{}", offset, offset + size - 1));
    // The stored bytes, whatever they are encoded with.
    request.headers.Add("Accept-Encoding", "gzip");
    std::string bytes;
    const auto sink = [&bytes, size](std::string_view piece) {
      if (bytes.size() + piece.size() > size) return Internal("more than was asked for");
      bytes += piece;
      return OkStatus();
    };
    ASSIGN_OR_RETURN(const net::ClientResponse response, Send(request, sink));
    if (response.status == 416) return std::string();
    if (response.status != 206) return StatusOf(response, "read " + object.name);
    return bytes;
  }

  Result<ObjectInfo> Put(const std::string& bucket, const std::string& object,
                         const std::string& bytes) override {
    net::ClientRequest request;
    request.method = "POST";
    request.target = UploadPath(bucket, object, "media") + "&fields=" + kFields;
    request.headers.Add("Content-Type", "application/octet-stream");
    request.body = bytes;
    ASSIGN_OR_RETURN(const json stored, SendJson(request));
    return InfoOf(stored);
  }

  Result<std::string> BeginUpload(const std::string& bucket, const std::string& object) override {
    net::ClientRequest request;
    request.method = "POST";
    request.target = UploadPath(bucket, object, "resumable");
    request.headers.Add("Content-Type", "application/json");
    request.body = "{}";
    ASSIGN_OR_RETURN(const net::ClientResponse response, Send(request, {}));
    if (response.status != 200) return StatusOf(response, "begin the upload of " + object);
    // An absolute URL; its host is the socket.
    std::string location(response.headers.Get("Location"));
    const size_t scheme = location.find("://");
    const size_t path = scheme == std::string::npos ? 0 : location.find('/', scheme + 3);
    if (path == std::string::npos || location.empty()) return Internal("an upload without address");
    return location.substr(path);
  }

  Status UploadPiece(const std::string& session, uint64_t offset, const std::string& bytes,
                     bool last) override {
    net::ClientRequest request;
    request.method = "PUT";
    request.target = session;
    const uint64_t end = offset + bytes.size();
    const std::string total = last ? std::to_string(end) : "*";
    request.headers.Add("Content-Range",
                        bytes.empty() ? fmt::format("bytes */{}", total)
                                      : fmt::format("bytes {}-{}/{}", offset, end - 1, total));
    request.body = bytes;
    ASSIGN_OR_RETURN(const net::ClientResponse response, Send(request, {}));
    const bool good = last ? response.status == 200 || response.status == 201
                           : response.status == 308 && response.headers.Get("Range") ==
                                                           fmt::format("bytes=0-{}", end - 1);
    return good ? OkStatus() : StatusOf(response, "upload a piece");
  }

  Status CancelUpload(const std::string& session) override {
    return Call("DELETE", session).status();
  }

  Result<ObjectInfo> Append(const std::string& bucket, const std::string& object,
                            const std::string& tail) override {
    const std::string part = object + ".hodei-tail";
    RETURN_IF_ERROR(Put(bucket, part, tail).status());
    net::ClientRequest request;
    request.method = "POST";
    request.target = ObjectPath(bucket, object) + "/compose?fields=" + kFields;
    request.headers.Add("Content-Type", "application/json");
    request.body = json{{"sourceObjects", {{{"name", object}}, {{"name", part}}}}}.dump();
    const Result<json> composed = SendJson(request);
    RETURN_IF_ERROR(Delete(bucket, part));
    RETURN_IF_ERROR(composed.status());
    return InfoOf(*composed);
  }

  Status Copy(const std::string& from_bucket, const std::string& from, const std::string& to_bucket,
              const std::string& to) override {
    net::ClientRequest request;
    request.method = "POST";
    request.target = fmt::format("{}/copyTo/b/{}/o/{}?fields=name", ObjectPath(from_bucket, from),
                                 PercentEncode(to_bucket), PercentEncode(to));
    return SendJson(request).status();
  }

  Status Delete(const std::string& bucket, const std::string& object) override {
    return Call("DELETE", ObjectPath(bucket, object)).status();
  }

 private:
  static std::string UploadPath(const std::string& bucket, const std::string& object,
                                std::string_view type) {
    return fmt::format("/upload/storage/v1/b/{}/o?uploadType={}&name={}", PercentEncode(bucket),
                       type, PercentEncode(object));
  }

  Result<net::ClientResponse> Call(const std::string& method, const std::string& target) {
    net::ClientRequest request;
    request.method = method;
    request.target = target;
    ASSIGN_OR_RETURN(net::ClientResponse response, Send(request, {}));
    const bool cancelled = method == "DELETE" && response.status == 499;
    if (response.status / 100 != 2 && !cancelled) return StatusOf(response, method + " " + target);
    return response;
  }

  Result<json> CallJson(const std::string& method, const std::string& target) {
    net::ClientRequest request;
    request.method = method;
    request.target = target;
    return SendJson(request);
  }

  Result<json> SendJson(const net::ClientRequest& request) {
    ASSIGN_OR_RETURN(const net::ClientResponse response, Send(request, {}));
    if (response.status != 200) return StatusOf(response, request.method + " " + request.target);
    json parsed = json::parse(response.body, nullptr, false);
    if (!parsed.is_object()) return Internal("the answer is no JSON object");
    return parsed;
  }

  // A client is one thread's at a time; those not in use wait here.
  Result<net::ClientResponse> Send(const net::ClientRequest& request,
                                   const std::function<Status(std::string_view)>& sink) {
    std::unique_ptr<net::HttpClient> client;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        client = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (client == nullptr) {
      ASSIGN_OR_RETURN(client, net::HttpClient::Connect(url_));
    }
    auto response = client->Send(request, sink, kCallDeadline);
    const std::lock_guard lock(mutex_);
    if (response.ok() && idle_.size() < kIdleClients) idle_.push_back(std::move(client));
    return response;
  }

  const std::string url_;
  const std::string project_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<net::HttpClient>> idle_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<BucketClient> MakeHttpBucketClient(std::string url, std::string project) {
  return std::make_unique<HttpBucketClient>(std::move(url), std::move(project));
}

}  // namespace hodei::bucketfs
