#include "domain/access/hmac_keys.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/random_id.h"
#include "domain/access/accounts.h"
#include "domain/access/record_kinds.h"

namespace hodei::access {
namespace {

constexpr size_t kAccessIdCharacters = 61;
constexpr size_t kSecretBytes = 30;  // 40 characters of base64

Status UnknownKey(std::string_view access_id) {
  return NotFound(fmt::format("HMAC key {} does not exist.", access_id.substr(0, 100)))
      .WithReason("notFound");
}

std::string NewAccessId() {
  std::string id = "GOOG1E" + RandomId(kAccessIdCharacters - 6);
  for (char& c : id) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return id;
}

store::Write Put(const HmacKey& key, std::optional<int64_t> revision) {
  return {store::Write::Op::kPut, kHmacKeyKind, key.access_id(), key.SerializeAsString(), revision};
}

std::string ProjectName(const HmacKey& key) {
  return fmt::format("{}/{}", key.project_id(), key.access_id());
}

struct Stored {
  HmacKey key;
  int64_t revision = 0;
};

Result<Stored> Read(store::MetaStore* store, std::string_view project_id,
                    std::string_view access_id) {
  const Result<store::Record> record = store->Get(kHmacKeyKind, access_id);
  if (record.status().code() == Code::kNotFound) return UnknownKey(access_id);
  RETURN_IF_ERROR(record.status());
  Stored stored;
  stored.revision = record->revision;
  if (!stored.key.ParseFromString(record->value)) {
    return DataLoss(fmt::format("the stored HMAC key '{}' cannot be read", access_id));
  }
  if (stored.key.project_id() != project_id) return UnknownKey(access_id);
  return stored;
}

}  // namespace

std::string HmacKeys::EtagOf(const HmacKey& key) {
  return Base64Encode(Sha256(fmt::format("{}/{}/{}", key.access_id(), static_cast<int>(key.state()),
                                         key.update_unix_nanos()))
                          .substr(0, 9));
}

Result<HmacKey> HmacKeys::Create(std::string_view project_id, std::string_view email) {
  ASSIGN_OR_RETURN(const Account account, Accounts(store_, clock_).Get(email));
  if (account.project_id() != project_id || account.kind() != Account::SERVICE_ACCOUNT) {
    return NotFound(fmt::format("Service account {} does not exist.", email));
  }
  ASSIGN_OR_RETURN(const std::vector<HmacKey> present, List(project_id, ""));
  size_t own = 0;
  for (const HmacKey& key : present) own += key.email() == email ? 1 : 0;
  if (own >= kMaxHmacKeysPerAccount || present.size() >= kMaxHmacKeysPerProject) {
    return ResourceExhausted(
               fmt::format("An account has at most {} HMAC keys, a project {}; delete one first.",
                           kMaxHmacKeysPerAccount, kMaxHmacKeysPerProject))
        .WithReason("rateLimitExceeded");
  }
  HmacKey key;
  key.set_access_id(NewAccessId());
  key.set_secret(Base64Encode(RandomBytes(kSecretBytes)));
  key.set_email(account.email());
  key.set_account_unique_id(account.unique_id());
  key.set_project_id(std::string(project_id));
  key.set_state(HmacKey::ACTIVE);
  key.set_create_unix_nanos(clock_->Now().unix_nanos);
  key.set_update_unix_nanos(key.create_unix_nanos());
  RETURN_IF_ERROR(store_
                      ->Commit({Put(key, 0),
                                {store::Write::Op::kPut, kProjectHmacKeyKind, ProjectName(key), "",
                                 std::nullopt}})
                      .status());
  return key;
}

Result<HmacKey> HmacKeys::Get(std::string_view project_id, std::string_view access_id) {
  ASSIGN_OR_RETURN(Stored stored, Read(store_, project_id, access_id));
  return std::move(stored.key);
}

Result<std::vector<HmacKey>> HmacKeys::List(std::string_view project_id, std::string_view email) {
  const std::string prefix = fmt::format("{}/", project_id);
  ASSIGN_OR_RETURN(
      const store::ListPage page,
      store_->List(kProjectHmacKeyKind, {.prefix = prefix, .limit = kMaxHmacKeysPerProject + 1}));
  std::vector<HmacKey> keys;
  for (const store::Record& record : page.records) {
    Result<HmacKey> key = Get(project_id, std::string_view(record.name).substr(prefix.size()));
    if (key.status().code() == Code::kNotFound) continue;  // deleted in between
    RETURN_IF_ERROR(key.status());
    if (email.empty() || key->email() == email) keys.push_back(*std::move(key));
  }
  return keys;
}

Result<HmacKey> HmacKeys::SetState(std::string_view project_id, std::string_view access_id,
                                   HmacKey::State state, std::string_view etag) {
  ASSIGN_OR_RETURN(Stored stored, Read(store_, project_id, access_id));
  if (!etag.empty() && etag != EtagOf(stored.key)) {
    return FailedPrecondition("The HMAC key was changed meanwhile.").WithReason("conditionNotMet");
  }
  stored.key.set_state(state);
  stored.key.set_update_unix_nanos(clock_->Now().unix_nanos);
  RETURN_IF_ERROR(store_->Commit({Put(stored.key, stored.revision)}).status());
  return std::move(stored.key);
}

Status HmacKeys::Delete(std::string_view project_id, std::string_view access_id) {
  ASSIGN_OR_RETURN(const Stored stored, Read(store_, project_id, access_id));
  if (stored.key.state() == HmacKey::ACTIVE) {
    return InvalidArgument("Cannot delete a key in 'ACTIVE' state.").WithReason("invalid");
  }
  const auto remove = [](const char* kind, std::string name) {
    return store::Write{store::Write::Op::kDelete, kind, std::move(name), "", std::nullopt};
  };
  return store_
      ->Commit({remove(kHmacKeyKind, stored.key.access_id()),
                remove(kProjectHmacKeyKind, ProjectName(stored.key))})
      .status();
}

}  // namespace hodei::access
