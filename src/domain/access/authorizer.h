// May this principal do that here? Deny by default. Thread-safe; cached point reads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "domain/access/principal.h"

namespace hodei::store {
class MetaStore;
}

namespace hodei::access {

class Authorizer {
 public:
  virtual ~Authorizer() = default;

  // OK when a role that the project's policy gives to `principal` contains `permission`
  // ("ml.jobs.create"; the table is in permission_table.h). `project` is an id or a number.
  // Otherwise PERMISSION_DENIED, worded as the original does and the same whether the project
  // is another's, deleted or was never there (T5).
  Status Check(const Principal& principal, std::string_view project,
               std::string_view permission) const {
    return CheckResource(principal, project, "", permission);
  }

  // The same, and a role given by the policy of the resource itself counts too.
  // `resource`: "projects/P/jobs/J", "projects/P/models/M" or a bucket, "buckets/B", that belongs
  // to `project`. The message names the resource. Empty: the project.
  virtual Status CheckResource(const Principal& principal, std::string_view project,
                               std::string_view resource, std::string_view permission) const = 0;

  // The id of the project with that id or number. What names no project is returned as it is:
  // call Check() first, with either form.
  virtual Result<std::string> ResolveProject(std::string_view id_or_number) const = 0;
};

// `store` must outlive it. Emulator principals may do everything, in projects that do not exist
// too.
std::unique_ptr<Authorizer> MakeAuthorizer(store::MetaStore* store);

}  // namespace hodei::access
