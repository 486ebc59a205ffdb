// The parts of the server that answer requests, wired to what they need.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"
#include "domain/access/projects.h"
#include "server/application.h"
#include "server/serving.h"
#include "server/training.h"
#include "store/log/log_store.h"
#include "store/meta/meta_store.h"
#include "store/object/object_store.h"
#include "wire/paging/page_token.h"

namespace hodei::server {

class Surfaces {
 public:
  struct Parts {
    store::MetaStore* meta = nullptr;
    store::ObjectStore* objects = nullptr;
    store::LogStore* logs = nullptr;
    const access::Authenticator* authenticator = nullptr;
    const access::Authorizer* authorizer = nullptr;
    access::Projects* projects = nullptr;
    Training* training = nullptr;
    Serving* serving = nullptr;
    const wire::PageTokens* page_tokens = nullptr;
    const access::JobTokens* job_tokens = nullptr;
    const Clock* clock = nullptr;
    // Below these, and below Cloud Storage's own name, buckets have hosts of their own.
    std::vector<std::string> public_names;
    const Health* health = nullptr;
  };
  // None of the parts is owned.
  explicit Surfaces(const Parts& parts);
  ~Surfaces();
  // In the order in which they are asked; the object store's XML protocol takes what is left.
  std::vector<Surface> All() const;
  // Methods of the API that answer 501, by full name, sorted.
  std::vector<std::string> UnboundMethods() const;
  // The URLs of this server's token endpoint. Before the first request.
  void SetTokenUris(std::vector<std::string> token_uris);
  // Ends open log streams, so that the HTTP server need not wait for them.
  void EndStreams();

 private:
  struct Wired;
  std::unique_ptr<Wired> wired_;
};

}  // namespace hodei::server
