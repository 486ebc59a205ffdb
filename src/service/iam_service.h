// IAM v1: service accounts and their keys. The account in the path decides which project's policy
// counts, and each method checks the caller itself. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/accounts.h"
#include "domain/access/authorizer.h"
#include "google/iam/admin/v1/iam.pb.h"
#include "google/protobuf/empty.pb.h"
#include "service/call_context.h"
#include "store/meta/meta_store.h"

namespace hodei::service {

class IamService {
 public:
  // `protected_account`: the e-mail that can be neither deleted nor disabled, the server owner's.
  // Store, clock and authorizer must outlive the service.
  IamService(store::MetaStore* store, const Clock* clock, const access::Authorizer* authorizer,
             std::string protected_account)
      : accounts_(store, clock),
        authorizer_(authorizer),
        protected_account_(std::move(protected_account)) {}

  // The URL that key files made from now on name; before the first request.
  void SetServerUrl(std::string url) { server_url_ = std::move(url); }

  Result<google::iam::admin::v1::ListServiceAccountsResponse> ListServiceAccounts(
      const CallContext& call, const google::iam::admin::v1::ListServiceAccountsRequest& request);
  Result<google::iam::admin::v1::ServiceAccount> GetServiceAccount(
      const CallContext& call, const google::iam::admin::v1::ServiceAccountRequest& request);
  Result<google::iam::admin::v1::ServiceAccount> CreateServiceAccount(
      const CallContext& call, const google::iam::admin::v1::CreateServiceAccountRequest& request);
  Result<google::protobuf::Empty> DeleteServiceAccount(
      const CallContext& call, const google::iam::admin::v1::ServiceAccountRequest& request);
  Result<google::protobuf::Empty> DisableServiceAccount(
      const CallContext& call, const google::iam::admin::v1::ServiceAccountRequest& request);
  Result<google::protobuf::Empty> EnableServiceAccount(
      const CallContext& call, const google::iam::admin::v1::ServiceAccountRequest& request);
  Result<google::iam::admin::v1::ServiceAccountKey> CreateServiceAccountKey(
      const CallContext& call,
      const google::iam::admin::v1::CreateServiceAccountKeyRequest& request);
  Result<google::iam::admin::v1::ListServiceAccountKeysResponse> ListServiceAccountKeys(
      const CallContext& call,
      const google::iam::admin::v1::ListServiceAccountKeysRequest& request);
  Result<google::protobuf::Empty> DeleteServiceAccountKey(
      const CallContext& call,
      const google::iam::admin::v1::DeleteServiceAccountKeyRequest& request);

 private:
  // The account that `name` ("projects/P/serviceAccounts/E…") means, when the caller has the
  // permission in the account's own project. Otherwise PERMISSION_DENIED, whether it exists or not.
  Result<access::Account> Allowed(const CallContext& call, std::string_view name,
                                  std::string_view permission);
  Result<google::protobuf::Empty> SetDisabled(const CallContext& call, std::string_view name,
                                              bool disabled);
  Result<std::string> AllowedProject(const CallContext& call, std::string_view name,
                                     std::string_view permission) const;

  access::Accounts accounts_;
  const access::Authorizer* const authorizer_;
  const std::string protected_account_;
  std::string server_url_;
};

}  // namespace hodei::service
