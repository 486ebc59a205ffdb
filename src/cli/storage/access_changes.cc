#include "cli/storage/access_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/encoding.h"

namespace hodei::cli {
namespace {

Result<std::string> RoleOf(const std::string& word) {
  std::string lower = AsciiLower(word);
  if (lower == "r" || lower == "read" || lower == "reader") return std::string("READER");
  if (lower == "w" || lower == "write" || lower == "writer") return std::string("WRITER");
  if (lower == "fc" || lower == "o" || lower == "owner" || lower == "full_control")
    return std::string("OWNER");
  return InvalidArgument(fmt::format("[{}] is not an allowed permission: use R, W or O.", word));
}

}  // namespace

Result<std::vector<AccessChange>> AccessChangesOf(const CommandLine& line) {
  std::vector<AccessChange> changes;
  for (const std::string& text : line.Values("add-acl-grant")) {
    AccessChange change;
    for (size_t at = 0; at <= text.size();) {
      size_t end = std::min(text.find(',', at), text.size());
      std::string pair = text.substr(at, end - at);
      if (pair.rfind("entity=", 0) == 0) change.entity = pair.substr(7);
      if (pair.rfind("role=", 0) == 0) change.role = pair.substr(5);
      at = end + 1;
    }
    if (change.entity.empty() || change.role.empty()) {
      return InvalidArgument(
          fmt::format("--add-acl-grant=[{}]: give entity=ENTITY,role=ROLE, for example "
                      "entity=allUsers,role=READER.",
                      text));
    }
    ASSIGN_OR_RETURN(change.role, RoleOf(change.role));
    changes.push_back(std::move(change));
  }
  for (const std::string& entity : line.Values("remove-acl-grant")) changes.push_back({entity, ""});
  return changes;
}

Result<AccessChange> ParseAccessWords(char kind, const std::string& text, bool removal) {
  AccessChange change;
  size_t colon = removal ? std::string::npos : text.rfind(':');
  if (!removal && colon == std::string::npos) {
    return InvalidArgument(fmt::format("[{}]: give WHO:PERMISSION, for example AllUsers:R.", text));
  }
  std::string who = text.substr(0, colon);
  std::string lower = AsciiLower(who);
  if (lower == "all" || lower == "allusers") {
    change.entity = "allUsers";
  } else if (lower == "allauth" || lower == "allauthenticatedusers") {
    change.entity = "allAuthenticatedUsers";
  } else if (kind == 'p') {
    change.entity = "project-" + who;
  } else if (who.find('@') == std::string::npos && who.find('.') != std::string::npos) {
    change.entity = "domain-" + who;
  } else {
    change.entity = (kind == 'g' ? "group-" : "user-") + who;
  }
  if (removal) return change;
  ASSIGN_OR_RETURN(change.role, RoleOf(text.substr(colon + 1)));
  return change;
}

Status ChangeAccess(Api& api, const std::string& path, const AccessChange& change) {
  if (!change.role.empty()) {
    return api.Post(path, {{"entity", change.entity}, {"role", change.role}}).status();
  }
  Status removed = api.Call("DELETE", path + "/" + PercentEncode(change.entity)).status();
  return removed.code() == Code::kNotFound ? OkStatus() : removed;
}

std::string FullRole(const std::string& role) {
  if (role.rfind("roles/", 0) == 0 || role.rfind("projects/", 0) == 0 ||
      role.rfind("organizations/", 0) == 0) {
    return role;
  }
  return "roles/storage." + role;
}

bool ChangeBinding(Json* policy, const std::string& role, const std::string& member, bool add) {
  Json& bindings = (*policy)["bindings"];
  if (!bindings.is_array()) bindings = Json::array();
  for (auto binding = bindings.begin(); binding != bindings.end(); ++binding) {
    if (MemberText(*binding, "role") != role || binding->contains("condition")) continue;
    Json& members = (*binding)["members"];
    if (!members.is_array()) members = Json::array();
    auto found = std::find(members.begin(), members.end(), Json(member));
    if (add == (found != members.end())) return false;
    if (add) {
      members.push_back(member);
      return true;
    }
    members.erase(found);
    if (members.empty()) bindings.erase(binding);
    return true;
  }
  if (add) bindings.push_back({{"members", Json::array({member})}, {"role", role}});
  return add;
}

}  // namespace hodei::cli
