// Bytes under keys of one bucket on an S3-compatible server. What a failing network or server can
// be overcome by trying again is; what remains says which server, and what to do.
//
// Thread-safe. Calls block. Memory is bounded: files are read and sent in small pieces.
//
// Errors: NOT_FOUND for a key that is not there; RESOURCE_EXHAUSTED when the server has no room;
// UNAVAILABLE for everything that somebody has to put right first, or that passes: no answer, a
// refused credential, a bucket that is not there.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_client.h"
#include "store/s3/s3_answer.h"
#include "store/s3/s3_request.h"

namespace hodei::store {

struct S3Options {
  std::string endpoint;  // "https://HOST[:PORT]" or "http://HOST[:PORT]"
  std::string bucket;
  S3Credentials credentials;
  std::string ca_file;  // PEM, instead of the system's trust store
  const Clock* clock = &SystemClock();

  // A request is sent at most `attempts` times; the pauses between double, from `first_pause`.
  int attempts = 6;
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds request_deadline = std::chrono::minutes(2);
  // Files larger than this are sent in parts of at least this size, several at a time.
  uint64_t part_bytes = 16 << 20;
  // Instead of sleeping, for tests.
  std::function<void(std::chrono::milliseconds)> pause;
};

inline constexpr int kS3PartLimit = 10'000;  // of one upload: S3's
inline constexpr int kS3PartsAtATime = 4;    // of one file
inline constexpr size_t kS3IdleConnections = 32;
inline constexpr std::chrono::seconds kS3QuickDeadline{10};
inline constexpr size_t kS3AnswerBytes = 4 << 20;  // of a listing or another document
inline constexpr size_t kS3SmallBytes = 1 << 20;   // of GetSmall()

class S3Client {
 public:
  // INVALID_ARGUMENT for an endpoint that is none.
  static Result<std::unique_ptr<S3Client>> Create(S3Options options);
  S3Client(const S3Client&) = delete;
  S3Client& operator=(const S3Client&) = delete;

  Status Put(const std::string& key, std::string_view bytes);
  // The first `size` bytes of the file, which does not change meanwhile.
  Status PutFile(const std::string& key, int fd, uint64_t size);
  // Bytes [offset, offset + length), in order; goes on where a connection broke off. An error of
  // `sink` ends it and is returned.
  Status Get(const std::string& key, uint64_t offset, uint64_t length,
             const std::function<Status(std::string_view)>& sink);
  // A small object whole; RESOURCE_EXHAUSTED when it is larger than kS3SmallBytes.
  Result<std::string> GetSmall(const std::string& key);
  Result<uint64_t> Size(const std::string& key);
  // Fine when it is not there.
  Status Delete(const std::string& key);
  // Keys that start with `prefix`, sorted, a page at a time: `token` is empty or the page before's.
  Result<S3Page> List(const std::string& prefix, const std::string& token);
  // Multipart uploads below `prefix` that were not ended; the first thousand.
  Result<std::vector<S3Upload>> ListUploads(const std::string& prefix);
  Status AbortUpload(const S3Upload& upload);

  // Calls that wait to be tried again, or would, fail at once: the process is about to end.
  void Stop();

  // "bucket 'B' at ENDPOINT", for messages.
  std::string place() const;

 private:
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  using Sink = std::function<Status(std::string_view)>;
  // One request, as often as it takes.
  struct Call {
    std::string method;
    std::string key;
    Parameters query;
    std::string range;
    std::string body = {};
    // Instead of `body`: gives the pieces of `body_length` bytes anew each time it is called.
    std::function<std::function<Result<std::string>()>()> make_source = {};
    uint64_t body_length = 0;
    std::string payload_sha256 = {};  // of what `make_source` gives
    Sink sink = {};
    std::function<void()> begin = {};  // before each try
    bool quick = false;                // what takes longer than kS3QuickDeadline has failed
  };

  S3Client(S3Options options, std::string host);
  Result<std::unique_ptr<net::HttpClient>> Take();
  void GiveBack(std::unique_ptr<net::HttpClient> client);
  // Sends `call` until it is answered with 2xx; `answered_before` (may be null) is set when an
  // earlier try may have been carried out though its answer was lost.
  Result<net::ClientResponse> Send(const Call& call, bool* answered_before = nullptr);
  Result<net::ClientResponse> Try(const Call& call, bool* again);
  Result<std::string> Document(const Call& call);
  Status NotUnderstood(const Status& status) const;
  Status ErrorOf(const Call& call, const net::ClientResponse& response, bool* again) const;
  void Pause(int attempt);
  Status PutPiece(const std::string& key, const Parameters& query, int fd, uint64_t offset,
                  uint64_t size, std::string* etag);
  Status PutParts(const S3Upload& upload, int fd, uint64_t size);
  Status Complete(const S3Upload& upload, const std::vector<std::string>& etags, uint64_t size);

  const S3Options options_;
  const std::string host_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<net::HttpClient>> idle_;  // guarded by mutex_
  bool stopped_ = false;                                // guarded by mutex_
  std::condition_variable stopping_;
};

}  // namespace hodei::store
