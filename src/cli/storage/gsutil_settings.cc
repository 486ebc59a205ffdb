// gsutil's words for bucket settings: versioning, lifecycle, cors, label, web, defstorageclass,
// ubla, pap, requesterpays; and setmeta.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "cli/storage/bucket_settings.h"
#include "cli/storage/storage_commands.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

// "get gs://b", "set VALUE gs://b …": what stands after the first word.
struct Words {
  std::string action;
  std::string value;  // of set
  std::vector<std::string> urls;
};

Result<Words> Split(Context& context, bool set_takes_value = true) {
  const std::vector<std::string>& given = context.line().positionals;
  Words words;
  words.action = given.front();
  size_t at = 1;
  if (words.action == "set" && set_takes_value) {
    if (given.size() < 3)
      return InvalidArgument("Give what to set, then the buckets.").WithReason("usage");
    words.value = given[at++];
  } else if (words.action != "get" && words.action != "set" && words.action != "ch" &&
             words.action != "clear") {
    return InvalidArgument(
               fmt::format("Invalid subcommand \"{}\" for the {} command; use get or set.",
                           words.action, context.line().path.back()))
        .WithReason("usage");
  }
  words.urls.assign(given.begin() + static_cast<long>(at), given.end());
  if (words.urls.empty()) return InvalidArgument("Give at least one bucket.").WithReason("usage");
  return words;
}

Status PatchBucket(Context& context, Api& api, const std::string& bucket, const std::string& say,
                   const Json& changes) {
  if (!context.line().Switch("quiet")) context.console().Err(say + "\n");
  return api.Call("PATCH", BucketPath(bucket), {}, &changes).status();
}

Result<bool> OnOff(const std::string& word) {
  if (word == "on") return true;
  if (word == "off") return false;
  return InvalidArgument(fmt::format("[{}]: use on or off.", word)).WithReason("usage");
}

// What one command does with each bucket.
using ShowOne = std::function<std::string(const std::string& bucket, const Json& resource)>;
using SetOne = std::function<Status(Api& api, const std::string& bucket, const std::string& value)>;

Result<int> GetOrSet(Context& context, const ShowOne& show, const SetOne& set) {
  ASSIGN_OR_RETURN(Words words, Split(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(std::vector<std::string> buckets, BucketsOf(context, *api, words.urls));
  for (const std::string& bucket : buckets) {
    if (words.action == "set") {
      RETURN_IF_ERROR(set(*api, bucket, words.value));
      continue;
    }
    ASSIGN_OR_RETURN(Json resource, GetBucket(*api, bucket));
    context.console().Out(show(bucket, resource) + "\n");
  }
  return 0;
}

// A member shown as JSON, or a sentence where there is none.
ShowOne ShowMember(std::string member, std::string what) {
  return [member, what](const std::string& bucket, const Json& resource) {
    const Json* value = Member(resource, member);
    if (value == nullptr || value->empty()) return fmt::format("gs://{}/ has no {}.", bucket, what);
    return JsonText(*value, 2);
  };
}

ShowOne ShowSwitch(std::string member, std::string on, std::string off) {
  return [=](const std::string& bucket, const Json& resource) {
    return fmt::format("gs://{}: {}", bucket, MemberText(resource, member) == "true" ? on : off);
  };
}

Result<int> Versioning(Context& context) {
  return GetOrSet(context, ShowSwitch("versioning.enabled", "Enabled", "Suspended"),
                  [&](Api& api, const std::string& bucket, const std::string& value) -> Status {
                    ASSIGN_OR_RETURN(bool on, OnOff(value));
                    return PatchBucket(context, api, bucket,
                                       fmt::format("{} versioning for gs://{}/...",
                                                   on ? "Enabling" : "Suspending", bucket),
                                       {{"versioning", {{"enabled", on}}}});
                  });
}

Result<int> RequesterPays(Context& context) {
  return GetOrSet(context, ShowSwitch("billing.requesterPays", "Enabled", "Disabled"),
                  [&](Api& api, const std::string& bucket, const std::string& value) -> Status {
                    ASSIGN_OR_RETURN(bool on, OnOff(value));
                    return PatchBucket(context, api, bucket,
                                       fmt::format("{} requester pays for gs://{}/...",
                                                   on ? "Enabling" : "Disabling", bucket),
                                       {{"billing", {{"requesterPays", on}}}});
                  });
}

Result<int> UniformAccess(Context& context) {
  auto show = [](const std::string& bucket, const Json& resource) {
    bool on = MemberText(resource, "iamConfiguration.uniformBucketLevelAccess.enabled") == "true";
    return fmt::format("Uniform bucket-level access setting for gs://{}:\n  Enabled: {}", bucket,
                       on ? "True" : "False");
  };
  return GetOrSet(context, show,
                  [&](Api& api, const std::string& bucket, const std::string& value) -> Status {
                    ASSIGN_OR_RETURN(bool on, OnOff(value));
                    return PatchBucket(
                        context, api, bucket,
                        fmt::format("{} Uniform bucket-level access for gs://{}...",
                                    on ? "Enabling" : "Disabling", bucket),
                        {{"iamConfiguration", {{"uniformBucketLevelAccess", {{"enabled", on}}}}}});
                  });
}

Result<int> PublicAccessPrevention(Context& context) {
  auto show = [](const std::string& bucket, const Json& resource) {
    std::string value = MemberText(resource, "iamConfiguration.publicAccessPrevention");
    return fmt::format("gs://{}: {}", bucket, value.empty() ? "inherited" : value);
  };
  return GetOrSet(
      context, show, [&](Api& api, const std::string& bucket, const std::string& value) {
        return PatchBucket(
            context, api, bucket,
            fmt::format("Setting Public Access Prevention {} for gs://{}/", value, bucket),
            {{"iamConfiguration", {{"publicAccessPrevention", value}}}});
      });
}

Result<int> DefaultStorageClass(Context& context) {
  auto show = [](const std::string& bucket, const Json& resource) {
    return fmt::format("gs://{}: {}", bucket, MemberText(resource, "storageClass"));
  };
  return GetOrSet(
      context, show, [&](Api& api, const std::string& bucket, const std::string& value) {
        std::string name = value;
        for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        return PatchBucket(
            context, api, bucket,
            fmt::format("Setting default storage class to \"{}\" for bucket gs://{}", name, bucket),
            {{"storageClass", name}});
      });
}

Result<int> Lifecycle(Context& context) {
  return GetOrSet(context, ShowMember("lifecycle", "lifecycle configuration"),
                  [&](Api& api, const std::string& bucket, const std::string& value) -> Status {
                    ASSIGN_OR_RETURN(Json rules, ReadJsonFile(value));
                    if (const Json* inner = Member(rules, "lifecycle"); inner != nullptr)
                      rules = Json(*inner);
                    // {} takes all rules away.
                    Json changes = {{"lifecycle", rules.empty() ? Json(nullptr) : rules}};
                    return PatchBucket(
                        context, api, bucket,
                        fmt::format("Setting lifecycle configuration on gs://{}/...", bucket),
                        changes);
                  });
}

Result<int> Cors(Context& context) {
  return GetOrSet(context, ShowMember("cors", "CORS configuration"),
                  [&](Api& api, const std::string& bucket, const std::string& value) -> Status {
                    ASSIGN_OR_RETURN(Json rules, ReadJsonFile(value));
                    return PatchBucket(context, api, bucket,
                                       fmt::format("Setting CORS on gs://{}/...", bucket),
                                       {{"cors", rules}});
                  });
}

Result<int> Label(Context& context) {
  ASSIGN_OR_RETURN(Words words, Split(context));
  auto say = [](const std::string& bucket) {
    return fmt::format("Setting label configuration on gs://{}/...", bucket);
  };
  if (words.action != "ch") {
    return GetOrSet(context, ShowMember("labels", "label configuration"),
                    [&](Api& api, const std::string& bucket, const std::string& value) -> Status {
                      ASSIGN_OR_RETURN(Json labels, ReadJsonFile(value));
                      ASSIGN_OR_RETURN(Json resource, GetBucket(api, bucket));
                      if (const Json* old = Member(resource, "labels"); old != nullptr) {
                        for (const auto& [key, unused] : old->items()) {
                          if (!labels.contains(key)) labels[key] = nullptr;
                        }
                      }
                      return PatchBucket(context, api, bucket, say(bucket), {{"labels", labels}});
                    });
  }
  Json labels = Json::object();
  for (const std::string& pair : context.line().Values("label")) {
    size_t colon = pair.find(':');
    if (colon == pair.npos) return InvalidArgument("Found label argument without a value: " + pair);
    labels[pair.substr(0, colon)] = pair.substr(colon + 1);
  }
  for (const std::string& key : context.line().Values("delete-label")) labels[key] = nullptr;
  if (labels.empty())
    return InvalidArgument("Please specify at least one label change with the -l or -d flags.");
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(std::vector<std::string> buckets, BucketsOf(context, *api, words.urls));
  for (const std::string& bucket : buckets) {
    RETURN_IF_ERROR(PatchBucket(context, *api, bucket, say(bucket), {{"labels", labels}}));
  }
  return 0;
}

Result<int> Web(Context& context) {
  ASSIGN_OR_RETURN(Words words, Split(context, false));
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(std::vector<std::string> buckets, BucketsOf(context, *api, words.urls));
  for (const std::string& bucket : buckets) {
    if (words.action == "get") {
      ASSIGN_OR_RETURN(Json resource, GetBucket(*api, bucket));
      context.console().Out(ShowMember("website", "website configuration")(bucket, resource) +
                            "\n");
      continue;
    }
    Json website = nullptr;
    if (line.Has("main-page")) website["mainPageSuffix"] = line.Text("main-page");
    if (line.Has("error-page")) website["notFoundPage"] = line.Text("error-page");
    RETURN_IF_ERROR(PatchBucket(context, *api, bucket,
                                fmt::format("Setting website configuration on gs://{}/...", bucket),
                                {{"website", website}}));
  }
  return 0;
}

// "Name:value" sets, "Name" alone takes away.
Result<Json> HeaderChanges(const std::vector<std::string>& headers) {
  static constexpr std::pair<const char*, const char*> kFields[] = {
      {"content-type", "contentType"},         {"content-encoding", "contentEncoding"},
      {"content-language", "contentLanguage"}, {"content-disposition", "contentDisposition"},
      {"cache-control", "cacheControl"},       {"custom-time", "customTime"}};
  Json changes = Json::object();
  for (const std::string& header : headers) {
    size_t colon = header.find(':');
    std::string name = header.substr(0, colon);
    Json value = nullptr;
    if (colon != header.npos) {
      size_t start = header.find_first_not_of(' ', colon + 1);
      if (start != header.npos) value = header.substr(start);
    }
    const std::string lower = AsciiLower(name);
    if (lower.rfind("x-goog-meta-", 0) == 0) {
      changes["metadata"][name.substr(12)] = value;
      continue;
    }
    bool known = false;
    for (const auto& [header_name, field] : kFields) {
      if (lower != header_name) continue;
      changes[field] = value;
      known = true;
    }
    if (!known) return InvalidArgument("Invalid or disallowed header (" + name + ").");
  }
  return changes;
}

Result<int> SetMetadata(Context& context) {
  ASSIGN_OR_RETURN(Json changes, HeaderChanges(context.line().Values("header")));
  if (changes.empty()) {
    return InvalidArgument(
        "Give at least one header to set, such as -h \"Content-Type:text/csv\".");
  }
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  std::vector<TransferTask> tasks;
  for (const std::string& text : PathsOf(context)) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    Result<std::vector<ObjectEntry>> found =
        context.line().Switch("recursive") ? ExpandTree(*api, url) : ExpandUrl(*api, url);
    RETURN_IF_ERROR(found.status());
    if (found->empty()) return MatchedNothing(text);
    for (const ObjectEntry& entry : *found) {
      tasks.push_back({"Setting metadata on " + entry.url().Text() + "...", 0,
                       [api, entry, changes](const TransferReport&) {
                         return api->Call("PATCH", ObjectPath(entry.url()), {}, &changes).status();
                       }});
    }
  }
  RETURN_IF_ERROR(RunTasks(context, std::move(tasks), TransferOptionsOf(context)));
  return 0;
}

Command GetSetCommand(const char* name, const char* summary, Handler run,
                      std::vector<Flag> flags = {}) {
  return {.name = name,
          .summary = summary,
          .positionals = {{"ACTION", "get or set."},
                          {.metavar = "WORD",
                           .help = "With set what to set; then the buckets.",
                           .repeated = true}},
          .flags = std::move(flags),
          .run = run};
}

}  // namespace

std::vector<Command> SettingCommands() {
  std::vector<Command> commands = {
      GetSetCommand("versioning", "Keep overwritten and deleted objects: on or off", Versioning),
      GetSetCommand("lifecycle", "Rules that delete objects, from a JSON file", Lifecycle),
      GetSetCommand("cors", "CORS rules, from a JSON file", Cors),
      GetSetCommand("defstorageclass", "Storage class of objects that name none",
                    DefaultStorageClass),
      GetSetCommand("ubla", "Access by bucket policy only: on or off", UniformAccess),
      GetSetCommand("bucketpolicyonly", "The older name of ubla", UniformAccess),
      GetSetCommand("uniformbucketlevelaccess", "The longer name of ubla", UniformAccess),
      GetSetCommand("pap", "Public access prevention: enforced or inherited",
                    PublicAccessPrevention),
      GetSetCommand("requesterpays", "Recorded: on or off", RequesterPays),
      GetSetCommand("label", "Labels: get, set FILE, ch -l KEY:VALUE -d KEY", Label,
                    {TextFlag("label", "KEY:VALUE", "With ch: a label to set.").Alias("-l"),
                     TextFlag("delete-label", "KEY", "With ch: a label to remove.").Alias("-d")}),
      GetSetCommand("web", "Pages for a bucket's website", Web,
                    {TextFlag("main-page", "NAME", "Main page.").Alias("-m"),
                     TextFlag("error-page", "NAME", "Page for what is not found.").Alias("-e")}),
      {.name = "setmeta",
       .summary = "Set headers and metadata of objects",
       .positionals = {Urls("Objects.", false)},
       .flags = {TextFlag("header", "NAME:VALUE", "What to set; without a value it is removed.")
                     .Alias("-h"),
                 RecursiveFlag("Go into folders."),
                 SwitchFlag("read-paths-from-stdin", "Read URLs from standard input.").Alias("-I")},
       .run = SetMetadata},
  };
  for (Command& command : commands) {
    bool alias = command.name == "bucketpolicyonly" || command.name == "uniformbucketlevelaccess";
    command.hidden = alias;
  }
  return commands;
}

}  // namespace hodei::cli
