// gsutil's iam, acl and defacl.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/storage/access_changes.h"
#include "cli/storage/bucket_settings.h"
#include "cli/storage/storage_commands.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

struct Target {
  std::string path;  // of the resource; its lists are below
  std::string url;
};

// The buckets and objects that the URLs name.
Result<std::vector<Target>> Targets(Context& context, Api& api,
                                    const std::vector<std::string>& texts) {
  std::vector<Target> targets;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    bool recursive = context.line().Switch("recursive");
    if (url.object.empty() && !recursive) {
      targets.push_back({BucketPath(url.bucket), url.Text()});
      continue;
    }
    Result<std::vector<ObjectEntry>> found = recursive ? ExpandTree(api, url) : ExpandUrl(api, url);
    RETURN_IF_ERROR(found.status());
    if (found->empty()) return MatchedNothing(text);
    for (const ObjectEntry& entry : *found)
      targets.push_back({ObjectPath(entry.url()), entry.url().Text()});
  }
  return targets;
}

Json WithoutKind(Json policy) {
  policy.erase("kind");
  policy.erase("resourceId");
  policy.erase("version");
  return policy;
}

// "user:a@b.c:objectViewer,objectAdmin" → member and roles; allUsers has no id.
Status ParseBinding(const std::string& text, std::string* member, std::vector<std::string>* roles) {
  size_t colon = text.rfind(':');
  if (colon == text.npos || colon + 1 == text.size()) {
    return InvalidArgument(fmt::format(
        "Invalid binding [{}]: use MEMBER:ROLE, for example allUsers:objectViewer.", text));
  }
  *member = text.substr(0, colon);
  std::string list = text.substr(colon + 1);
  for (size_t at = 0; at <= list.size();) {
    size_t end = std::min(list.find(',', at), list.size());
    if (end > at) roles->push_back(FullRole(list.substr(at, end - at)));
    at = end + 1;
  }
  return OkStatus();
}

Result<int> ChangeIam(Context& context, Api& api) {
  const std::vector<std::string>& words = context.line().positionals;
  std::vector<std::string> bindings, urls;
  for (size_t i = 1; i < words.size(); ++i)
    (IsGsUrl(words[i]) ? urls : bindings).push_back(words[i]);
  ASSIGN_OR_RETURN(std::vector<Target> targets, Targets(context, api, urls));
  if (targets.empty()) return InvalidArgument("Give at least one bucket.").WithReason("usage");
  for (const Target& target : targets) {
    ASSIGN_OR_RETURN(Json policy, api.Get(target.path + "/iam"));
    bool changed = false;
    auto apply = [&](const std::string& binding, bool add) -> Status {
      std::string member;
      std::vector<std::string> roles;
      RETURN_IF_ERROR(ParseBinding(binding, &member, &roles));
      for (const std::string& role : roles) changed |= ChangeBinding(&policy, role, member, add);
      return OkStatus();
    };
    for (const std::string& binding : context.line().Values("delete"))
      RETURN_IF_ERROR(apply(binding, false));
    for (const std::string& binding : bindings) RETURN_IF_ERROR(apply(binding, true));
    if (!changed) {
      context.console().Err("No changes made to " + target.url + "\n");
      continue;
    }
    Json body = WithoutKind(std::move(policy));
    RETURN_IF_ERROR(api.Call("PUT", target.path + "/iam", {}, &body).status());
  }
  return 0;
}

Result<int> Iam(Context& context) {
  const std::vector<std::string>& words = context.line().positionals;
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  if (words[0] == "ch") return ChangeIam(context, *api);
  if (words[0] == "get") {
    ASSIGN_OR_RETURN(std::vector<Target> targets, Targets(context, *api, {words[1]}));
    for (const Target& target : targets) {
      ASSIGN_OR_RETURN(Json policy, api->Get(target.path + "/iam"));
      context.console().Out(JsonText(WithoutKind(std::move(policy)), 2) + "\n");
    }
    return 0;
  }
  if (words[0] != "set" || words.size() < 3)
    return InvalidArgument("Use iam get URL, iam set FILE URL or iam ch BINDING URL.")
        .WithReason("usage");
  ASSIGN_OR_RETURN(Json policy, ReadJsonFile(words[1]));
  ASSIGN_OR_RETURN(std::vector<Target> targets,
                   Targets(context, *api, {words.begin() + 2, words.end()}));
  for (const Target& target : targets) {
    RETURN_IF_ERROR(api->Call("PUT", target.path + "/iam", {}, &policy).status());
  }
  return 0;
}

Result<std::vector<AccessChange>> ChangesOf(const CommandLine& line) {
  std::vector<AccessChange> changes;
  static constexpr std::pair<const char*, char> kKinds[] = {
      {"user", 'u'}, {"group", 'g'}, {"project-team", 'p'}};
  for (const auto& [flag, kind] : kKinds) {
    for (const std::string& text : line.Values(flag)) {
      ASSIGN_OR_RETURN(AccessChange change, ParseAccessWords(kind, text, false));
      changes.push_back(std::move(change));
    }
  }
  for (const std::string& text : line.Values("delete")) {
    ASSIGN_OR_RETURN(AccessChange change, ParseAccessWords('u', text, true));
    changes.push_back(std::move(change));
  }
  if (changes.empty())
    return InvalidArgument(
        "Please specify at least one access change with the -g, -u, -p or -d flag.");
  return changes;
}

// "public-read" → "publicRead".
std::string Predefined(const std::string& word) {
  std::string out;
  for (size_t i = 0; i < word.size(); ++i) {
    out += word[i] == '-' && i + 1 < word.size()
               ? static_cast<char>(std::toupper(static_cast<unsigned char>(word[++i])))
               : word[i];
  }
  return out;
}

Status SetAcl(Api& api, const Target& target, const std::string& what, bool defaults) {
  const char* member = defaults ? "defaultObjectAcl" : "acl";
  Result<Json> file = ReadJsonFile(what);
  if (file.ok()) {
    Json body = {{member, *file}};
    return api.Call("PATCH", target.path, {{"projection", "full"}}, &body).status();
  }
  // Not a file: a predefined list. An empty patch carries it.
  Json body = Json::object();
  Query query = {{defaults ? "predefinedDefaultObjectAcl" : "predefinedAcl", Predefined(what)}};
  return api.Call("PATCH", target.path, query, &body).status();
}

Result<int> AclCommand(Context& context, bool defaults) {
  const std::vector<std::string>& words = context.line().positionals;
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  const std::string list = defaults ? "/defaultObjectAcl" : "/acl";
  size_t first_url = words[0] == "set" ? 2 : 1;
  if (words.size() <= first_url)
    return InvalidArgument("Use get URL, set FILE_OR_NAME URL or ch -u WHO:R URL.")
        .WithReason("usage");
  ASSIGN_OR_RETURN(
      std::vector<Target> targets,
      Targets(context, *api, {words.begin() + static_cast<long>(first_url), words.end()}));
  std::vector<AccessChange> changes;
  if (words[0] == "ch") {
    ASSIGN_OR_RETURN(changes, ChangesOf(context.line()));
  }
  for (const Target& target : targets) {
    if (words[0] == "get") {
      ASSIGN_OR_RETURN(Json acl, api->Get(target.path + list));
      const Json* items = Member(acl, "items");
      context.console().Out(JsonText(items == nullptr ? Json::array() : *items, 2) + "\n");
    } else if (words[0] == "set") {
      context.console().Err(
          fmt::format("Setting {}ACL on {}...\n", defaults ? "default object " : "", target.url));
      RETURN_IF_ERROR(SetAcl(*api, target, words[1], defaults));
    } else {
      for (const AccessChange& change : changes)
        RETURN_IF_ERROR(ChangeAccess(*api, target.path + list, change));
      context.console().Err(
          fmt::format("Updated {}ACL on {}\n", defaults ? "default " : "", target.url));
    }
  }
  return 0;
}

Result<int> Acl(Context& context) { return AclCommand(context, false); }
Result<int> DefaultAcl(Context& context) { return AclCommand(context, true); }

Command AccessCommand(const char* name, const char* summary, Handler run) {
  return {.name = name,
          .summary = summary,
          .positionals = {{"ACTION", "get, set or ch."},
                          {.metavar = "WORD", .help = "What to set; then URLs.", .repeated = true}},
          .flags = {TextFlag("user", "WHO:PERMISSION",
                             "With ch: access to give, such as "
                             "AllUsers:R.")
                        .Alias("-u"),
                    TextFlag("group", "WHO:PERMISSION", "The same for a group.").Alias("-g"),
                    TextFlag("project-team", "TEAM-ID:PERMISSION", "The same for a project team.")
                        .Alias("-p"),
                    TextFlag("delete", "WHO", "With ch: access to take away.").Alias("-d"),
                    RecursiveFlag("Go into folders."),
                    SwitchFlag("all-versions", "Accepted.").Alias("-a").Hidden(),
                    SwitchFlag("force", "Accepted.").Alias("-f").Hidden()},
          .run = run};
}

}  // namespace

std::vector<Command> AccessCommands() {
  return {AccessCommand("iam", "Policies of buckets: get, set FILE, ch MEMBER:ROLE", Iam),
          AccessCommand("acl", "Access lists: get, set NAME, ch -u WHO:R", Acl),
          AccessCommand("defacl", "Access lists of new objects", DefaultAcl)};
}

}  // namespace hodei::cli
