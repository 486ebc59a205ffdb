// What every service method knows about the call besides its message.
#pragma once

#include <string>

#include "domain/access/principal.h"

namespace hodei::service {

struct CallContext {
  access::Principal principal;
  // Ours, unguessable; returned as X-Request-Id and written to the log with every error.
  std::string request_id;
};

}  // namespace hodei::service
