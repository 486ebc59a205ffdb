// Makes Cloud Storage requests without a socket: a head, then the body in pieces, then the answer.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/testing/fake_clock.h"
#include "domain/access/testing/fake_access.h"
#include "store/object/object_store.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/json_text.h"

namespace hodei::wire::gcs::testing {

struct Answered {
  int status = 0;
  net::Headers headers;
  std::string body;
  // The body as JSON; null when it is none.
  Json json() const;
};

class GcsCaller {
 public:
  using HeaderList = std::vector<std::pair<std::string, std::string>>;

  GcsCaller();
  // As ann, unless a header "Authorization" is given (an empty one: nobody). The body arrives in
  // pieces of `piece_bytes`.
  Answered Call(const std::string& method, const std::string& target, const std::string& body = "",
                const HeaderList& headers = {});
  // Sends the body and goes away before its end.
  void CallAndDrop(const std::string& method, const std::string& target, const std::string& body,
                   const HeaderList& headers);

  size_t piece_bytes = 7;
  hodei::testing::FakeClock clock;
  access::testing::FakeAuthenticator authenticator;
  access::testing::FakeAuthorizer authorizer;
  std::unique_ptr<store::ObjectStore> store;
  std::unique_ptr<GcsApi> api;

 private:
  net::RequestHead Head(const std::string& method, const std::string& target,
                        const std::string& body, const HeaderList& headers) const;
};

}  // namespace hodei::wire::gcs::testing
