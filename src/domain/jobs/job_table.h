// Jobs in the meta store: one record each for ever, and an index of those that have not ended, so
// that a start does not read history. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hodei/jobs/record.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::jobs {

inline constexpr char kJobKind[] = "job";
inline constexpr char kLiveJobKind[] = "live_job";

struct StoredJob {
  JobRecord record;
  int64_t revision = 0;
  int64_t create_order = 0;
};

class JobTable {
 public:
  // `store` is not owned.
  explicit JobTable(store::MetaStore* store) : store_(store) {}

  // ALREADY_EXISTS when the name was ever used. Durable when it returns; `others` are committed
  // with it. The result has no create_order.
  Result<StoredJob> Create(const JobRecord& record, std::vector<store::Write> others = {});
  // NOT_FOUND, worded for the API.
  Result<StoredJob> Get(std::string_view name) const;
  // Applies `edit` to the newest record and commits it, again when somebody else was faster (at
  // most kUpdateTriesMax times, then ABORTED). `edit` returns false for "leave as it is".
  Result<JobRecord> Update(std::string_view name,
                           const std::function<Result<bool>(JobRecord*)>& edit);
  // Replaces records that must still have the given revisions; a terminal one leaves the live
  // index. All or none. Returns the new revisions.
  Result<std::vector<int64_t>> Replace(const std::vector<StoredJob>& jobs);
  // Jobs of `project`, newest first: at most `limit` after the place `after` (empty: from the
  // start).
  struct Page {
    std::vector<StoredJob> jobs;
    std::string next;  // empty on the last page
  };
  Result<Page> List(std::string_view project, size_t limit, std::string_view after) const;
  // Names of jobs that have not ended.
  Result<std::vector<std::string>> LiveNames() const;

 private:
  store::MetaStore* const store_;
};

inline constexpr int kUpdateTriesMax = 8;

std::string NameOf(const JobRecord& record);
bool IsTerminal(google::cloud::ml::v1::Job::State state);
// The job as clients see it: with its etag. `revision` is the record's.
google::cloud::ml::v1::Job JobOf(const StoredJob& stored);

}  // namespace hodei::jobs
