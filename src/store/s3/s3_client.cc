#include "store/s3/s3_client.h"

#include <fmt/format.h>

#include <charconv>
#include <random>

#include "base/digest.h"
#include "net/endpoint.h"

namespace hodei::store {
namespace {

constexpr std::chrono::milliseconds kLongestPause{5000};
// So much of a download makes a broken connection a new one's first try.
constexpr uint64_t kProgressBytes = 64 << 10;

bool Passes(int http_status) {
  return http_status == 408 || http_status == 429 || http_status == 500 || http_status == 502 ||
         http_status == 503 || http_status == 504;
}

bool Passes(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
}

// rclone's server gives parts with 200, and says in the header what they are.
bool IsPart(const net::ClientResponse& response, uint64_t first) {
  return response.status == 206 ||
         response.headers.Get("Content-Range").starts_with(fmt::format("bytes {}-", first));
}

std::string_view Advice(std::string_view code) {
  if (code == "RequestTimeTooSkewed") return "set this machine's clock";
  if (code == "NoSuchBucket") return "make the bucket, or correct storage.s3.bucket";
  if (code == "InvalidAccessKeyId" || code == "SignatureDoesNotMatch" || code == "AccessDenied") {
    return "check storage.s3's access_key_id, secret_key_file and region, and what the key may do";
  }
  return "see the S3 server's log";
}

}  // namespace

Result<std::unique_ptr<S3Client>> S3Client::Create(S3Options options) {
  ASSIGN_OR_RETURN(const net::Endpoint endpoint, net::ParseEndpoint(options.endpoint));
  if (endpoint.kind == net::Endpoint::Kind::kUnix) {
    return InvalidArgument("an S3 endpoint is http://HOST:PORT or https://HOST:PORT");
  }
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  return std::unique_ptr<S3Client>(new S3Client(std::move(options), endpoint.authority));
}

S3Client::S3Client(S3Options options, std::string host)
    : options_(std::move(options)), host_(std::move(host)) {}

std::string S3Client::place() const {
  return fmt::format("bucket '{}' at {}", options_.bucket, options_.endpoint);
}

Result<std::unique_ptr<net::HttpClient>> S3Client::Take() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return Unavailable("the server is stopping");
    if (!idle_.empty()) {
      std::unique_ptr<net::HttpClient> client = std::move(idle_.back());
      idle_.pop_back();
      return client;
    }
  }
  return net::HttpClient::Connect(options_.endpoint, options_.ca_file);
}

void S3Client::GiveBack(std::unique_ptr<net::HttpClient> client) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < kS3IdleConnections) idle_.push_back(std::move(client));
}

// Half of the pause is chance, so that many that failed together do not come back together.
void S3Client::Pause(int attempt) {
  const auto whole = std::min(kLongestPause, options_.first_pause * (1 << std::min(attempt, 10)));
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto half = whole.count() / 2;
  const std::chrono::milliseconds pause(
      half + std::uniform_int_distribution<int64_t>(0, std::max<int64_t>(half, 1))(random));
  if (options_.pause) {
    options_.pause(pause);
  } else {
    std::unique_lock lock(mutex_);
    stopping_.wait_for(lock, pause, [this] { return stopped_; });
  }
}

void S3Client::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stopping_.notify_all();
}

Status S3Client::ErrorOf(const Call& call, const net::ClientResponse& response, bool* again) const {
  const S3Error error = ReadS3Error(response.body);
  const std::string what =
      fmt::format("{} of '{}' in the {} failed: HTTP {} {} {}", call.method, call.key, place(),
                  response.status, error.code, error.message);
  *again = Passes(response.status) || error.code == "RequestTimeout";
  if (error.code == "QuotaExceeded" || response.status == 507) {
    *again = false;
    return ResourceExhausted(what + "; make room there");
  }
  if (*again) return Unavailable(what + "; it was tried several times");
  const bool missing = response.status == 404 && error.code != "NoSuchBucket";
  if (missing) return NotFound(what).WithReason(error.code);
  return Unavailable(fmt::format("{}; {}", what, Advice(error.code)));
}

Result<net::ClientResponse> S3Client::Try(const Call& call, bool* again) {
  net::ClientRequest request;
  request.method = call.method;
  request.target = S3Path(options_.bucket, call.key);
  if (!call.query.empty()) request.target += "?" + S3Query(call.query);
  if (!call.range.empty()) request.headers.Add("Range", call.range);
  if (call.make_source) {
    request.body_source = call.make_source();
    request.body_length = call.body_length;
  } else {
    request.body = call.body;
  }
  RETURN_IF_ERROR(
      SignS3Request(options_.credentials, host_,
                    call.payload_sha256.empty() ? Sha256Hex(call.body) : call.payload_sha256,
                    options_.clock->Now(), &request));
  ASSIGN_OR_RETURN(std::unique_ptr<net::HttpClient> client, Take());
  Status sink_error;  // is no fault of the server's
  Sink sink;
  if (call.sink) {
    sink = [&](std::string_view piece) {
      sink_error = call.sink(piece);
      return sink_error;
    };
  }
  Result<net::ClientResponse> response = client->Send(
      request, sink,
      call.quick ? std::min<std::chrono::milliseconds>(kS3QuickDeadline, options_.request_deadline)
                 : options_.request_deadline);
  if (!sink_error.ok()) return sink_error;
  if (!response.ok()) {
    *again = Passes(response.status());
    return Unavailable(
        fmt::format("the {} does not answer: {}; see that it runs and can be "
                    "reached",
                    place(), response.status().message()));
  }
  GiveBack(std::move(client));
  if (response->status / 100 == 2) return response;
  return ErrorOf(call, *response, again);
}

Result<net::ClientResponse> S3Client::Send(const Call& call, bool* answered_before) {
  for (int attempt = 0;; ++attempt) {
    if (call.begin) call.begin();
    bool again = false;
    Result<net::ClientResponse> response = Try(call, &again);
    if (response.ok() || !again || attempt + 1 >= options_.attempts) return response;
    if (answered_before != nullptr) *answered_before = true;
    Pause(attempt);
  }
}

Status S3Client::NotUnderstood(const Status& status) const {
  return status.ok() ? status
                     : Unavailable(fmt::format("the {} answers otherwise than S3 does: {}; is the "
                                               "endpoint right?",
                                               place(), status.message()));
}

Result<std::string> S3Client::Document(const Call& call) {
  std::string text;
  Call collecting = call;
  collecting.sink = [this, &text](std::string_view piece) -> Status {
    if (text.size() + piece.size() > kS3AnswerBytes) {
      return ResourceExhausted(
          fmt::format("the {} answers with more than {} bytes; is the "
                      "endpoint right?",
                      place(), kS3AnswerBytes));
    }
    text.append(piece);
    return OkStatus();
  };
  collecting.begin = [&text] { text.clear(); };
  RETURN_IF_ERROR(Send(collecting).status());
  return text;
}

Status S3Client::Put(const std::string& key, std::string_view bytes) {
  Call call{"PUT", key, {}, ""};
  call.body = std::string(bytes);
  return Send(call).status();
}

Result<std::string> S3Client::GetSmall(const std::string& key) {
  ASSIGN_OR_RETURN(const uint64_t size, Size(key));
  if (size > kS3SmallBytes)
    return ResourceExhausted(
        fmt::format("'{}' in the {} is larger than {} bytes: it is "
                    "not what this server wrote",
                    key, place(), kS3SmallBytes));
  std::string text;
  RETURN_IF_ERROR(Get(key, 0, size, [&text](std::string_view piece) {
    text.append(piece);
    return OkStatus();
  }));
  return text;
}

Status S3Client::Get(const std::string& key, uint64_t offset, uint64_t length, const Sink& sink) {
  uint64_t done = 0;
  for (int attempt = 0; done < length; ++attempt) {
    Call call{"GET", key, {}, fmt::format("bytes={}-{}", offset + done, offset + length - 1)};
    const uint64_t before = done;
    call.sink = [&](std::string_view piece) -> Status {
      if (piece.size() > length - done) {
        return Internal(fmt::format("the {} sends more than was asked for", place()));
      }
      done += piece.size();
      return sink(piece);
    };
    bool again = false;
    const Result<net::ClientResponse> response = Try(call, &again);
    if (response.ok() && !IsPart(*response, offset + before) &&
        (offset + before != 0 || done != length)) {
      return Internal(fmt::format("the {} takes no ranges: HTTP {}", place(), response->status));
    }
    if (response.ok() && done < length) {
      return DataLoss(fmt::format("'{}' in the {} is cut short", key, place()));
    }
    if (done - before >= kProgressBytes) attempt = 0;
    if (response.ok()) continue;
    if (!again || attempt + 1 >= options_.attempts) return response.status();
    Pause(attempt);
  }
  return OkStatus();
}

Result<uint64_t> S3Client::Size(const std::string& key) {
  Call call{"HEAD", key, {}, ""};
  call.quick = true;
  ASSIGN_OR_RETURN(const net::ClientResponse response, Send(call));
  const std::string_view text = response.headers.Get("Content-Length");
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return Internal(fmt::format("the {} does not say how large '{}' is", place(), key));
  }
  return size;
}

Status S3Client::Delete(const std::string& key) {
  Call call{"DELETE", key, {}, ""};
  call.quick = true;
  const Status status = Send(call).status();
  return status.code() == Code::kNotFound ? OkStatus() : status;
}

Result<S3Page> S3Client::List(const std::string& prefix, const std::string& token) {
  Call call{"GET", "", {{"list-type", "2"}, {"prefix", prefix}}, ""};
  if (!token.empty()) call.query.emplace_back("continuation-token", token);
  ASSIGN_OR_RETURN(const std::string text, Document(call));
  Result<S3Page> page = ReadS3Listing(text);
  if (!page.ok()) return NotUnderstood(page.status());
  return page;
}

Result<std::vector<S3Upload>> S3Client::ListUploads(const std::string& prefix) {
  ASSIGN_OR_RETURN(const std::string text,
                   Document({"GET", "", {{"uploads", ""}, {"prefix", prefix}}, ""}));
  Result<std::vector<S3Upload>> uploads = ReadS3Uploads(text);
  if (!uploads.ok()) return NotUnderstood(uploads.status());
  return uploads;
}

Status S3Client::AbortUpload(const S3Upload& upload) {
  const Status status = Send({"DELETE", upload.key, {{"uploadId", upload.id}}, ""}).status();
  return status.code() == Code::kNotFound ? OkStatus() : status;
}

}  // namespace hodei::store
