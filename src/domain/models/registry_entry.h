// How registry records are read and written; private to the registry.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "domain/models/registry.h"

namespace hodei::models {

// A commit that lost against another one: Registry::Retry() knows it by its empty message.
inline Status Retryable(const Status& status) {
  const bool lost = status.code() == Code::kAborted || status.code() == Code::kAlreadyExists ||
                    status.code() == Code::kNotFound;
  return lost ? Status(Code::kAborted, "") : status;
}

// Runs `once` again while it loses against other commits.
template <typename T, typename Once>
Result<T> Retry(std::string_view name, const Once& once) {
  for (int tries = 0; tries < kCommitTriesMax; ++tries) {
    Result<T> done = once();
    if (done.ok() || done.status().code() != Code::kAborted || !done.status().message().empty()) {
      return done;
    }
  }
  return Aborted(fmt::format("'{}' is being changed by others; try again", name));
}

inline void SetTime(WallTime time, google::protobuf::Timestamp* out) {
  out->set_seconds(time.unix_nanos / 1'000'000'000);
  out->set_nanos(static_cast<int32_t>(time.unix_nanos % 1'000'000'000));
}

inline store::Write Put(const char* kind, std::string name,
                        const google::protobuf::Message& message, int64_t expected) {
  return {store::Write::Op::kPut, kind, std::move(name), message.SerializeAsString(), expected};
}

template <typename Stored>
Result<Stored> Parse(const store::Record& record) {
  Stored stored;
  stored.revision = record.revision;
  if (!stored.record.ParseFromString(record.value)) {
    return DataLoss(fmt::format("the stored record '{}' is damaged", record.name));
  }
  return stored;
}

template <typename Stored>
Result<Page<Stored>> ListRecords(store::MetaStore* store, const char* kind,
                                 const store::ListOptions& options) {
  ASSIGN_OR_RETURN(store::ListPage page, store->List(kind, options));
  Page<Stored> result{.items = {}, .next = std::move(page.next)};
  for (const store::Record& record : page.records) {
    ASSIGN_OR_RETURN(Stored stored, Parse<Stored>(record));
    result.items.push_back(std::move(stored));
  }
  return result;
}

// Marks the operation done: with `error`, or with `response`.
void Complete(WallTime now, const Status& error, const google::protobuf::Message* response,
              google::longrunning::Operation* operation);
// Commits `writes` and the operation together.
Result<google::longrunning::Operation> CommitWith(store::MetaStore* store,
                                                  std::vector<store::Write> writes,
                                                  const google::longrunning::Operation& operation,
                                                  std::string target);
Status CheckCanBeDefault(const google::cloud::ml::v1::Version& version);

}  // namespace hodei::models
