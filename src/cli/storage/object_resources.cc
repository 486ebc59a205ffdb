// objects describe|list|update|compose, gsutil's stat, service-agent.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/storage/access_changes.h"
#include "cli/storage/resource_display.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

Json Displayed(Context& context, const Json& object) {
  return context.line().Switch("raw") ? object : ShownObject(object);
}

Result<GsUrl> ObjectUrl(Context& context, const std::string& text) {
  ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
  if (!url.object.empty()) return url;
  std::string words = "hodei";
  for (const std::string& word : context.line().path) words += " " + word;
  return InvalidArgument(fmt::format(
      "\"{}\" only accepts object URLs.\nExample: \"gs://bucket/object.txt\"\nReceived: \"{}\"",
      words, text));
}

// The patch that `objects update` asks for: null takes a member away.
Result<Json> ObjectChanges(const CommandLine& line) {
  ASSIGN_OR_RETURN(ObjectSettings settings, SettingsOf(line));
  settings.fields.erase("storageClass");  // needs a rewrite, not a patch
  Json changes = settings.Resource();
  if (line.Has("custom-metadata") || line.Switch("clear-custom-metadata")) {
    // Merge patches keep what they do not name, so the old keys must go by name; see Apply().
    changes["metadata"] = changes.contains("metadata") ? changes["metadata"] : Json(nullptr);
  }
  for (const std::string& key : line.List("remove-custom-metadata"))
    changes["metadata"][key] = nullptr;
  static constexpr std::pair<const char*, const char*> kClear[] = {
      {"clear-content-type", "contentType"},
      {"clear-content-encoding", "contentEncoding"},
      {"clear-content-language", "contentLanguage"},
      {"clear-content-disposition", "contentDisposition"},
      {"clear-cache-control", "cacheControl"},
      {"clear-custom-time", "customTime"},
      {"clear-retention", "retention"}};
  for (const auto& [flag, member] : kClear) {
    if (line.Switch(flag)) changes[member] = nullptr;
  }
  if (line.Has("event-based-hold")) changes["eventBasedHold"] = line.Switch("event-based-hold");
  if (line.Has("temporary-hold")) changes["temporaryHold"] = line.Switch("temporary-hold");
  if (line.Has("retention-mode")) changes["retention"]["mode"] = line.Text("retention-mode");
  if (line.Has("retain-until")) changes["retention"]["retainUntilTime"] = line.Text("retain-until");
  return changes;
}

Status Patch(Api& api, const ObjectEntry& entry, Json changes, Query query, bool replace_metadata) {
  if (replace_metadata) {
    ASSIGN_OR_RETURN(Json current, api.Get(ObjectPath(entry.url())));
    if (const Json* old = Member(current, "metadata");
        old != nullptr && old->is_object() && changes["metadata"].is_object()) {
      for (const auto& [key, value] : old->items()) {
        if (!changes["metadata"].contains(key)) changes["metadata"][key] = nullptr;
      }
    }
  }
  if (!entry.generation.empty()) query.emplace_back("generation", entry.generation);
  return api.Call("PATCH", ObjectPath(entry.url()), query, &changes).status();
}

}  // namespace

Result<int> DescribeObject(Context& context) {
  if (HasWildcard(context.Positional(0))) {
    return InvalidArgument(
        "Describe does not accept wildcards because it returns a single resource. Please use the "
        "`ls` or `objects list` command for retrieving multiple resources.");
  }
  ASSIGN_OR_RETURN(GsUrl url, ObjectUrl(context, context.Positional(0)));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Query query = {{"projection", "full"}};
  if (!url.generation.empty()) query.emplace_back("generation", url.generation);
  if (context.line().Switch("soft-deleted")) query.emplace_back("softDeleted", "true");
  Result<Json> object = api->Get(ObjectPath(url), query);
  if (!object.ok() && object.status().code() == Code::kNotFound) {
    return NotFound(fmt::format("{} not found: 404.", url.Text()));
  }
  RETURN_IF_ERROR(object.status());
  return context.Print(Displayed(context, *object));
}

Result<int> ListObjectResources(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Json shown = Json::array();
  for (const std::string& text : context.line().positionals) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    std::string pattern = url.object.empty() ? "*" : url.object;
    ListRequest request{.bucket = url.bucket,
                        .prefix = std::string(FixedPrefix(pattern)),
                        .versions = !context.line().Switch("soft-deleted"),
                        .soft_deleted = context.line().Switch("soft-deleted"),
                        .every_field = true};
    RETURN_IF_ERROR(ForEachObject(*api, request, [&](const Json& object) {
                      std::string name = MemberText(object, "name");
                      bool named =
                          HasWildcard(pattern) ? GlobMatches(pattern, name) : name == pattern;
                      if (named) shown.push_back(Displayed(context, object));
                      return OkStatus();
                    }).status());
  }
  return context.PrintList(shown, "yaml", "storage_url");
}

Result<int> UpdateObjects(Context& context) {
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(Json changes, ObjectChanges(line));
  ASSIGN_OR_RETURN(ObjectSettings settings, SettingsOf(line));
  ASSIGN_OR_RETURN(std::vector<AccessChange> access, AccessChangesOf(line));
  std::string storage_class;
  if (line.Has("storage-class")) storage_class = settings.fields["storageClass"];
  if (changes.empty() && storage_class.empty() && access.empty()) {
    return InvalidArgument("Give at least one flag that says what to change.").WithReason("usage");
  }
  bool replace = line.Has("custom-metadata");
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Query query = settings.Parameters();
  if (line.Switch("override-unlocked-retention"))
    query.emplace_back("overrideUnlockedRetention", "true");
  std::vector<TransferTask> tasks;
  for (const std::string& text : PathsOf(context)) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    bool versions = line.Switch("all-versions");
    Result<std::vector<ObjectEntry>> found =
        line.Switch("recursive") ? ExpandTree(*api, url, versions) : ExpandUrl(*api, url, versions);
    RETURN_IF_ERROR(found.status());
    if (found->empty()) return MatchedNothing(text);
    for (ObjectEntry& entry : *found) {
      std::string shown = versions ? entry.VersionText() : entry.url().Text();
      if (!versions && url.generation.empty()) entry.generation.clear();
      tasks.push_back(
          {(storage_class.empty() ? "Patching " : "Rewriting ") + shown + "...", 0,
           [api, entry, changes, query, replace, storage_class,
            access](const TransferReport&) -> Status {
             if (!storage_class.empty()) {
               ObjectSettings rewritten;
               rewritten.fields["storageClass"] = storage_class;
               RETURN_IF_ERROR(CopyObject(*api, entry, entry.url(), rewritten).status());
             }
             for (const AccessChange& change : access) {
               RETURN_IF_ERROR(ChangeAccess(*api, ObjectPath(entry.url()) + "/acl", change));
             }
             if (changes.empty()) return OkStatus();
             return Patch(*api, entry, changes, query, replace);
           }});
    }
  }
  RETURN_IF_ERROR(RunTasks(context, std::move(tasks), TransferOptionsOf(context)));
  return 0;
}

Result<int> ComposeObject(Context& context) {
  constexpr size_t kMostComponents = 32;
  std::vector<std::string> urls = context.line().positionals;
  if (urls.size() < 2) {
    return InvalidArgument("Give the objects to join, then the object to make.")
        .WithReason("usage");
  }
  ASSIGN_OR_RETURN(GsUrl to, ObjectUrl(context, urls.back()));
  if (!to.generation.empty()) {
    return InvalidArgument(
        "Version-specific URLs are not valid destinations because composing always results in "
        "creating an object with the latest generation.");
  }
  urls.pop_back();
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(ObjectSettings settings, SettingsOf(context.line()));
  Json sources = Json::array();
  for (const std::string& text : urls) {
    ASSIGN_OR_RETURN(GsUrl url, ObjectUrl(context, text));
    if (url.bucket != to.bucket) {
      return InvalidArgument(fmt::format(
          "[{}] is in another bucket than [{}]; copy it there first.", text, to.Text()));
    }
    ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandUrl(*api, url));
    if (entries.empty()) return MatchedNothing(text);
    for (const ObjectEntry& entry : entries) {
      Json source = {{"name", entry.name}};
      if (!url.generation.empty()) source["generation"] = url.generation;
      sources.push_back(std::move(source));
    }
  }
  if (sources.size() > kMostComponents) {
    return InvalidArgument(fmt::format("{} objects were given, and one compose joins at most {}.",
                                       sources.size(), kMostComponents));
  }
  if (!context.line().Switch("quiet")) {
    context.console().Err(
        fmt::format("Composing {} from {} component object(s).\n", to.Text(), sources.size()));
  }
  Json destination = settings.Resource();
  if (!destination.contains("contentType")) {
    GsUrl first{to.bucket, MemberText(sources[0], "name"), ""};
    ASSIGN_OR_RETURN(Json object, api->Get(ObjectPath(first)));
    std::string type = MemberText(object, "contentType");
    if (!type.empty()) destination["contentType"] = type;
  }
  Json body = {{"sourceObjects", std::move(sources)}, {"destination", std::move(destination)}};
  Query query = settings.Parameters();
  if (!query.empty() && !settings.predefined_acl.empty())
    query.front().first = "destinationPredefinedAcl";
  RETURN_IF_ERROR(api->Post(ObjectPath(to) + "/compose", body, query).status());
  return 0;
}

Result<int> ShowServiceAgent(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json account,
                   api->Get("/storage/v1/projects/" + PercentEncode(project) + "/serviceAccount"));
  context.console().Out(MemberText(account, "email_address") + "\n");
  return 0;
}

}  // namespace hodei::cli
