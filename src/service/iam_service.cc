#include "service/iam_service.h"

#include <fmt/format.h>

#include "domain/access/denial.h"
#include "domain/access/key_file.h"

namespace hodei::service {
namespace {

namespace iam = google::iam::admin::v1;
using access::Account;
using access::AccountKey;

constexpr std::string_view kProjects = "projects/";
constexpr std::string_view kAccounts = "/serviceAccounts/";
constexpr std::string_view kKeys = "/keys/";

// The parts of "projects/P/serviceAccounts/E[/keys/K]"; empty where there is none.
struct AccountName {
  std::string_view project, email, key_id;
};

Result<AccountName> ParseName(std::string_view name) {
  const Status bad = InvalidArgument("name must be projects/P/serviceAccounts/EMAIL[/keys/KEY].");
  if (!name.starts_with(kProjects)) return bad;
  name.remove_prefix(kProjects.size());
  const size_t accounts = name.find(kAccounts);
  if (accounts == std::string_view::npos) return bad;
  AccountName parsed{.project = name.substr(0, accounts)};
  const std::string_view rest = name.substr(accounts + kAccounts.size());
  const size_t keys = rest.find(kKeys);
  parsed.email = rest.substr(0, keys);
  if (keys != std::string_view::npos) parsed.key_id = rest.substr(keys + kKeys.size());
  if (parsed.project.empty() || parsed.email.empty() ||
      parsed.project.find('/') != std::string_view::npos ||
      parsed.email.find('/') != std::string_view::npos ||
      parsed.key_id.find('/') != std::string_view::npos) {
    return bad;
  }
  return parsed;
}

iam::ServiceAccount ToApi(const Account& account) {
  iam::ServiceAccount api;
  api.set_name(
      fmt::format("projects/{}/serviceAccounts/{}", account.project_id(), account.email()));
  api.set_project_id(account.project_id());
  api.set_unique_id(account.unique_id());
  api.set_email(account.email());
  api.set_display_name(account.display_name());
  api.set_description(account.description());
  api.set_oauth2_client_id(account.unique_id());
  api.set_disabled(account.disabled());
  return api;
}

iam::ServiceAccountKey ToApi(const Account& account, const AccountKey& key) {
  iam::ServiceAccountKey api;
  api.set_name(fmt::format("projects/{}/serviceAccounts/{}/keys/{}", account.project_id(),
                           account.email(), key.key_id()));
  api.set_key_algorithm("KEY_ALG_RSA_2048");
  api.set_key_type("USER_MANAGED");
  api.mutable_valid_after_time()->set_seconds(key.create_unix_nanos() / 1'000'000'000);
  api.set_disabled(key.disabled());
  return api;
}

}  // namespace

Result<std::string> IamService::AllowedProject(const CallContext& call, std::string_view name,
                                               std::string_view permission) const {
  if (!name.starts_with(kProjects) || name.size() == kProjects.size()) {
    return InvalidArgument("name must be projects/P.");
  }
  const std::string_view project = name.substr(kProjects.size());
  RETURN_IF_ERROR(authorizer_->Check(call.principal, project, permission));
  return authorizer_->ResolveProject(project);
}

Result<Account> IamService::Allowed(const CallContext& call, std::string_view name,
                                    std::string_view permission) {
  ASSIGN_OR_RETURN(const AccountName parsed, ParseName(name));
  Result<Account> account = accounts_.Get(parsed.email);
  const Code found = account.status().code();
  if (!account.ok() && found != Code::kNotFound) return account.status();
  // "-": whichever project the account is in.
  const std::string_view asked =
      parsed.project == "-" && account.ok() ? account->project_id() : parsed.project;
  const Status allowed = authorizer_->Check(call.principal, asked, permission);
  if (allowed.code() == Code::kPermissionDenied) return access::DeniedCaller(permission, name);
  RETURN_IF_ERROR(allowed);
  ASSIGN_OR_RETURN(const std::string project, authorizer_->ResolveProject(asked));
  // Another project's account is not there for who may look only here.
  if (!account.ok() || account->project_id() != project) {
    return NotFound(fmt::format("Service account {} does not exist.", parsed.email));
  }
  return account;
}

Result<iam::ListServiceAccountsResponse> IamService::ListServiceAccounts(
    const CallContext& call, const iam::ListServiceAccountsRequest& request) {
  ASSIGN_OR_RETURN(const std::string project,
                   AllowedProject(call, request.name(), "iam.serviceAccounts.list"));
  // At most access::kMaxAccountsPerProject: one page holds them.
  ASSIGN_OR_RETURN(const std::vector<Account> accounts, accounts_.List(project));
  iam::ListServiceAccountsResponse response;
  for (const Account& account : accounts) *response.add_accounts() = ToApi(account);
  return response;
}

Result<iam::ServiceAccount> IamService::GetServiceAccount(
    const CallContext& call, const iam::ServiceAccountRequest& request) {
  ASSIGN_OR_RETURN(const Account account, Allowed(call, request.name(), "iam.serviceAccounts.get"));
  return ToApi(account);
}

Result<iam::ServiceAccount> IamService::CreateServiceAccount(
    const CallContext& call, const iam::CreateServiceAccountRequest& request) {
  ASSIGN_OR_RETURN(const std::string project,
                   AllowedProject(call, request.name(), "iam.serviceAccounts.create"));
  ASSIGN_OR_RETURN(
      const Account account,
      accounts_.Create(request.account_id(), project, request.service_account().display_name(),
                       request.service_account().description()));
  return ToApi(account);
}

Result<google::protobuf::Empty> IamService::DeleteServiceAccount(
    const CallContext& call, const iam::ServiceAccountRequest& request) {
  ASSIGN_OR_RETURN(const Account account,
                   Allowed(call, request.name(), "iam.serviceAccounts.delete"));
  if (account.email() == protected_account_) {
    return FailedPrecondition("The owner's account of this server cannot be deleted.");
  }
  RETURN_IF_ERROR(accounts_.Delete(account.email()));
  return google::protobuf::Empty();
}

Result<google::protobuf::Empty> IamService::SetDisabled(const CallContext& call,
                                                        std::string_view name, bool disabled) {
  ASSIGN_OR_RETURN(
      const Account account,
      Allowed(call, name, disabled ? "iam.serviceAccounts.disable" : "iam.serviceAccounts.enable"));
  if (disabled && account.email() == protected_account_) {
    return FailedPrecondition("The owner's account of this server cannot be disabled.");
  }
  RETURN_IF_ERROR(accounts_.SetDisabled(account.email(), disabled));
  return google::protobuf::Empty();
}

Result<google::protobuf::Empty> IamService::DisableServiceAccount(
    const CallContext& call, const iam::ServiceAccountRequest& request) {
  return SetDisabled(call, request.name(), true);
}

Result<google::protobuf::Empty> IamService::EnableServiceAccount(
    const CallContext& call, const iam::ServiceAccountRequest& request) {
  return SetDisabled(call, request.name(), false);
}

Result<iam::ServiceAccountKey> IamService::CreateServiceAccountKey(
    const CallContext& call, const iam::CreateServiceAccountKeyRequest& request) {
  ASSIGN_OR_RETURN(const Account account,
                   Allowed(call, request.name(), "iam.serviceAccountKeys.create"));
  const auto is_default = [](const std::string& value, std::string_view only) {
    return value.empty() || value == only;
  };
  if (!is_default(request.private_key_type(), "TYPE_GOOGLE_CREDENTIALS_FILE") ||
      !is_default(request.key_algorithm(), "KEY_ALG_RSA_2048")) {
    return InvalidArgument(
        "Only TYPE_GOOGLE_CREDENTIALS_FILE keys of KEY_ALG_RSA_2048 are made here.");
  }
  ASSIGN_OR_RETURN(const access::NewKey made, accounts_.CreateKey(account.email()));
  iam::ServiceAccountKey key = ToApi(account, made.key);
  key.set_private_key_type("TYPE_GOOGLE_CREDENTIALS_FILE");
  key.set_private_key_data(access::PrintKeyFile({.project_id = account.project_id(),
                                                 .private_key_id = made.key.key_id(),
                                                 .private_key_pem = made.private_key_pem,
                                                 .client_email = account.email(),
                                                 .client_id = account.unique_id(),
                                                 .server_url = server_url_}));
  return key;
}

Result<iam::ListServiceAccountKeysResponse> IamService::ListServiceAccountKeys(
    const CallContext& call, const iam::ListServiceAccountKeysRequest& request) {
  ASSIGN_OR_RETURN(const Account account,
                   Allowed(call, request.name(), "iam.serviceAccountKeys.list"));
  ASSIGN_OR_RETURN(const std::vector<AccountKey> keys, accounts_.ListKeys(account.email()));
  iam::ListServiceAccountKeysResponse response;
  for (const AccountKey& key : keys) *response.add_keys() = ToApi(account, key);
  return response;
}

Result<google::protobuf::Empty> IamService::DeleteServiceAccountKey(
    const CallContext& call, const iam::DeleteServiceAccountKeyRequest& request) {
  ASSIGN_OR_RETURN(const Account account,
                   Allowed(call, request.name(), "iam.serviceAccountKeys.delete"));
  ASSIGN_OR_RETURN(const AccountName name, ParseName(request.name()));
  RETURN_IF_ERROR(accounts_.DeleteKey(account.email(), name.key_id));
  return google::protobuf::Empty();
}

}  // namespace hodei::service
