// Keys for programs that sign requests with a shared secret: a key acts as its service account.
// Thread-safe; every change is durable when it returns.
// Source: https://cloud.google.com/storage/docs/json_api/v1/projects/hmacKeys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "hodei/access/records.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

inline constexpr size_t kMaxHmacKeysPerAccount = 10;
inline constexpr size_t kMaxHmacKeysPerProject = 1000;

class HmacKeys {
 public:
  HmacKeys(store::MetaStore* store, const Clock* clock) : store_(store), clock_(clock) {}

  // An ACTIVE key of an account of that project, secret included: shown once by the layers above.
  // NOT_FOUND for an account that is not the project's; RESOURCE_EXHAUSTED over a limit.
  Result<HmacKey> Create(std::string_view project_id, std::string_view email);
  // NOT_FOUND also for another project's key.
  Result<HmacKey> Get(std::string_view project_id, std::string_view access_id);
  // By access id; of one account only when `email` is not empty.
  Result<std::vector<HmacKey>> List(std::string_view project_id, std::string_view email);
  // With `etag` not empty: FAILED_PRECONDITION "conditionNotMet" unless it is still EtagOf() it.
  Result<HmacKey> SetState(std::string_view project_id, std::string_view access_id,
                           HmacKey::State state, std::string_view etag);
  // INVALID_ARGUMENT while the key is ACTIVE.
  Status Delete(std::string_view project_id, std::string_view access_id);

  static std::string EtagOf(const HmacKey& key);

 private:
  store::MetaStore* const store_;
  const Clock* const clock_;
};

}  // namespace hodei::access
