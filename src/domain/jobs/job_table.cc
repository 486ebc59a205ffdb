#include "domain/jobs/job_table.h"

#include <fmt/format.h>

#include "domain/jobs/job_name.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;

Status NoSuchJob(std::string_view name) {
  return NotFound(fmt::format("Field: name Error: The job resource \"{}\" was not found.", name))
      .WithViolation({"name", fmt::format("The job resource \"{}\" was not found.", name)});
}

store::Write Put(std::string_view kind, const std::string& name, std::string value,
                 std::optional<int64_t> expected) {
  return {store::Write::Op::kPut, std::string(kind), name, std::move(value), expected};
}

Result<StoredJob> Parse(const store::Record& record) {
  StoredJob stored{.record = {}, .revision = record.revision, .create_order = record.create_order};
  if (!stored.record.ParseFromString(record.value)) {
    return DataLoss(fmt::format("the stored record of job '{}' is damaged", record.name));
  }
  return stored;
}

}  // namespace

std::string NameOf(const JobRecord& record) {
  return FormatJobName(record.project(), record.job().job_id());
}

bool IsTerminal(Job::State state) {
  return state == Job::SUCCEEDED || state == Job::FAILED || state == Job::CANCELLED;
}

Job JobOf(const StoredJob& stored) {
  Job job = stored.record.job();
  // Eight bytes, so that clients which decode the base64 text get what they expect of an etag.
  std::string etag(8, '\0');
  for (int i = 0; i < 8; ++i) etag[i] = static_cast<char>(stored.revision >> (8 * (7 - i)));
  job.set_etag(etag);
  return job;
}

Result<StoredJob> JobTable::Create(const JobRecord& record, std::vector<store::Write> others) {
  const std::string name = NameOf(record);
  std::vector<store::Write> writes = {Put(kJobKind, name, record.SerializeAsString(), 0),
                                      Put(kLiveJobKind, name, "", std::nullopt)};
  writes.insert(writes.end(), std::make_move_iterator(others.begin()),
                std::make_move_iterator(others.end()));
  Result<std::vector<int64_t>> committed = store_->Commit(writes);
  if (committed.status().code() == Code::kAlreadyExists) {
    return AlreadyExists("Field: job.job_id Error: A job with this id already exists.")
        .WithViolation({"job.job_id", "A job with this id already exists."});
  }
  if (!committed.ok()) return committed.status();
  return StoredJob{.record = record, .revision = committed->front()};
}

Result<StoredJob> JobTable::Get(std::string_view name) const {
  Result<store::Record> found = store_->Get(kJobKind, name);
  if (found.status().code() == Code::kNotFound) return NoSuchJob(name);
  if (!found.ok()) return found.status();
  return Parse(*found);
}

Result<JobTable::Page> JobTable::List(std::string_view project, size_t limit,
                                      std::string_view after) const {
  store::ListOptions options;
  options.prefix = FormatJobName(project, "");
  options.limit = limit;
  options.newest_first = true;
  options.after = after;
  ASSIGN_OR_RETURN(store::ListPage page, store_->List(kJobKind, options));
  Page result{.jobs = {}, .next = std::move(page.next)};
  for (const store::Record& record : page.records) {
    ASSIGN_OR_RETURN(StoredJob stored, Parse(record));
    result.jobs.push_back(std::move(stored));
  }
  return result;
}

Result<JobRecord> JobTable::Update(std::string_view name,
                                   const std::function<Result<bool>(JobRecord*)>& edit) {
  for (int tries = 0; tries < kUpdateTriesMax; ++tries) {
    ASSIGN_OR_RETURN(StoredJob stored, Get(name));
    ASSIGN_OR_RETURN(const bool changed, edit(&stored.record));
    if (!changed) return stored.record;
    Result<std::vector<int64_t>> revisions = Replace({stored});
    if (revisions.ok()) return stored.record;
    if (revisions.status().code() != Code::kAborted) return revisions.status();
  }
  return Aborted(fmt::format("job '{}' is being changed by others; try again", name));
}

Result<std::vector<int64_t>> JobTable::Replace(const std::vector<StoredJob>& jobs) {
  std::vector<store::Write> writes;
  for (const StoredJob& job : jobs) {
    const std::string name = NameOf(job.record);
    writes.push_back(Put(kJobKind, name, job.record.SerializeAsString(), job.revision));
  }
  for (const StoredJob& job : jobs) {
    if (!IsTerminal(job.record.job().state())) continue;
    const std::string name = NameOf(job.record);
    if (store_->Get(kLiveJobKind, name).ok()) {
      writes.push_back({store::Write::Op::kDelete, kLiveJobKind, name, "", std::nullopt});
    }
  }
  ASSIGN_OR_RETURN(std::vector<int64_t> revisions, store_->Commit(writes));
  revisions.resize(jobs.size());
  return revisions;
}

Result<std::vector<std::string>> JobTable::LiveNames() const {
  std::vector<std::string> names;
  store::ListOptions options{.limit = 1000};
  do {
    ASSIGN_OR_RETURN_CTX(store::ListPage page, store_->List(kLiveJobKind, options),
                         "list unfinished jobs");
    for (store::Record& record : page.records) names.push_back(std::move(record.name));
    options.after = page.next;
  } while (!options.after.empty());
  return names;
}

}  // namespace hodei::jobs
