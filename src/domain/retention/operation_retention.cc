#include "domain/retention/operation_retention.h"

#include <map>
#include <string>

#include "domain/models/registry.h"

namespace hodei::retention {
namespace {

using google::cloud::ml::v1::OperationMetadata;
using google::longrunning::Operation;

WallTime EndOf(const Operation& operation) {
  OperationMetadata metadata;
  operation.metadata().UnpackTo(&metadata);
  return {metadata.end_time().seconds() * 1'000'000'000 + metadata.end_time().nanos()};
}

// "projects/P/operations/O" → "projects/P"
std::string ProjectOf(const std::string& name) { return name.substr(0, name.find("/operations/")); }

}  // namespace

Result<size_t> PurgeOperations(store::MetaStore* store, const OperationLimits& limits, WallTime now,
                               const std::stop_token& stop) {
  size_t removed = 0;
  std::map<std::string, int64_t> kept;
  store::ListOptions options{.limit = kOperationsAtOnce, .newest_first = true};
  do {
    ASSIGN_OR_RETURN_CTX(const store::ListPage page, store->List(models::kOperationKind, options),
                         "list operations");
    std::vector<store::Write> writes;
    for (const store::Record& record : page.records) {
      models::OperationRecord stored;
      int64_t& count = kept[ProjectOf(record.name)];
      const bool ended = stored.ParseFromString(record.value) && stored.operation().done();
      if (!ended || (count < limits.per_project && now - EndOf(stored.operation()) <= limits.age)) {
        ++count;
        continue;
      }
      writes.push_back(
          {store::Write::Op::kDelete, models::kOperationKind, record.name, "", record.revision});
    }
    if (!writes.empty()) RETURN_IF_ERROR(store->Commit(writes).status());
    removed += writes.size();
    options.after = page.next;
  } while (!options.after.empty() && !stop.stop_requested());
  return removed;
}

}  // namespace hodei::retention
