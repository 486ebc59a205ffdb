// hodei storage buckets … and objects …: the tables.
#include "cli/storage/storage_commands.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

// What create and update both take.
std::vector<Flag> BucketFlags() {
  return {
      TextFlag("default-storage-class", "CLASS", "Storage class of objects that name none.")
          .Alias("-c"),
      SwitchFlag("uniform-bucket-level-access", "Access by bucket policy only, no object lists.")
          .Alias("-b")
          .Negatable(),
      SwitchFlag("public-access-prevention", "Refuse to make anything public.")
          .Alias("--pap")
          .Negatable(),
      SwitchFlag("versioning", "Keep what is overwritten or deleted.").Negatable(),
      SwitchFlag("default-event-based-hold", "Hold every new object.").Negatable(),
      SwitchFlag("requester-pays", "Recorded.").Negatable(),
      TextFlag("lifecycle-file", "FILE", "JSON file with lifecycle rules."),
      TextFlag("retention-period", "DURATION", "How long objects cannot be deleted, such as 7d."),
      TextFlag("soft-delete-duration", "DURATION",
               "How long deleted objects can be restored; 0 for not at all."),
      TextFlag("recovery-point-objective", "RPO", "Recorded.").Alias("--rpo"),
      TextFlag("default-encryption-key", "KEY", "Recorded.").Alias("-k").Hidden(),
  };
}

std::vector<Flag> CreateFlags() {
  std::vector<Flag> flags = BucketFlags();
  flags.push_back(TextFlag("location", "LOCATION", "Location the bucket reports.").Alias("-l"));
  flags.push_back(ListFlag("placement", "REGION", "Recorded."));
  flags.push_back(SwitchFlag("enable-autoclass", "Recorded."));
  flags.push_back(SwitchFlag("enable-per-object-retention", "Let objects carry a retention."));
  flags.push_back(SwitchFlag("enable-hierarchical-namespace", "Accepted.").Hidden());
  return flags;
}

std::vector<Flag> UpdateFlags() {
  std::vector<Flag> flags = BucketFlags();
  for (Flag& flag : std::vector<Flag>{
           SwitchFlag("clear-lifecycle", "Remove the lifecycle rules."),
           TextFlag("cors-file", "FILE", "JSON file with a list of CORS rules."),
           SwitchFlag("clear-cors", "Remove the CORS rules."),
           TextFlag("labels-file", "FILE", "JSON file with labels to set."),
           PairsFlag("update-labels", "KEY=VALUE", "Labels to set."),
           ListFlag("remove-labels", "KEY", "Labels to remove."),
           SwitchFlag("clear-labels", "Remove all labels."),
           SwitchFlag("clear-retention-period", "Remove the retention period."),
           SwitchFlag("lock-retention-period", "Lock the retention period for ever."),
           SwitchFlag("clear-soft-delete", "Delete objects at once from now on."),
           SwitchFlag("clear-public-access-prevention", "Inherit the setting again.")
               .Alias("--clear-pap"),
           TextFlag("log-bucket", "BUCKET", "Recorded."),
           TextFlag("log-object-prefix", "PREFIX", "Recorded."),
           SwitchFlag("clear-log-bucket", "Remove it."),
           SwitchFlag("clear-log-object-prefix", "Remove it."),
           TextFlag("web-main-page-suffix", "NAME", "Recorded."),
           TextFlag("web-error-page", "NAME", "Recorded."),
           SwitchFlag("clear-web-main-page-suffix", "Remove it."),
           SwitchFlag("clear-web-error-page", "Remove it."),
           SwitchFlag("clear-default-encryption-key", "Remove it.").Hidden(),
           SwitchFlag("read-paths-from-stdin", "Read further URLs from standard input.")
               .Alias("-I")}) {
    flags.push_back(std::move(flag));
  }
  return flags;
}

Flag RawFlag() { return SwitchFlag("raw", "Show the API's own names."); }

std::vector<Flag> ObjectUpdateFlags() {
  std::vector<Flag> flags = {
      RecursiveFlag("Update everything below."),
      SwitchFlag("all-versions", "Update every generation."),
      SwitchFlag("event-based-hold", "Hold the object until the event.").Negatable(),
      SwitchFlag("temporary-hold", "Hold the object.").Negatable(),
      TextFlag("storage-class", "CLASS", "New storage class.").Alias("-s"),
      PairsFlag("update-custom-metadata", "KEY=VALUE", "Metadata to add or change."),
      ListFlag("remove-custom-metadata", "KEY", "Metadata to remove."),
      SwitchFlag("clear-custom-metadata", "Remove all metadata of your own."),
      SwitchFlag("clear-content-type", "Remove it."),
      SwitchFlag("clear-content-encoding", "Remove it."),
      SwitchFlag("clear-content-language", "Remove it."),
      SwitchFlag("clear-content-disposition", "Remove it."),
      SwitchFlag("clear-cache-control", "Remove it."),
      SwitchFlag("clear-custom-time", "Remove it."),
      SwitchFlag("clear-retention", "Remove the object's retention."),
      SwitchFlag("override-unlocked-retention", "Change an unlocked retention."),
      TextFlag("retention-mode", "MODE", "Locked or Unlocked."),
      TextFlag("retain-until", "TIME", "Keep the object until then."),
      TextFlag("add-acl-grant", "entity=ENTITY,role=ROLE", "Access to give."),
      TextFlag("remove-acl-grant", "ENTITY", "Access to take away."),
      TextFlag("predefined-acl", "ACL", "Access list, such as publicRead.")
          .Alias("-a")
          .Alias("--canned-acl"),
      SwitchFlag("continue-on-error", "Go on after something failed.").Alias("-c"),
      SwitchFlag("read-paths-from-stdin", "Read further URLs from standard input.").Alias("-I"),
  };
  for (Flag& flag : ObjectSettingFlags()) flags.push_back(std::move(flag));
  for (Flag& flag : ConditionFlags()) flags.push_back(std::move(flag));
  return flags;
}

}  // namespace

Group BucketsGroup() {
  Group group{.name = "buckets", .summary = "Create, list, change and delete buckets"};
  group.commands = {
      {.name = "create",
       .summary = "Create buckets",
       .positionals = {Urls("gs:// names of the buckets.")},
       .flags = CreateFlags(),
       .run = CreateBuckets,
       .examples = "  $ hodei storage buckets create gs://my-bucket"},
      {.name = "list",
       .summary = "List buckets",
       .positionals = {Urls("Buckets to list, with wildcards; all when left out.", false)},
       .flags = {RawFlag()},
       .run = ListBuckets,
       .lists = true},
      {.name = "describe",
       .summary = "Describe a bucket",
       .positionals = {{"URL", "gs:// name of the bucket."}},
       .flags = {RawFlag()},
       .run = DescribeBucket},
      {.name = "update",
       .summary = "Change settings of buckets",
       .positionals = {Urls("gs:// names of the buckets.", false)},
       .flags = UpdateFlags(),
       .run = UpdateBuckets,
       .examples = "  $ hodei storage buckets update gs://my-bucket --versioning\n"
                   "  $ hodei storage buckets update gs://my-bucket --lifecycle-file=rules.json",
       .exclusive = {{"lifecycle-file", "clear-lifecycle"},
                     {"cors-file", "clear-cors"},
                     {"clear-labels", "update-labels", "labels-file"},
                     {"retention-period", "clear-retention-period"},
                     {"soft-delete-duration", "clear-soft-delete"}}},
      {.name = "delete",
       .summary = "Delete empty buckets",
       .positionals = {Urls("gs:// names of the buckets.")},
       .flags =
           {SwitchFlag("continue-on-error", "Go on after one could not be deleted.").Alias("-c")},
       .run = DeleteBuckets},
  };
  for (Command& command : BucketPolicyCommands()) group.commands.push_back(std::move(command));
  return group;
}

Group ObjectsGroup() {
  Group group{.name = "objects", .summary = "Describe, change and join objects"};
  Flag soft = SwitchFlag("soft-deleted", "Show what was deleted softly.");
  std::vector<Flag> compose = ObjectSettingFlags();
  for (Flag& flag : ConditionFlags()) compose.push_back(std::move(flag));
  group.commands = {
      {.name = "list",
       .summary = "List objects with all that is known of them",
       .positionals = {Urls("Objects, with wildcards, or buckets.")},
       .flags = {RawFlag(), soft},
       .run = ListObjectResources,
       .lists = true},
      {.name = "describe",
       .summary = "Describe an object",
       .positionals = {{"URL", "The object, with #GENERATION for an older one."}},
       .flags = {RawFlag(), soft},
       .run = DescribeObject},
      {.name = "update",
       .summary = "Change what objects carry beside their bytes",
       .positionals = {Urls("Objects, with wildcards.", false)},
       .flags = ObjectUpdateFlags(),
       .run = UpdateObjects,
       .examples = "  $ hodei storage objects update gs://my-bucket/a.csv --content-type=text/csv",
       .exclusive = {{"custom-metadata", "clear-custom-metadata"}}},
      {.name = "compose",
       .summary = "Join objects of one bucket into a new one",
       .positionals = {{.metavar = "SOURCE",
                        .help = "Up to 32 objects, then the object to make.",
                        .repeated = true}},
       .flags = std::move(compose),
       .run = ComposeObject},
  };
  return group;
}

}  // namespace hodei::cli
