// An S3 server in the test process: real HTTP, signatures checked, bytes in memory, faults on
// demand. It plays what a provider does: path-style, multipart uploads, listings of few keys.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "net/testing/function_application.h"
#include "store/s3/s3_client.h"

namespace hodei::store::testing {

class FakeS3 {
 public:
  enum class Fault {
    kInternalError,  // 500, nothing done
    kSlowDown,       // 503
    kResetAnswer,    // done, but the answer breaks off: a download in the middle, others at once
    kHang,           // no answer until the fake goes
    kDenied,         // 403
    kFull,           // 507
    kErrorIn200,     // 200 with an error, nothing done
  };

  FakeS3();
  ~FakeS3();

  // Options of a client of its bucket "bytes" that never sleeps.
  S3Options options() const;
  std::string url() const { return server_->url(); }

  // The next requests whose "METHOD /path?query" starts with `request` fail so, each fault once.
  void Fail(const std::string& request, Fault fault, int times = 1);
  // The bytes under each key.
  std::map<std::string, std::string> objects() const;
  void Put(const std::string& key, const std::string& bytes);
  void Damage(const std::string& key);
  void Erase(const std::string& key);
  // "METHOD /path" of all requests so far.
  std::vector<std::string> requests() const;
  size_t open_uploads() const;
  int pauses() const;
  static constexpr size_t kPageKeys = 3;

 private:
  struct PlannedFault {
    std::string request;
    Fault fault;
  };
  struct Upload {
    std::string key;
    std::map<int, std::string> parts;
  };
  net::HttpResponse Handle(const net::RequestHead& head, const std::string& body);
  bool Signed(const net::RequestHead& head, const std::string& body) const;
  net::HttpResponse Serve(const net::RequestHead& head, const std::string& key,
                          const std::string& body);
  net::HttpResponse ServeObject(const net::RequestHead& head, const std::string& key,
                                const std::string& body);
  net::HttpResponse ServeUpload(const net::RequestHead& head, const std::string& key,
                                const std::string& body);
  net::HttpResponse List(const net::RequestHead& head);

  mutable std::mutex mutex_;  // guards all but the server
  std::condition_variable released_;
  bool stopping_ = false;
  std::map<std::string, std::string> objects_;
  std::map<std::string, Upload> uploads_;
  std::deque<PlannedFault> faults_;
  std::vector<std::string> requests_;
  int next_upload_ = 1;
  mutable std::shared_ptr<std::atomic<int>> pauses_ = std::make_shared<std::atomic<int>>(0);
  std::unique_ptr<net::testing::TestServer> server_;
};

}  // namespace hodei::store::testing
