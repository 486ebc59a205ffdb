// hodei gsutil …: gsutil's words over the same handlers.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/storage/resource_display.h"
#include "cli/storage/storage_commands.h"
#include "cli/storage/storage_handlers.h"
#include "cli/version.h"

namespace hodei::cli {
namespace {

// gsutil's stat, which keeps going and remembers that something was missing.
Result<int> Stat(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  int exit_code = 0;
  for (const std::string& text : context.line().positionals) {
    ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(text));
    if (url.object.empty() || url.object.back() == '/') {
      return InvalidArgument("The stat command only works with object URLs");
    }
    ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandUrl(*api, url));
    if (entries.empty()) {
      if (!context.line().Switch("quiet")) context.console().Err("No URLs matched: " + text + "\n");
      exit_code = 1;
    }
    for (const ObjectEntry& entry : entries) {
      Query query;
      if (!url.generation.empty()) query.emplace_back("generation", url.generation);
      ASSIGN_OR_RETURN(Json object, api->Get(ObjectPath(entry.url()), query));
      if (context.line().Has("format")) {
        ASSIGN_OR_RETURN(int printed, context.Print(object));
        if (printed != 0) return printed;
      } else if (!context.line().Switch("quiet")) {
        context.console().Out(LongObject(object, entry.url().Text(), true, false));
      }
    }
  }
  return exit_code;
}

Result<int> PrintGsutilVersion(Context& context) {
  context.console().Out("hodei gsutil version: " + std::string(kVersion) + "\n");
  return 0;
}

std::vector<Flag> GsutilCopyFlags() {
  std::vector<Flag> flags = {
      RecursiveFlag("Copy folders with all they hold."),
      SwitchFlag("no-clobber", "Leave what exists.").Alias("-n"),
      SwitchFlag("continue-on-error", "Go on after something failed.").Alias("-c"),
      SwitchFlag("read-paths-from-stdin", "Read further URLs from standard input.").Alias("-I"),
      SwitchFlag("ignore-symlinks", "Leave symbolic links out.").Alias("-e"),
      SwitchFlag("preserve-posix", "Keep the times of files.").Alias("-P"),
      SwitchFlag("print-created-message", "Print each new object with its generation.").Alias("-v"),
      TextFlag("manifest-path", "FILE", "Record each copy in this CSV file.").Alias("-L"),
      SwitchFlag("gzip-local-all", "Compress every uploaded file.").Alias("-Z"),
      ListFlag("gzip-local", "EXTENSION", "Compress uploaded files with these endings.")
          .Alias("-z"),
      SwitchFlag("gzip-in-flight-all", "Accepted.").Alias("-J"),
      ListFlag("gzip-in-flight", "EXTENSION", "Accepted.").Alias("-j"),
      SwitchFlag("daisy-chain", "Accepted.").Alias("-D"),
      SwitchFlag("skip-unsupported", "Accepted.").Alias("-U"),
      SwitchFlag("preserve-acl", "Accepted.").Alias("-p"),
      TextFlag("storage-class", "CLASS", "Storage class of the new objects.").Alias("-s"),
      TextFlag("predefined-acl", "ACL", "Access list of the new objects.").Alias("-a"),
      TextFlag("content-type", "TYPE", "Content type of uploaded objects.").Hidden(),
  };
  return flags;
}

Command GsutilList() {
  return {
      .name = "ls",
      .summary = "List buckets and objects",
      .positionals = {Urls("What to list; all buckets when left out.", false)},
      .flags = {RecursiveFlag("List folders with all they hold."),
                SwitchFlag("long", "Show size and time.").Alias("-l"),
                SwitchFlag("full", "Show everything that is known.").Alias("-L"),
                SwitchFlag("all-versions", "Show every generation.").Alias("-a"),
                SwitchFlag("buckets", "Show the buckets named, not what is in them.").Alias("-b"),
                SwitchFlag("etag", "Show entity tags with -l.").Alias("-e"),
                SwitchFlag("readable-sizes", "Show sizes such as 1.5 MiB with -l.").Alias("-h"),
                SwitchFlag("directory", "Accepted.").Alias("-d").Hidden(),
                TextFlag("project-of-bucket", "PROJECT", "Accepted.").Alias("-p").Hidden()},
      .run = ListUrls};
}

Command GsutilRsync() {
  return {
      .name = "rsync",
      .summary = "Make a destination hold what a source holds",
      .positionals = {{"SOURCE", "Folder, bucket or gs:// folder."},
                      {"DESTINATION", "Folder, bucket or gs:// folder."}},
      .flags =
          {RecursiveFlag("Go into folders."),
           SwitchFlag("delete-unmatched-destination-objects",
                      "Delete at the destination what the source does not have.")
               .Alias("-d"),
           SwitchFlag("dry-run", "Print what would be done.").Alias("-n"),
           SwitchFlag("checksums-only", "Compare checksums instead of times.").Alias("-c"),
           SwitchFlag("continue-on-error", "Go on after something failed.").Alias("-C"),
           SwitchFlag("ignore-symlinks", "Leave symbolic links out.").Alias("-e"),
           SwitchFlag("no-clobber", "Leave what exists.").Alias("-i"),
           SwitchFlag("skip-if-dest-has-newer-mtime", "Leave what is newer.").Alias("-u"),
           TextFlag("exclude", "REGEX", "Leave out names that match from their start.").Alias("-x"),
           TextFlag("predefined-acl", "ACL", "Access list of the new objects.").Alias("-a"),
           SwitchFlag("preserve-posix", "Accepted; times are kept.").Alias("-P"),
           SwitchFlag("preserve-acl", "Accepted.").Alias("-p"),
           SwitchFlag("skip-unsupported", "Accepted.").Alias("-U"),
           SwitchFlag("gzip-in-flight-all", "Accepted.").Alias("-J"),
           ListFlag("gzip-in-flight", "EXTENSION", "Accepted.").Alias("-j")},
      .run = Synchronize};
}

std::vector<Command> ObjectVerbs() {
  Positional sources{
      .metavar = "SOURCE", .help = "Sources, then the destination.", .repeated = true};
  return {
      {.name = "cp",
       .summary = "Copy files and objects",
       .positionals = {sources},
       .flags = GsutilCopyFlags(),
       .run = Copy},
      {.name = "mv",
       .summary = "Move files and objects",
       .positionals = {sources},
       .flags = GsutilCopyFlags(),
       .run = Move},
      GsutilList(),
      GsutilRsync(),
      {.name = "cat",
       .summary = "Print the content of objects",
       .positionals = {Urls("Objects.")},
       .flags =
           {SwitchFlag("display-url", "Print a line with its URL before each object.").Alias("-h"),
            TextFlag("range", "RANGE", "Print the bytes 0-4, from 5- or the last -5 only.")
                .Alias("-r")},
       .run = Concatenate},
      {.name = "rm",
       .summary = "Delete objects, and buckets with -r",
       .positionals = {Urls("Objects or, with -r, folders and buckets.", false)},
       .flags = {RecursiveFlag("Delete folders with all they hold."),
                 SwitchFlag("all-versions", "Delete every generation.").Alias("-a"),
                 SwitchFlag("force", "Go on after what is missing or fails.").Alias("-f"),
                 SwitchFlag("read-paths-from-stdin", "Read URLs from standard input.").Alias("-I")},
       .run = Remove},
      {.name = "du",
       .summary = "Show how much space objects take",
       .positionals = {Urls("What to measure; all buckets when left out.", false)},
       .flags = {SwitchFlag("summarize", "Show the total only.").Alias("-s"),
                 SwitchFlag("total", "Show the sum at the end.").Alias("-c"),
                 SwitchFlag("readable-sizes", "Show sizes such as 1.5 MiB.").Alias("-h"),
                 SwitchFlag("all-versions", "Count every generation.").Alias("-a"),
                 TextFlag("exclude-name-pattern", "PATTERN", "Leave out names.").Alias("-e"),
                 TextFlag("exclude-name-pattern-file", "FILE", "The same.").Alias("-X"),
                 SwitchFlag("zero-terminator", "End rows with a NUL byte.").Alias("-0")},
       .run = DiskUsage},
      {.name = "stat",
       .summary = "Show what is known about objects",
       .positionals = {Urls("Objects.")},
       .run = Stat},
      {.name = "hash",
       .summary = "Show checksums of files and objects",
       .positionals = {Urls("Files or objects.")},
       .flags = {SwitchFlag("crc32c", "Show the CRC-32C only.").Alias("-c"),
                 SwitchFlag("md5", "Show the MD5 only.").Alias("-m"),
                 SwitchFlag("hex", "Print hexadecimal digits.").Alias("-h")},
       .run = HashUrls},
      {.name = "compose",
       .summary = "Join objects of one bucket into a new one",
       .positionals = {sources},
       .run = ComposeObject},
      {.name = "signurl",
       .summary = "Make URLs that work without a credential for a while",
       .positionals = {{.metavar = "KEY_FILE",
                        .help = "JSON key of a service account, then the URLs.",
                        .repeated = true}},
       .flags =
           {TextFlag("duration", "DURATION", "How long it works: 10m, 1h, 7d.").Alias("-d"),
            TextFlag("http-verb", "VERB", "GET, PUT, DELETE …").Alias("-m"),
            TextFlag("content-type", "TYPE", "Content type that requests must send.").Alias("-c"),
            TextFlag("region", "REGION", "Region of the bucket.").Alias("-r"),
            TextFlag("private-key-password", "PASSWORD", "Accepted.").Alias("-p"),
            TextFlag("billing-project-to-sign", "PROJECT", "Accepted.").Alias("-b"),
            SwitchFlag("use-service-account", "Sign with the installation's own key.").Alias("-u")},
       .run = SignUrls},
      {.name = "version", .summary = "Print the version", .run = PrintGsutilVersion},
  };
}

std::vector<Command> BucketVerbs() {
  return {
      {.name = "mb",
       .summary = "Make buckets",
       .positionals = {Urls("gs:// names of the buckets.")},
       .flags = {TextFlag("location", "LOCATION", "Location the bucket reports.").Alias("-l"),
                 TextFlag("default-storage-class", "CLASS", "Storage class it reports.")
                     .Alias("-c")
                     .Alias("-s"),
                 TextFlag("project-of-bucket", "PROJECT", "Project of the bucket.").Alias("-p"),
                 TextFlag("retention-period", "DURATION", "How long objects are kept.")
                     .Alias("--retention"),
                 SwitchFlag("uniform-bucket-level-access", "Access by bucket policy only."),
                 TextFlag("uniform-access", "ON_OFF", "The same: on or off.").Alias("-b"),
                 TextFlag("recovery-point-objective", "RPO", "Recorded.").Alias("--rpo")},
       .run = CreateBuckets},
      {.name = "rb",
       .summary = "Remove empty buckets",
       .positionals = {Urls("gs:// names of the buckets.")},
       .flags = {SwitchFlag("force", "Go on after one could not be removed.").Alias("-f")},
       .run = DeleteBuckets},
  };
}

}  // namespace

Group GsutilGroup() {
  Group group{.name = "gsutil", .summary = "Work with buckets and objects in the words of gsutil"};
  // gsutil's own options, which stand before the command.
  group.flags = {
      SwitchFlag("multi",
                 "Go on with the rest after one copy failed; copies always run in parallel.")
          .Alias("-m"),
      SwitchFlag("debug", "Accepted.").Alias("-D").Alias("-DD").Hidden(),
      TextFlag("option", "SECTION:NAME=VALUE", "Accepted; this program has no boto file.")
          .Alias("-o"),
      TextFlag("header", "NAME:VALUE", "A header to store with objects or to check first.")
          .Alias("-h"),
      TextFlag("impersonate", "ACCOUNT", "Accepted.").Alias("-i").Hidden(),
      TextFlag("user-project", "PROJECT", "Accepted.").Alias("-u").Hidden(),
  };
  for (auto part : {ObjectVerbs(), BucketVerbs(), SettingCommands(), AccessCommands()}) {
    for (Command& command : part) group.commands.push_back(std::move(command));
  }
  return group;
}

}  // namespace hodei::cli
