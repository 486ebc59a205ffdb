// The storage commands, shared by `hodei storage` and `hodei gsutil`.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/storage/storage_client.h"
#include "cli/storage/transfer.h"

namespace hodei::cli {

// The command was typed in gsutil's words, so it also prints in gsutil's forms.
bool InGsutilWords(const Context& context);
// --read-paths-from-stdin: the lines of standard input; otherwise the positionals.
std::vector<std::string> PathsOf(Context& context);
TransferOptions TransferOptionsOf(Context& context);
// The folder that half-done transfers are remembered in.
std::string JournalFolder(Context& context);
// What the metadata and condition flags ask for. INVALID_ARGUMENT for a time that is none.
Result<ObjectSettings> SettingsOf(const CommandLine& line);
// One task a member of `tasks` under a progress bar.
Status RunTasks(Context& context, std::vector<TransferTask> tasks, const TransferOptions& options);
// `cp SOURCE -` and `cat`.
Status PrintObjects(Context& context, Api& api, const std::vector<std::string>& urls);
// The bucket of "gs://b", "gs://b/" or "b"; INVALID_ARGUMENT for anything below it.
Result<std::string> BucketOf(Context& context, const std::string& text);
// The buckets that the positionals name; "gs://b*" is looked up.
Result<std::vector<std::string>> BucketsOf(Context& context, Api& api,
                                           const std::vector<std::string>& texts);
// The resource with NOT_FOUND in gcloud's words.
Result<Json> GetBucket(Api& api, const std::string& bucket, const Query& query = {});

Result<int> CreateBuckets(Context& context);
Result<int> ListBuckets(Context& context);
Result<int> DescribeBucket(Context& context);
Result<int> UpdateBuckets(Context& context);
Result<int> DeleteBuckets(Context& context);
Result<int> Copy(Context& context);
Result<int> Move(Context& context);
Result<int> ListUrls(Context& context);
Result<int> Concatenate(Context& context);
Result<int> Remove(Context& context);
Result<int> DiskUsage(Context& context);
Result<int> Synchronize(Context& context);
Result<int> SignUrls(Context& context);
Result<int> HashUrls(Context& context);
Result<int> RestoreObjects(Context& context);
Result<int> DescribeObject(Context& context);
Result<int> ListObjectResources(Context& context);
Result<int> UpdateObjects(Context& context);
Result<int> ComposeObject(Context& context);
Result<int> ShowServiceAgent(Context& context);

}  // namespace hodei::cli
