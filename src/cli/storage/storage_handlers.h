// The storage commands, shared by `hodei storage` and `hodei gsutil`.
#pragma once

#include "cli/context.h"

namespace hodei::cli {

Result<int> CreateBuckets(Context& context);
Result<int> ListBuckets(Context& context);
Result<int> DescribeBucket(Context& context);
Result<int> DeleteBuckets(Context& context);
Result<int> Copy(Context& context);
Result<int> Move(Context& context);
Result<int> ListUrls(Context& context);
Result<int> Concatenate(Context& context);
Result<int> Remove(Context& context);
Result<int> DiskUsage(Context& context);
Result<int> Stat(Context& context);

}  // namespace hodei::cli
