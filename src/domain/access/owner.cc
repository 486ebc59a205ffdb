#include "domain/access/owner.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "domain/access/access_tokens.h"
#include "domain/access/accounts.h"
#include "domain/access/key_file.h"
#include "domain/access/policy.h"
#include "domain/access/projects.h"
#include "domain/access/record_kinds.h"
#include "domain/access/rsa_key.h"
#include "hodei/access/records.pb.h"
#include "sys/file.h"

namespace hodei::access {
namespace {

constexpr char kOwnerRecord[] = "owner";
constexpr std::chrono::hours kOwnerTokenLifetime{10 * 365 * 24};
constexpr size_t kMaxFileBytes = 64 * 1024;

Status CheckPrivate(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return OkStatus();  // not there: made later
  if ((found.st_mode & 077) == 0) return OkStatus();
  return FailedPrecondition(
      fmt::format("'{0}' can be read or changed by others (mode {1:o}); run: chmod go-rwx '{0}'. "
                  "If somebody may "
                  "have read it, remove it: the next start makes a new one and revokes this one",
                  path, found.st_mode & 07777));
}

class OwnerSetup {
 public:
  OwnerSetup(const OwnerOptions& options, store::MetaStore* store, const Clock& clock)
      : options_(options),
        store_(store),
        now_(clock.Now()),
        folder_(options.data_dir + "/credentials") {
    files_.email = ServiceAccountEmail(kOwnerAccountId, options.project_id);
    files_.key_path = folder_ + "/owner.json";
    files_.token_path = folder_ + "/owner.token";
  }

  Result<OwnerFiles> Run() {
    RETURN_IF_ERROR(MakeDirectories(folder_, 0700));
    for (const std::string& path : {folder_, files_.key_path, files_.token_path}) {
      RETURN_IF_ERROR(CheckPrivate(path));
    }
    RETURN_IF_ERROR_CTX(EnsureProject(), "make the first project");
    RETURN_IF_ERROR(LoadRecords());
    if (!options_.key_later) {
      RETURN_IF_ERROR_CTX(EnsureKeyFile(), "make the owner's key file");
    }
    RETURN_IF_ERROR_CTX(EnsureTokenFile(), "make the owner's token file");
    return files_;
  }

  Status RunKeyFile() {
    RETURN_IF_ERROR(LoadRecords());
    return Annotate(EnsureKeyFile(), "make the owner's key file");
  }

 private:
  Status EnsureProject() {
    const Code found = store_->Get(kAccountKind, files_.email).status().code();
    if (found != Code::kNotFound) return store_->Get(kAccountKind, files_.email).status();
    NewAccount account =
        MakeServiceAccount(kOwnerAccountId, options_.project_id, "Owner of this server", now_);
    NewProject project =
        MakeProject(options_.project_id, options_.project_id, MemberName(files_.email), now_);
    std::vector<store::Write> writes = std::move(account.writes);
    // The account alone is missing when somebody deleted it: then the project keeps what it has.
    if (store_->Get(kProjectKind, options_.project_id).status().code() == Code::kNotFound) {
      writes.insert(writes.end(), project.writes.begin(), project.writes.end());
    }
    return store_->Commit(writes).status();
  }

  Status LoadRecords() {
    ASSIGN_OR_RETURN(const store::Record account, store_->Get(kAccountKind, files_.email));
    if (!account_.ParseFromString(account.value)) return DataLoss("the owner's account is damaged");
    const Result<store::Record> bootstrap = store_->Get(kBootstrapKind, kOwnerRecord);
    if (bootstrap.status().code() == Code::kNotFound) return OkStatus();
    RETURN_IF_ERROR(bootstrap.status());
    return credentials_.ParseFromString(bootstrap->value)
               ? OkStatus()
               : DataLoss("the record of the owner's credentials is damaged");
  }

  // Commits `writes` together with the new credentials_, and the deletion of what they replace: a
  // crash before the file is written leaves a record that the next start replaces the same way.
  Status Replace(const char* kind, const std::string& old_name, std::vector<store::Write> writes) {
    if (!old_name.empty()) {
      writes.push_back({store::Write::Op::kDelete, kind, old_name, "", std::nullopt});
    }
    writes.push_back({store::Write::Op::kPut, kBootstrapKind, kOwnerRecord,
                      credentials_.SerializeAsString(), std::nullopt});
    return store_->Commit(writes).status();
  }

  Status EnsureKeyFile() {
    const Result<std::string> text = ReadFile(files_.key_path, kMaxFileBytes);
    if (!text.ok() && text.status().code() != Code::kNotFound) return text.status();
    if (text.ok()) {
      Result<KeyFile> file = ParseKeyFile(*text);
      if (file.ok() && KeyIsLive(*file)) return RefreshUrl(*std::move(file));
    }
    Result<RsaKeyPair> pair = options_.key_pair ? options_.key_pair() : GenerateRsaKey();
    RETURN_IF_ERROR(pair.status());
    const NewKey key = MakeKey(account_, now_, *std::move(pair));
    const std::string old_name = std::exchange(*credentials_.mutable_key_name(), key.name);
    RETURN_IF_ERROR(Replace(kAccountKeyKind, old_name, {key.write}));
    HODEI_FAILPOINT("access.owner.key_committed");
    return WriteKeyFile({.project_id = options_.project_id,
                         .private_key_id = key.key.key_id(),
                         .private_key_pem = key.private_key_pem,
                         .client_email = files_.email,
                         .client_id = account_.unique_id()});
  }

  bool KeyIsLive(const KeyFile& file) {
    const std::string name = fmt::format("{}/{}", file.client_email, file.private_key_id);
    const Result<store::Record> record = store_->Get(kAccountKeyKind, name);
    AccountKey key;
    if (!record.ok() || !key.ParseFromString(record->value)) return false;
    return file.client_email == files_.email && key.account_unique_id() == account_.unique_id() &&
           PublicHalf(file.private_key_pem).value_or(std::string()) == key.public_key_pem();
  }

  Status RefreshUrl(KeyFile file) {
    if (file.server_url == options_.server_url) return OkStatus();
    return WriteKeyFile(std::move(file));
  }

  Status WriteKeyFile(KeyFile file) {
    file.server_url = options_.server_url;
    return WriteFileDurably(files_.key_path, PrintKeyFile(file), 0600);
  }

  Status EnsureTokenFile() {
    const Result<std::string> text = ReadFile(files_.token_path, kMaxFileBytes);
    if (!text.ok() && text.status().code() != Code::kNotFound) return text.status();
    if (text.ok() && TokenIsLive(*text)) return OkStatus();
    NewToken made = MakeToken(account_, now_, kOwnerTokenLifetime, "");
    const std::string old_name = std::exchange(*credentials_.mutable_token_name(), made.name);
    RETURN_IF_ERROR(Replace(kAccessTokenKind, old_name, std::move(made.writes)));
    HODEI_FAILPOINT("access.owner.token_committed");
    return WriteFileDurably(files_.token_path, made.token.Reveal(), 0600);
  }

  bool TokenIsLive(std::string_view content) {
    content = content.substr(0, content.find_first_of("\r\n"));
    const Result<store::Record> record = store_->Get(kAccessTokenKind, TokenName(content));
    AccessToken token;
    return record.ok() && token.ParseFromString(record->value) &&
           token.account_unique_id() == account_.unique_id() &&
           now_.unix_nanos < token.expire_unix_nanos();
  }

  const OwnerOptions& options_;
  store::MetaStore* const store_;
  const WallTime now_;
  const std::string folder_;
  OwnerFiles files_;
  Account account_;
  OwnerCredentials credentials_;
};

}  // namespace

Result<OwnerFiles> EnsureOwner(const OwnerOptions& options, store::MetaStore* store,
                               const Clock& clock) {
  return OwnerSetup(options, store, clock).Run();
}

Status EnsureOwnerKey(const OwnerOptions& options, store::MetaStore* store, const Clock& clock) {
  return OwnerSetup(options, store, clock).RunKeyFile();
}

}  // namespace hodei::access
