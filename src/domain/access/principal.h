// Who is calling. Made by the Authenticator, judged by the Authorizer, carried by CallContext.
#pragma once

#include <string>

namespace hodei::access {

struct Principal {
  // "hodei-owner@hodei-local.iam.gserviceaccount.com".
  std::string email;
  // "projects/P/jobs/J" when a running job speaks through its own socket: it may use storage and
  // logging and read ml resources of project P, and nothing else. Empty for everybody else.
  std::string job;
  // Nobody was asked for a credential (`--auth none`): everything is allowed.
  bool emulator = false;
  // Came without a credential where one is asked for: may read what is public, and nothing else.
  bool anonymous = false;

  bool operator==(const Principal&) const = default;
};

}  // namespace hodei::access
