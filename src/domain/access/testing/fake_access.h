// Authenticator and Authorizer for tests of the layers above: tokens and denials are set by hand.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"

namespace hodei::access::testing {

// Bearer tokens map to principals; a "job:" socket label without a token is that job. Nobody else.
class FakeAuthenticator : public Authenticator {
 public:
  void AddToken(std::string token, Principal principal);
  Result<Principal> Authenticate(const net::RequestHead& head) const override;

 private:
  std::map<std::string, Principal, std::less<>> principals_;
};

// Allows everything except what Deny() or DenyProject() names, and remembers what was asked.
class FakeAuthorizer : public Authorizer {
 public:
  struct Asked {
    std::string email, project, resource, permission;
    bool operator==(const Asked&) const = default;
  };
  void Deny(std::string permission);
  void DenyProject(std::string project);
  void AllowProject(const std::string& project) { denied_projects_.erase(project); }
  void AddProjectNumber(std::string number, std::string id);
  std::vector<Asked> asked() const;

  Status CheckResource(const Principal& principal, std::string_view project,
                       std::string_view resource, std::string_view permission) const override;
  Result<std::string> ResolveProject(std::string_view id_or_number) const override;

 private:
  std::set<std::string, std::less<>> denied_permissions_;
  std::set<std::string, std::less<>> denied_projects_;
  std::map<std::string, std::string, std::less<>> numbers_;
  mutable std::mutex mutex_;
  mutable std::vector<Asked> asked_;  // guarded by mutex_
};

}  // namespace hodei::access::testing
