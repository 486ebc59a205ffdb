// From a request's head to the principal behind it. Thread-safe; a cached point read, so it may run
// on an I/O thread.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/job_tokens.h"
#include "domain/access/principal.h"

namespace hodei::net {
struct RequestHead;
}
namespace hodei::store {
class MetaStore;
}

namespace hodei::access {

enum class AuthMode {
  kCredentials,  // every request must prove who it is
  kNone,         // the emulator: every request is an owner's, except those of jobs' sockets
};

// The service account that a job of this project acts as, as getConfig names it.
std::string JobAccountEmail(int64_t project_number);

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // In this order: `Authorization: Bearer TOKEN`, the query parameter access_token, the label
  // "job:projects/P/jobs/J" of the socket it came through. A credential that is present but not
  // valid is never skipped in favour of the next. On a job's sockets its own tokens count too.
  // UNAUTHENTICATED with one and the same message whatever is wrong (T1), UNAVAILABLE or
  // RESOURCE_EXHAUSTED when the store cannot be read.
  virtual Result<Principal> Authenticate(const net::RequestHead& head) const = 0;
};

// All must outlive it. Null `job_tokens`: jobs have none.
std::unique_ptr<Authenticator> MakeAuthenticator(AuthMode mode, store::MetaStore* store,
                                                 const Clock* clock,
                                                 const JobTokens* job_tokens = nullptr);

}  // namespace hodei::access
