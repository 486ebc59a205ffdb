// Cloud Storage's protocols over the object store: the JSON API with its upload, download and batch
// endpoints, and the XML API. Every call asks who is there, and whether they may.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"
#include "domain/access/hmac_keys.h"
#include "domain/access/signature_keys.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "store/object/object_store.h"

namespace hodei::wire::gcs {

struct Request;

inline constexpr size_t kMetadataLimitBytes = 1 << 20;
// XML documents: a list of 10,000 parts fits.
inline constexpr size_t kXmlLimitBytes = 4 << 20;
inline constexpr size_t kBatchLimitBytes = 16 << 20;
inline constexpr size_t kBatchCallLimit = 1000;

// Thread-safe.
class GcsApi {
 public:
  // None is owned; all must outlive the api.
  struct Parts {
    store::ObjectStore* store = nullptr;
    const access::Authenticator* authenticator = nullptr;
    const access::Authorizer* authorizer = nullptr;
    // Null: signed requests are refused, and there are no HMAC keys.
    const access::SignatureKeys* signature_keys = nullptr;
    access::HmacKeys* hmac_keys = nullptr;
    const Clock* clock = &SystemClock();
    // Host names below which every bucket has a host of its own: "storage.googleapis.com".
    std::vector<std::string> virtual_host_bases;
    // The number of the project with that id; empty: a stable one is made up from the id.
    std::function<int64_t(std::string_view project_id)> project_number;
  };
  explicit GcsApi(Parts parts);

  // True for the store's own roots: /storage /upload /resumable /download /batch, and for hosts
  // that name a bucket. What no other part of the server owns is the XML API's and may be given to
  // Start() too.
  bool Owns(const net::RequestHead& head) const;
  // As net::Application::Start().
  std::unique_ptr<net::RequestHandler> Start(const net::RequestHead& head) const;

  // One call with its whole body, as the batch endpoint makes them. Not for uploads.
  net::HttpResponse Answer(const Request& request, std::string_view body) const;
  // `status` in the request's dialect.
  static net::HttpResponse ErrorFor(const Request& request, const Status& status);

  // For upload handlers.
  store::ObjectStore& store() const { return *parts_.store; }
  const Clock& clock() const { return *parts_.clock; }
  const Parts& parts() const { return parts_; }
  // The bucket, when the caller may do `permission` there. A stranger's bucket looks absent, and an
  // anonymous caller is asked for a credential whether it is there or not.
  Result<google::storage::v1::Bucket> Allow(const Request& request, std::string_view bucket,
                                            std::string_view permission) const;
  // The same for reading one object, which may be public by its own access list.
  Result<google::storage::v1::Bucket> AllowRead(const Request& request, std::string_view bucket,
                                                std::string_view object,
                                                std::optional<int64_t> generation) const;

 private:
  using Response = Result<net::HttpResponse>;

  // The answer to a plain download of what was read lately, without a thread that may block;
  // nullopt for everything else. ready_answers.cc
  std::optional<net::HttpResponse> AnswerNow(const Request& request) const;
  std::unique_ptr<net::RequestHandler> Handle(std::shared_ptr<Request> request,
                                              const net::RequestHead& head) const;
  Response Dispatch(const Request& request, std::string_view body) const;
  Response DispatchBucket(const Request& request, std::string_view body) const;
  Response DispatchObject(const Request& request, std::string_view body) const;

  // bucket_calls.cc
  Result<std::string> AllowProject(const Request& request, std::string_view project,
                                   std::string_view permission) const;
  // The project that a service account's e-mail names, or empty.
  std::string ProjectOfAccount(std::string_view email) const;
  int64_t ProjectNumber(std::string_view project_id) const;
  Response ListBuckets(const Request& request) const;
  Response InsertBucket(const Request& request, std::string_view body) const;
  Response GetBucket(const Request& request) const;
  Response EditBucket(const Request& request, std::string_view body) const;
  Response DeleteBucket(const Request& request) const;
  Response StorageLayout(const Request& request) const;
  Response EmptyList(const Request& request, std::string_view kind) const;
  Response AbsentChild(const Request& request) const;
  Response GetPolicy(const Request& request) const;
  Response SetPolicy(const Request& request, std::string_view body) const;
  Response TestPermissions(const Request& request) const;
  Response LockRetention(const Request& request) const;
  Response ServiceAccount(const Request& request) const;
  // hmac_key_calls.cc
  Response HmacKeys(const Request& request, std::string_view body) const;
  // notification_calls.cc
  Response Notifications(const Request& request, std::string_view body) const;

  // acl_calls.cc
  Response BucketAcl(const Request& request, std::string_view body) const;
  Response ObjectAcl(const Request& request, std::string_view body) const;

  // copy_calls.cc
  Response Restore(const Request& request) const;
  // object_calls.cc
  Response ListObjects(const Request& request) const;
  Response GetObject(const Request& request) const;
  Response EditObject(const Request& request, std::string_view body) const;
  Response DeleteObject(const Request& request) const;
  Response Compose(const Request& request, std::string_view body) const;
  Response Copy(const Request& request, std::string_view body) const;
  Response Move(const Request& request, std::string_view body) const;

  // media.cc
  Response Download(const Request& request) const;

  // batch.cc
  Response Batch(const Request& request, std::string_view body) const;

  // xml_calls.cc
  Response Xml(const Request& request, std::string_view body) const;
  Response XmlService(const Request& request) const;
  Response XmlCreateBucket(const Request& request, std::string_view body) const;

  const Parts parts_;
};

}  // namespace hodei::wire::gcs
