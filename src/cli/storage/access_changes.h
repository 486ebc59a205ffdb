// Access control lists and IAM policies of buckets and objects, as flags and gsutil's words change
// them.
#pragma once

#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/command_line.h"

namespace hodei::cli {

// One entry to set, or with an empty role to take away.
struct AccessChange {
  std::string entity;  // "allUsers", "user-a@b.c", "group-…", "project-owners-…"
  std::string role;    // "READER", "WRITER", "OWNER" or ""
};

// --add-acl-grant=entity=E,role=R and --remove-acl-grant=E.
Result<std::vector<AccessChange>> AccessChangesOf(const CommandLine& line);
// gsutil's "-u AllUsers:R", "-g group@x.y:W", "-p owners-123:O": `kind` is u, g or p. Without ":…"
// only `removal` may name it.
Result<AccessChange> ParseAccessWords(char kind, const std::string& text, bool removal);
// Applies one change to the list at `path`, "/storage/v1/b/B/o/O/acl".
Status ChangeAccess(Api& api, const std::string& path, const AccessChange& change);

// Adds the member to the role's binding of a policy, or takes it out; roles are given in full.
// Whether anything changed.
bool ChangeBinding(Json* policy, const std::string& role, const std::string& member, bool add);
// "objectViewer" → "roles/storage.objectViewer"; full names stay.
std::string FullRole(const std::string& role);

}  // namespace hodei::cli
