// hodei storage …
#include "cli/storage/storage_commands.h"

#include "cli/commands.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

Flag StdinFlag() {
  return SwitchFlag("read-paths-from-stdin", "Read further URLs from standard input, one a line.")
      .Alias("-I");
}

Flag ContinueFlag() {
  return SwitchFlag("continue-on-error", "Go on with the rest after something failed.").Alias("-c");
}

std::vector<Flag> CopyFlags() {
  std::vector<Flag> flags = {
      RecursiveFlag("Copy folders with all they hold."),
      SwitchFlag("no-clobber", "Leave what exists.").Alias("-n"),
      ContinueFlag(),
      StdinFlag(),
      SwitchFlag("ignore-symlinks",
                 "Leave symbolic links out. Default: those to files are followed."),
      SwitchFlag("preserve-posix", "Keep the times of files in the objects, and give them back.")
          .Alias("-P"),
      SwitchFlag("do-not-decompress", "Keep gzip objects compressed when they are downloaded."),
      SwitchFlag("print-created-message", "Print each new object with its generation.").Alias("-v"),
      TextFlag("manifest-path", "FILE",
               "Record each copy in this CSV file; what it says is copied already is skipped.")
          .Alias("-L"),
      SwitchFlag("gzip-local-all", "Compress every uploaded file; objects are stored compressed.")
          .Alias("-Z"),
      ListFlag("gzip-local", "EXTENSION", "Compress uploaded files with these endings.")
          .Alias("-z"),
      SwitchFlag("gzip-in-flight-all", "Accepted; nothing is gained by it on this server.")
          .Alias("-J")
          .Hidden(),
      ListFlag("gzip-in-flight", "EXTENSION", "Accepted.").Alias("-j").Hidden(),
      SwitchFlag("daisy-chain", "Accepted; the server copies by itself.").Alias("-D").Hidden(),
      SwitchFlag("skip-unsupported", "Accepted.").Alias("-U").Hidden(),
      SwitchFlag("include-managed-folders", "Accepted.").Hidden(),
      SwitchFlag("preserve-acl", "Accepted.").Alias("-p").Hidden().Negatable(),
      TextFlag("storage-class", "CLASS", "Storage class of the new objects.").Alias("-s"),
      TextFlag("predefined-acl", "ACL", "Access list of the new objects, such as publicRead.")
          .Alias("-a")
          .Alias("--canned-acl"),
  };
  for (Flag& flag : ObjectSettingFlags()) flags.push_back(std::move(flag));
  for (Flag& flag : ConditionFlags()) flags.push_back(std::move(flag));
  return flags;
}

Command CopyCommand() {
  return {
      .name = "cp",
      .summary = "Copy files and objects",
      .description =
          "Copies files to a bucket, objects to files, or objects to objects; several at a time. "
          "Every copy is compared with its checksum.\n\nA folder copied with -r onto a name that "
          "does not exist takes that name; onto one that exists it goes inside.\n\nFiles above 8 "
          "MiB go by a session that survives cut connections. Where the copy itself is "
          "interrupted, the same command goes on where it stopped, for a week.\n\n`-` is standard "
          "input as the source and standard output as the destination.",
      .positionals = {{.metavar = "SOURCE",
                       .help = "Files or gs:// URLs, then the destination. The "
                               "wildcards *, ** and ? work in both.",
                       .repeated = true}},
      .flags = CopyFlags(),
      .run = Copy,
      .examples =
          "  $ hodei storage cp -r data gs://my-bucket/data\n  $ hodei storage cp "
          "gs://my-bucket/job1/model.joblib .\n  $ hodei storage cp 'gs://my-bucket/**.csv' .\n"
          "  $ tar c data | hodei storage cp - gs://my-bucket/data.tar"};
}

Command MoveCommand() {
  Command move = CopyCommand();
  move.name = "mv";
  move.summary = "Move files and objects";
  move.description = "Copies, then deletes each source whose copy arrived.";
  move.run = Move;
  move.examples = "  $ hodei storage mv gs://my-bucket/a gs://my-bucket/b";
  return move;
}

Command ListCommand() {
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
                SwitchFlag("readable-sizes", "Show sizes such as 1.50MiB with -l."),
                SwitchFlag("soft-deleted", "Show objects that were deleted softly."),
                SwitchFlag("json", "Print one JSON list.").Alias("-j")},
      .run = ListUrls,
      .examples =
          "  $ hodei storage ls -r gs://my-bucket/job1\n"
          "  $ hodei storage ls -l 'gs://my-bucket/**.csv'",
      .exclusive = {{"long", "full", "json"}}};
}

Command RsyncCommand() {
  return {
      .name = "rsync",
      .summary = "Make a destination hold what a source holds",
      .description =
          "Copies what is missing or different below SOURCE to the same names below DESTINATION. "
          "Where both sides know the time of the file, size and time are compared; otherwise the "
          "checksums are.",
      .positionals = {{"SOURCE", "Folder, bucket or gs:// folder."},
                      {"DESTINATION", "Folder, bucket or gs:// folder."}},
      .flags =
          {RecursiveFlag("Go into folders."),
           SwitchFlag("delete-unmatched-destination-objects",
                      "Delete at the destination what the source does not have.")
               .Alias("-d"),
           SwitchFlag("dry-run", "Print what would be done."),
           SwitchFlag("checksums-only", "Compare checksums instead of times."),
           SwitchFlag("no-clobber", "Leave what exists.").Alias("-n"),
           SwitchFlag("skip-if-dest-has-newer-mtime", "Leave what is newer at the destination.")
               .Alias("-u"),
           ListFlag("exclude", "REGEX", "Leave out names that match from their start.").Alias("-x"),
           SwitchFlag("ignore-symlinks", "Leave symbolic links out.").Negatable(), ContinueFlag(),
           TextFlag("predefined-acl", "ACL", "Access list of the new objects.")
               .Alias("-a")
               .Alias("--canned-acl"),
           SwitchFlag("preserve-posix", "Accepted; times are always kept.").Alias("-P").Hidden()},
      .run = Synchronize,
      .examples =
          "  $ hodei storage rsync -r data gs://my-bucket/data\n"
          "  $ hodei storage rsync -r --dry-run gs://my-bucket/data data"};
}

Command SignUrlCommand() {
  return {
      .name = "sign-url",
      .summary = "Make URLs that work without a credential for a while",
      .description =
          "Signs with a service account's key; by default with the owner key of the data folder.",
      .positionals = {Urls("Objects or buckets.")},
      .flags =
          {TextFlag("private-key-file", "FILE", "JSON key of the account to sign as."),
           TextFlag("private-key-password", "PASSWORD", "Accepted; JSON keys have none.")
               .Alias("-p")
               .Hidden(),
           TextFlag("duration", "DURATION", "How long it works: 30s, 10m, 1h, at most 7d.")
               .Alias("-d"),
           TextFlag("http-verb", "VERB", "What it may be used for: GET, PUT, DELETE …").Alias("-m"),
           PairsFlag("headers", "KEY=VALUE", "Headers that requests must send."),
           PairsFlag("query-params", "KEY=VALUE", "Query parameters to sign."),
           TextFlag("region", "REGION", "Region of the bucket; looked up by default.").Alias("-r")},
      .run = SignUrls,
      .examples = "  $ hodei storage sign-url gs://my-bucket/model.joblib --duration=10m"};
}

std::vector<Command> ObjectVerbs() {
  return {
      {.name = "cat",
       .summary = "Print the content of objects",
       .positionals = {Urls("Objects.")},
       .flags =
           {SwitchFlag("display-url", "Print a line with its URL before each object.").Alias("-d"),
            TextFlag("range", "RANGE", "Print the bytes 0-4, from 5- or the last -5 only.")
                .Alias("-r")},
       .run = Concatenate,
       .examples = "  $ hodei storage cat -r 0-99 gs://my-bucket/data.csv"},
      {.name = "rm",
       .summary = "Delete objects, and buckets with -r",
       .positionals = {Urls("Objects or, with -r, folders and buckets.", false)},
       .flags = {RecursiveFlag("Delete folders with all they hold."),
                 SwitchFlag("all-versions", "Delete every generation.").Alias("-a"), ContinueFlag(),
                 StdinFlag()},
       .run = Remove,
       .examples = "  $ hodei storage rm -r gs://my-bucket/job1"},
      {.name = "du",
       .summary = "Show how much space objects take",
       .positionals = {Urls("What to measure; all buckets when left out.", false)},
       .flags =
           {SwitchFlag("summarize", "Show the total only.").Alias("-s"),
            SwitchFlag("total", "Show the sum of all URLs at the end.").Alias("-c"),
            SwitchFlag("readable-sizes", "Show sizes such as 1.50MiB.").Alias("-r").Alias("-h"),
            SwitchFlag("all-versions", "Count every generation.").Alias("-a"),
            TextFlag("exclude-name-pattern", "PATTERN", "Leave out names that match.").Alias("-e"),
            TextFlag("exclude-name-pattern-file", "FILE", "The same, one a line.").Alias("-X"),
            SwitchFlag("zero-terminator", "End rows with a NUL byte.").Alias("-0")},
       .run = DiskUsage},
      {.name = "hash",
       .summary = "Show checksums of files and objects",
       .positionals = {Urls("Files or objects.")},
       .flags = {SwitchFlag("hex", "Print hexadecimal digits instead of base64."),
                 SwitchFlag("skip-crc32c", "Leave the CRC-32C out."),
                 SwitchFlag("skip-md5", "Leave the MD5 out.")},
       .run = HashUrls,
       .exclusive = {{"skip-crc32c", "skip-md5"}}},
      {.name = "restore",
       .summary = "Bring softly deleted objects back",
       .positionals = {Urls("Objects, with #GENERATION to choose one.", false)},
       .flags = {SwitchFlag("all-versions", "Restore every generation.").Alias("-a"), StdinFlag(),
                 ContinueFlag()},
       .run = RestoreObjects},
      {.name = "service-agent",
       .summary = "Print the storage service account of the project",
       .run = ShowServiceAgent},
  };
}

}  // namespace

Flag RecursiveFlag(std::string help) {
  return SwitchFlag("recursive", std::move(help)).Alias("-r").Alias("-R");
}

Positional Urls(std::string help, bool required) {
  return {.metavar = "URL", .help = std::move(help), .required = required, .repeated = true};
}

std::vector<Flag> ObjectSettingFlags() {
  return {
      TextFlag("content-type", "TYPE", "Content type; by default it follows from the name."),
      TextFlag("content-encoding", "ENCODING", "How the content is encoded, for example gzip."),
      TextFlag("content-language", "LANGUAGE", "Language of the content."),
      TextFlag("content-disposition", "DISPOSITION", "How browsers should show it."),
      TextFlag("cache-control", "DIRECTIVES", "How caches should treat it."),
      TextFlag("custom-time", "TIME", "A time of your own, as 2024-05-01T10:00:00Z."),
      PairsFlag("custom-metadata", "KEY=VALUE", "Metadata of your own; replaces what there is."),
  };
}

std::vector<Flag> ConditionFlags() {
  return {
      TextFlag("if-generation-match", "GENERATION",
               "Only if this is the live generation; 0 for none."),
      TextFlag("if-metageneration-match", "METAGENERATION",
               "Only if this is the live metageneration."),
  };
}

Group StorageGroup() {
  Group group{.name = "storage", .summary = "Work with buckets and objects"};
  group.groups = {BucketsGroup(), HmacGroup(), ObjectsGroup()};
  group.commands = {CopyCommand(), MoveCommand(), ListCommand(), RsyncCommand(), SignUrlCommand()};
  for (Command& command : ObjectVerbs()) group.commands.push_back(std::move(command));
  group.commands.push_back(StorageCheckCommand());
  return group;
}

}  // namespace hodei::cli
