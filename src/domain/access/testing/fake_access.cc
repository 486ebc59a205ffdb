#include "domain/access/testing/fake_access.h"

#include "domain/access/denial.h"
#include "net/http_message.h"

namespace hodei::access::testing {

void FakeAuthenticator::AddToken(std::string token, Principal principal) {
  principals_[std::move(token)] = std::move(principal);
}

Result<Principal> FakeAuthenticator::Authenticate(const net::RequestHead& head) const {
  const std::string_view authorization = head.headers.Get("Authorization");
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.starts_with(kBearer)) {
    const auto it = principals_.find(authorization.substr(kBearer.size()));
    if (it != principals_.end()) return it->second;
    return UnauthenticatedCaller();
  }
  constexpr std::string_view kJob = "job:";
  const std::string_view label = head.peer.socket_label;
  if (authorization.empty() && label.starts_with(kJob)) {
    return Principal{.email = "job@example.com", .job = std::string(label.substr(kJob.size()))};
  }
  return UnauthenticatedCaller();
}

void FakeAuthorizer::Deny(std::string permission) {
  denied_permissions_.insert(std::move(permission));
}

void FakeAuthorizer::DenyProject(std::string project) {
  denied_projects_.insert(std::move(project));
}

void FakeAuthorizer::AddProjectNumber(std::string number, std::string id) {
  numbers_[std::move(number)] = std::move(id);
}

std::vector<FakeAuthorizer::Asked> FakeAuthorizer::asked() const {
  std::lock_guard lock(mutex_);
  return asked_;
}

Status FakeAuthorizer::CheckResource(const Principal& principal, std::string_view project,
                                     std::string_view resource, std::string_view permission) const {
  {
    std::lock_guard lock(mutex_);
    asked_.push_back(
        {principal.email, std::string(project), std::string(resource), std::string(permission)});
  }
  if (denied_permissions_.contains(permission) || denied_projects_.contains(project)) {
    return DeniedCaller(permission, resource.empty() ? ProjectResource(project) : resource);
  }
  return OkStatus();
}

Result<std::string> FakeAuthorizer::ResolveProject(std::string_view id_or_number) const {
  const auto it = numbers_.find(id_or_number);
  return it == numbers_.end() ? std::string(id_or_number) : it->second;
}

}  // namespace hodei::access::testing
