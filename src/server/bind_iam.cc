#include "server/bind_iam.h"

#include <string>

#include "google/iam/admin/v1/iam.pb.h"

namespace hodei::server {
namespace {

using service::CallContext;
using service::IamService;
using wire::rest::Transcoder;

template <typename Request, typename Response>
void Bind(IamService* accounts, Transcoder* transcoder, const char* method,
          Result<Response> (IamService::*handler)(const CallContext&, const Request&)) {
  transcoder->Bind<Request, Response>(
      std::string("google.iam.admin.v1.IamService.") + method,
      [accounts, handler](const CallContext& call, const Request& request) {
        return (accounts->*handler)(call, request);
      });
}

}  // namespace

void BindIam(IamService* accounts, Transcoder* transcoder) {
  Bind(accounts, transcoder, "ListServiceAccounts", &IamService::ListServiceAccounts);
  Bind(accounts, transcoder, "GetServiceAccount", &IamService::GetServiceAccount);
  Bind(accounts, transcoder, "CreateServiceAccount", &IamService::CreateServiceAccount);
  Bind(accounts, transcoder, "DeleteServiceAccount", &IamService::DeleteServiceAccount);
  Bind(accounts, transcoder, "DisableServiceAccount", &IamService::DisableServiceAccount);
  Bind(accounts, transcoder, "EnableServiceAccount", &IamService::EnableServiceAccount);
  Bind(accounts, transcoder, "CreateServiceAccountKey", &IamService::CreateServiceAccountKey);
  Bind(accounts, transcoder, "ListServiceAccountKeys", &IamService::ListServiceAccountKeys);
  Bind(accounts, transcoder, "DeleteServiceAccountKey", &IamService::DeleteServiceAccountKey);
}

}  // namespace hodei::server
