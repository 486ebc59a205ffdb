// hodei storage …, and the words of gsutil for the same things.
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

Flag RecursiveFlag(std::string help) {
  return SwitchFlag("recursive", std::move(help)).Alias("-r").Alias("-R");
}

Positional Urls(std::string help, bool required = true) {
  return {.metavar = "URL", .help = std::move(help), .required = required, .repeated = true};
}

Command CopyCommand() {
  return {
      .name = "cp",
      .summary = "Copy files and objects",
      .description =
          "Copies files to a bucket, objects to files, or objects to objects; several at a time. "
          "Files above 8 MiB go by a session that survives cut connections. Every copy is compared "
          "with its checksum.\n\nA folder copied with -r onto a name that does not exist takes "
          "that "
          "name; onto one that exists it goes inside.",
      .positionals = {{.metavar = "SOURCE",
                       .help = "Files or gs:// URLs, then the destination. The "
                               "wildcards *, ** and ? work in both.",
                       .repeated = true}},
      .flags = {RecursiveFlag("Copy folders with all they hold."),
                TextFlag("content-type", "TYPE", "Content type of uploaded objects."),
                SwitchFlag("no-clobber", "Leave what exists.").Alias("-n")},
      .run = Copy,
      .examples =
          "  $ hodei storage cp -r data gs://my-bucket/data\n  $ hodei storage cp "
          "gs://my-bucket/job1/model.joblib ."};
}

std::vector<Command> ObjectCommands() {
  Command move = CopyCommand();
  move.name = "mv";
  move.summary = "Move files and objects";
  move.description = "Copies, then deletes each source whose copy arrived.";
  move.run = Move;
  move.examples = "  $ hodei storage mv gs://my-bucket/a gs://my-bucket/b";
  return {
      CopyCommand(),
      std::move(move),
      {.name = "ls",
       .summary = "List buckets and objects",
       .positionals = {Urls("What to list; all buckets when left out.", false)},
       .flags = {RecursiveFlag("List folders with all they hold."),
                 SwitchFlag("long", "Show size and time.").Alias("-l"),
                 SwitchFlag("buckets", "Show the buckets named, not what is in them.").Alias("-b"),
                 SwitchFlag("json", "Print one JSON list.").Alias("-j").Hidden()},
       .run = ListUrls,
       .examples = "  $ hodei storage ls -r gs://my-bucket/job1"},
      {.name = "cat",
       .summary = "Print the content of objects",
       .positionals = {Urls("Objects.")},
       .run = Concatenate},
      {.name = "rm",
       .summary = "Delete objects, and buckets with -r",
       .positionals = {Urls("Objects or, with -r, folders and buckets.")},
       .flags = {RecursiveFlag("Delete folders with all they hold.")},
       .run = Remove},
      {.name = "du",
       .summary = "Show how much space objects take",
       .positionals = {Urls("What to measure; all buckets when left out.", false)},
       .flags = {SwitchFlag("summarize", "Show the total only.").Alias("-s"),
                 SwitchFlag("readable-sizes", "Show sizes such as 1.50 MiB.").Alias("-h")},
       .run = DiskUsage},
  };
}

Group BucketsGroup() {
  Group group{.name = "buckets", .summary = "Create, list and delete buckets"};
  group.commands = {
      {.name = "create",
       .summary = "Create buckets",
       .positionals = {Urls("gs:// names of the buckets.")},
       .flags =
           {TextFlag("location", "LOCATION", "Location the bucket reports.").Alias("-l"),
            TextFlag("default-storage-class", "CLASS", "Storage class it reports.").Alias("-c"),
            SwitchFlag("uniform-bucket-level-access", "Accepted; access is always by project.")
                .Alias("-b")
                .Negatable()},
       .run = CreateBuckets,
       .examples = "  $ hodei storage buckets create gs://my-bucket"},
      {.name = "list", .summary = "List buckets", .run = ListBuckets, .lists = true},
      {.name = "describe",
       .summary = "Describe a bucket",
       .positionals = {{"URL", "gs:// name of the bucket."}},
       .run = DescribeBucket},
      {.name = "delete",
       .summary = "Delete empty buckets",
       .positionals = {Urls("gs:// names of the buckets.")},
       .run = DeleteBuckets},
  };
  return group;
}

}  // namespace

Group StorageGroup() {
  Group group{.name = "storage", .summary = "Work with buckets and objects"};
  group.groups = {BucketsGroup()};
  group.commands = ObjectCommands();
  return group;
}

Group GsutilGroup() {
  Group group{.name = "gsutil", .summary = "Work with buckets and objects in the words of gsutil"};
  group.commands = ObjectCommands();
  group.commands.push_back(
      {.name = "mb",
       .summary = "Make buckets",
       .positionals = {Urls("gs:// names of the buckets.")},
       .flags =
           {TextFlag("location", "LOCATION", "Location the bucket reports.").Alias("-l"),
            TextFlag("default-storage-class", "CLASS", "Storage class it reports.").Alias("-c"),
            TextFlag("project-of-bucket", "PROJECT", "Project of the bucket.").Alias("-p")},
       .run = CreateBuckets});
  group.commands.push_back({.name = "rb",
                            .summary = "Remove empty buckets",
                            .positionals = {Urls("gs:// names of the buckets.")},
                            .run = DeleteBuckets});
  group.commands.push_back({.name = "stat",
                            .summary = "Show what is known about objects",
                            .positionals = {Urls("Objects.")},
                            .run = Stat});
  for (Command& command : group.commands) {
    // gsutil's own switches before and after the command.
    command.flags.push_back(
        SwitchFlag("multi", "Accepted; copies always run several at a time.").Alias("-m").Hidden());
  }
  return group;
}

}  // namespace hodei::cli
