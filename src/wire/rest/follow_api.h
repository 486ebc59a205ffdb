// The HTTP side of LogFollow: GET /v1/projects/P/jobs/J:followLogs?resumeToken=ID,ID
#pragma once

#include <memory>

#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"
#include "net/http_server.h"
#include "wire/rest/log_follow.h"

namespace hodei::wire::rest {

// Thread-safe.
class FollowApi {
 public:
  // Nothing is owned; all must outlive it.
  FollowApi(LogFollow* follow, const access::Authenticator* authenticator,
            const access::Authorizer* authorizer)
      : follow_(follow), authenticator_(authenticator), authorizer_(authorizer) {}

  static bool Owns(const net::RequestHead& head);
  // Asks for logging.logEntries.list on the project.
  std::unique_ptr<net::RequestHandler> Start(const net::RequestHead& head) const;

 private:
  net::HttpResponse Answer(const net::RequestHead& head) const;
  Result<std::unique_ptr<net::StreamBody>> Open(const net::RequestHead& head) const;

  LogFollow* const follow_;
  const access::Authenticator* const authenticator_;
  const access::Authorizer* const authorizer_;
};

}  // namespace hodei::wire::rest
