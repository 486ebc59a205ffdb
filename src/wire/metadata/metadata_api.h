// The metadata server that client libraries expect at metadata.google.internal and
// 169.254.169.254, as the code of one job sees it: what the job is, and its own short-lived token
// (T18). It exists on jobs' sockets alone, and answers only requests that carry
// "Metadata-Flavor: Google" and no X-Forwarded-For, which a page or a redirect cannot make.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "domain/access/job_tokens.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "wire/metadata/metadata_tree.h"

namespace hodei::wire::metadata {

struct JobDescription {
  std::string project;  // its id
  int64_t project_number = 0;
  std::string job_id;
  std::string region;  // "us-central1"
};

// Thread-safe.
class MetadataApi {
 public:
  // Tells what is known of the job "projects/P/jobs/J". May read the store.
  using Describe = std::function<Result<JobDescription>(const std::string& job)>;

  // `tokens` must outlive it.
  MetadataApi(const access::JobTokens* tokens, Describe describe)
      : tokens_(tokens), describe_(std::move(describe)) {}

  // A request to one of the service's names over a job's plain-text socket.
  static bool Owns(const net::RequestHead& head);
  // Never null.
  std::unique_ptr<net::RequestHandler> Start(const net::RequestHead& head) const;

 private:
  net::HttpResponse Answer(const std::string& job, std::string_view path,
                           std::string_view query) const;
  net::HttpResponse Token(const std::string& job) const;

  const access::JobTokens* const tokens_;
  const Describe describe_;
};

// What a job sees below /computeMetadata/v1/, the token aside.
Node TreeOf(const std::string& job, const JobDescription& description);

}  // namespace hodei::wire::metadata
