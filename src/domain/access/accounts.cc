#include "domain/access/accounts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "base/random_id.h"
#include "domain/access/record_kinds.h"
#include "domain/access/rsa_key.h"

namespace hodei::access {
namespace {

// Lists a project's accounts: name "PROJECT/EMAIL", no value.
constexpr char kProjectAccountKind[] = "project_account";
constexpr size_t kUniqueIdDigits = 21;
constexpr size_t kKeyIdBytes = 20;

bool IsAccountId(std::string_view id) {
  if (id.size() < 6 || id.size() > 30 || id.back() == '-') return false;
  return id[0] >= 'a' && id[0] <= 'z' && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::string RandomDigits(size_t count) {
  std::string digits = "1";
  while (digits.size() < count) {
    const auto byte = static_cast<unsigned char>(RandomBytes(1)[0]);
    if (byte < 250) digits += static_cast<char>('0' + byte % 10);
  }
  return digits;
}

Result<Account> ParseAccount(const store::Record& record) {
  Account account;
  if (account.ParseFromString(record.value)) return account;
  return DataLoss(fmt::format("the stored account '{}' cannot be read", record.name));
}

Status UnknownAccount(std::string_view email) {
  return NotFound(fmt::format("Service account {} does not exist.", email));
}

}  // namespace

std::string ServiceAccountEmail(std::string_view account_id, std::string_view project_id) {
  return fmt::format("{}@{}.iam.gserviceaccount.com", account_id, project_id);
}

NewAccount MakeServiceAccount(std::string_view account_id, std::string_view project_id,
                              std::string_view display_name, WallTime now) {
  NewAccount made;
  Account& account = made.account;
  account.set_email(ServiceAccountEmail(account_id, project_id));
  account.set_kind(Account::SERVICE_ACCOUNT);
  account.set_project_id(std::string(project_id));
  account.set_unique_id(RandomDigits(kUniqueIdDigits));
  account.set_display_name(std::string(display_name));
  account.set_create_unix_nanos(now.unix_nanos);
  made.writes.push_back(
      {store::Write::Op::kPut, kAccountKind, account.email(), account.SerializeAsString(), 0});
  made.writes.push_back({store::Write::Op::kPut, kProjectAccountKind,
                         fmt::format("{}/{}", project_id, account.email()), "", std::nullopt});
  return made;
}

Result<NewKey> MakeKey(const Account& account, WallTime now) {
  ASSIGN_OR_RETURN(RsaKeyPair pair, GenerateRsaKey());
  return MakeKey(account, now, std::move(pair));
}

NewKey MakeKey(const Account& account, WallTime now, RsaKeyPair pair) {
  NewKey made;
  made.private_key_pem = std::move(pair.private_key_pem);
  made.key.set_email(account.email());
  made.key.set_key_id(HexEncode(RandomBytes(kKeyIdBytes)));
  made.key.set_account_unique_id(account.unique_id());
  made.key.set_public_key_pem(pair.public_key_pem);
  made.key.set_create_unix_nanos(now.unix_nanos);
  made.name = fmt::format("{}/{}", account.email(), made.key.key_id());
  made.write = {store::Write::Op::kPut, kAccountKeyKind, made.name, made.key.SerializeAsString(),
                0};
  return made;
}

Result<Account> Accounts::Create(std::string_view account_id, std::string_view project_id,
                                 std::string_view display_name, std::string_view description) {
  if (!IsAccountId(account_id)) {
    return InvalidArgument(
        "The account ID must be 6 to 30 lowercase letters, digits and hyphens, starting with a "
        "letter and not ending with a hyphen.");
  }
  if (display_name.size() > kMaxDisplayNameBytes || description.size() > kMaxDescriptionBytes) {
    return InvalidArgument(fmt::format("A display name has at most {} bytes, a description {}.",
                                       kMaxDisplayNameBytes, kMaxDescriptionBytes));
  }
  ASSIGN_OR_RETURN(const std::vector<Account> present, List(project_id));
  if (present.size() >= kMaxAccountsPerProject) {
    return ResourceExhausted(
        fmt::format("A project has at most {} service accounts.", kMaxAccountsPerProject));
  }
  NewAccount made = MakeServiceAccount(account_id, project_id, display_name, clock_->Now());
  made.account.set_description(std::string(description));
  made.writes[0].value = made.account.SerializeAsString();
  const Status status = store_->Commit(made.writes).status();
  if (status.code() == Code::kAlreadyExists) {
    return AlreadyExists(
        fmt::format("Service account {} already exists within project "
                    "projects/{}.",
                    account_id, project_id));
  }
  RETURN_IF_ERROR(status);
  return made.account;
}

Result<Account> Accounts::Get(std::string_view email) {
  const Result<store::Record> record = store_->Get(kAccountKind, email);
  if (record.status().code() == Code::kNotFound) return UnknownAccount(email);
  RETURN_IF_ERROR(record.status());
  return ParseAccount(*record);
}

Result<std::vector<Account>> Accounts::List(std::string_view project_id) {
  const std::string prefix = fmt::format("{}/", project_id);
  ASSIGN_OR_RETURN(
      const store::ListPage page,
      store_->List(kProjectAccountKind, {.prefix = prefix, .limit = kMaxAccountsPerProject + 1}));
  std::vector<Account> accounts;
  for (const store::Record& record : page.records) {
    Result<Account> account = Get(std::string_view(record.name).substr(prefix.size()));
    if (account.status().code() == Code::kNotFound) continue;  // deleted in between
    RETURN_IF_ERROR(account.status());
    accounts.push_back(*std::move(account));
  }
  return accounts;
}

Status Accounts::SetDisabled(std::string_view email, bool disabled) {
  const Result<store::Record> record = store_->Get(kAccountKind, email);
  if (record.status().code() == Code::kNotFound) return UnknownAccount(email);
  RETURN_IF_ERROR(record.status());
  ASSIGN_OR_RETURN(Account account, ParseAccount(*record));
  account.set_disabled(disabled);
  return store_
      ->Commit({{store::Write::Op::kPut, kAccountKind, record->name, account.SerializeAsString(),
                 record->revision}})
      .status();
}

Status Accounts::Delete(std::string_view email) {
  ASSIGN_OR_RETURN(const Account account, Get(email));
  ASSIGN_OR_RETURN(const std::vector<AccountKey> keys, ListKeys(email));
  std::vector<store::Write> writes;
  const auto remove = [&](const char* kind, std::string name) {
    writes.push_back({store::Write::Op::kDelete, kind, std::move(name), "", std::nullopt});
  };
  remove(kAccountKind, account.email());
  remove(kProjectAccountKind, fmt::format("{}/{}", account.project_id(), account.email()));
  for (const AccountKey& key : keys) {
    remove(kAccountKeyKind, fmt::format("{}/{}", key.email(), key.key_id()));
  }
  return store_->Commit(writes).status();
}

Result<NewKey> Accounts::CreateKey(std::string_view email) {
  ASSIGN_OR_RETURN(const Account account, Get(email));
  if (account.kind() != Account::SERVICE_ACCOUNT) {
    return FailedPrecondition(fmt::format("{} is not a service account.", email));
  }
  ASSIGN_OR_RETURN(const std::vector<AccountKey> keys, ListKeys(email));
  if (keys.size() >= kMaxKeysPerAccount) {
    return ResourceExhausted(fmt::format("A service account has at most {} keys; delete one first.",
                                         kMaxKeysPerAccount));
  }
  ASSIGN_OR_RETURN(NewKey made, MakeKey(account, clock_->Now()));
  RETURN_IF_ERROR(store_->Commit({made.write}).status());
  return made;
}

Result<std::vector<AccountKey>> Accounts::ListKeys(std::string_view email) {
  const std::string prefix = fmt::format("{}/", email);
  ASSIGN_OR_RETURN(
      const store::ListPage page,
      store_->List(kAccountKeyKind, {.prefix = prefix, .limit = 10 * kMaxKeysPerAccount}));
  std::vector<AccountKey> keys;
  for (const store::Record& record : page.records) {
    AccountKey key;
    if (!key.ParseFromString(record.value)) {
      return DataLoss(fmt::format("the stored key '{}' cannot be read", record.name));
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

Status Accounts::DeleteKey(std::string_view email, std::string_view key_id) {
  const std::string name = fmt::format("{}/{}", email, key_id);
  const Result<store::Record> record = store_->Get(kAccountKeyKind, name);
  if (record.status().code() == Code::kNotFound) {
    return NotFound(fmt::format("Service account key {} does not exist.", key_id));
  }
  RETURN_IF_ERROR(record.status());
  return store_->Commit({{store::Write::Op::kDelete, kAccountKeyKind, name, "", record->revision}})
      .status();
}

}  // namespace hodei::access
