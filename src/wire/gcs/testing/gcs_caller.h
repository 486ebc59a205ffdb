// Makes Cloud Storage requests without a socket: a head, then the body in pieces, then the answer.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/testing/fake_clock.h"
#include "domain/access/testing/fake_access.h"
#include "store/meta/meta_store.h"
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

  // Makes the store; the clock outlives it.
  using StoreMaker = std::function<std::unique_ptr<store::ObjectStore>(const Clock*)>;

  // Over a store in memory.
  GcsCaller();
  explicit GcsCaller(const StoreMaker& make_store);
  // As ann, unless a header "Authorization" is given (an empty one: nobody). The body arrives in
  // pieces of `piece_bytes`.
  Answered Call(const std::string& method, const std::string& target, const std::string& body = "",
                const HeaderList& headers = {});
  // Sends the body and goes away before its end.
  void CallAndDrop(const std::string& method, const std::string& target, const std::string& body,
                   const HeaderList& headers);

  // A service account of project "p" that signs with the key whose public half this is.
  void AddSigner(const std::string& email, const std::string& public_key_pem);
  // An HMAC key of such an account.
  void AddHmacKey(const std::string& email, const std::string& access_id,
                  const std::string& secret);

  size_t piece_bytes = 7;
  std::string host = "store.test:8080";
  // Every request comes from the emulator's principal, whatever it brings.
  bool emulator = false;
  hodei::testing::FakeClock clock;
  access::testing::FakeAuthenticator authenticator;
  access::testing::FakeAuthorizer authorizer;
  std::unique_ptr<store::ObjectStore> store;
  std::unique_ptr<store::MetaStore> meta = store::MakeMemoryMetaStore();
  access::SignatureKeys signature_keys{meta.get()};
  access::HmacKeys hmac_keys{meta.get(), &clock};
  std::unique_ptr<GcsApi> api;

 private:
  // The emulator's authenticator, when that is on.
  class Switch : public access::Authenticator {
   public:
    explicit Switch(const GcsCaller* caller) : caller_(*caller) {}
    Result<access::Principal> Authenticate(const net::RequestHead& head) const override {
      if (!caller_.emulator) return caller_.authenticator.Authenticate(head);
      return access::Principal{.email = "emulator@hodei.local", .emulator = true};
    }

   private:
    const GcsCaller& caller_;
  };
  Switch switch_{this};
  net::RequestHead Head(const std::string& method, const std::string& target,
                        const std::string& body, const HeaderList& headers) const;
};

}  // namespace hodei::wire::gcs::testing
