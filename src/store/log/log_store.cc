#include "store/log/log_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <set>

#include "base/digest.h"
#include "store/log/disk_log_store.h"
#include "store/log/log_entry.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr size_t kServiceWritersMax = 256;

// Orders cursors so that the queue's top is the next line to give.
struct Later {
  bool newest_first;
  bool operator()(const SourceCursor* a, const SourceCursor* b) const {
    const auto key = [](const SourceCursor* c) {
      return std::tuple(c->line().time, c->line().seq, std::string_view(c->source().short_name));
    };
    return newest_first ? key(a) < key(b) : key(a) > key(b);
  }
};

// Whether the line comes after the last one that an earlier page gave.
bool IsAfter(const LogQuery& query, const LogLine& line, const std::string& short_name) {
  if (!query.after) return true;
  const auto& [time, insert_id] = *query.after;
  if (line.time != time) return query.newest_first ? line.time < time : line.time > time;
  const std::string id = MakeInsertId(line.seq, short_name);
  return query.newest_first ? id < insert_id : id > insert_id;
}

}  // namespace

Status DiskLogStore::Init() {
  RETURN_IF_ERROR(MakeDirectories(dir_));
  const std::string base = dir_.substr(0, dir_.rfind('/'));
  RETURN_IF_ERROR(RemoveTree(RemovedDir()));
  ASSIGN_OR_RETURN(SourceRegistry registry, SourceRegistry::Open(dir_ + "/sources.log", base));
  registry_ = std::make_unique<SourceRegistry>(std::move(registry));
  for (const LogSource& source : registry_->sources()) Insert(source);
  ASSIGN_OR_RETURN(watch_, ChangeWatch::Create([this](const std::string& dir) { Changed(dir); }));
  return OkStatus();
}

void DiskLogStore::Insert(const LogSource& source) {
  auto open = std::make_shared<OpenSource>(source);
  by_id_[source.source_id] = open;
  by_job_[{source.project, source.job_id}].push_back(std::move(open));
}

Status DiskLogStore::AddSource(const LogSource& source) {
  const JobKey job(source.project, source.job_id);
  {
    std::unique_lock lock(mutex_);
    if (by_id_.contains(source.source_id)) return OkStatus();
    RETURN_IF_ERROR(MakeDirectories(source.dir));
    RETURN_IF_ERROR(registry_->Append(source));
    Insert(source);
  }
  std::lock_guard lock(followers_mutex_);
  const auto it = followers_.find(job);
  if (it == followers_.end()) return OkStatus();
  if (watched_dirs_.emplace(source.dir, job).second) RETURN_IF_ERROR(watch_->Add(source.dir));
  for (const auto& state : it->second) state->Notify();
  return OkStatus();
}

Result<std::shared_ptr<ServiceWriter>> DiskLogStore::WriterOf(const JobKey& job) {
  std::lock_guard lock(writers_mutex_);
  if (const auto it = writers_.find(job); it != writers_.end()) return it->second;
  const std::string id = "service-" + Sha256Hex(job.first + "/" + job.second).substr(0, 32);
  RETURN_IF_ERROR(AddSource(
      {job.first, job.second, std::string(kServiceTask), "", id, dir_ + "/service/" + id}));
  SourcePtr source;
  {
    std::shared_lock read(mutex_);
    source = by_id_.at(id);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ServiceWriter> writer, ServiceWriter::Open(source.get()));
  // Open files are bounded: an evicted writer is opened again, on a new segment, when needed.
  if (writers_.size() >= kServiceWritersMax) writers_.erase(writers_.begin());
  return writers_[job] = std::move(writer);
}

Status DiskLogStore::AppendService(const std::string& project, const std::string& job_id,
                                   google::logging::v2::LogSeverity severity,
                                   std::string_view text) {
  ASSIGN_OR_RETURN(const std::shared_ptr<ServiceWriter> writer, WriterOf({project, job_id}));
  return writer->Append(clock_.Now(), severity, text);
}

std::vector<SourcePtr> DiskLogStore::Candidates(const LogQuery& query, const FilterBounds& bounds) {
  const auto allowed = [](const std::optional<std::vector<std::string>>& set, std::string_view v) {
    return !set || std::find(set->begin(), set->end(), v) != set->end();
  };
  std::vector<SourcePtr> out;
  if (!allowed(bounds.resource_types, "ml_job") &&
      !allowed(bounds.resource_types, "cloudml_model_version")) {
    return out;
  }
  std::shared_lock lock(mutex_);
  const auto take = [&](const std::vector<SourcePtr>& sources) {
    for (const SourcePtr& source : sources) {
      if (allowed(bounds.task_names, source->source.task_name)) out.push_back(source);
    }
  };
  for (const std::string& project : query.projects) {
    if (bounds.job_ids) {
      const std::set<std::string> ids(bounds.job_ids->begin(), bounds.job_ids->end());
      for (const std::string& id : ids) {
        if (const auto it = by_job_.find({project, id}); it != by_job_.end()) take(it->second);
      }
      continue;
    }
    for (auto it = by_job_.lower_bound({project, ""});
         it != by_job_.end() && it->first.first == project; ++it) {
      take(it->second);
    }
  }
  return out;
}

Result<LogPage> DiskLogStore::Query(const LogQuery& query) {
  if (query.filter.size() > kLogFilterMaxBytes) {
    return InvalidArgument(
        fmt::format("filter is longer than {} bytes: shorten it", kLogFilterMaxBytes));
  }
  ASSIGN_OR_RETURN(const Filter filter, Filter::Parse(query.filter));
  WallTime from = filter.bounds().from;
  WallTime to = filter.bounds().to;
  if (query.after) (query.newest_first ? to : from) = query.after->first;
  std::vector<std::unique_ptr<SourceCursor>> cursors;
  std::priority_queue<SourceCursor*, std::vector<SourceCursor*>, Later> queue(
      Later{query.newest_first});
  for (SourcePtr& source : Candidates(query, filter.bounds())) {
    cursors.push_back(
        std::make_unique<SourceCursor>(std::move(source), from, to, query.newest_first));
    ASSIGN_OR_RETURN(const bool any, cursors.back()->Start());
    if (any) queue.push(cursors.back().get());
  }
  LogPage page;
  const size_t limit = std::min(query.limit, kLogQueryMaxLimit);
  std::pair<WallTime, std::string> last;
  for (size_t scanned = 0; !queue.empty(); ++scanned) {
    SourceCursor* cursor = queue.top();
    const LogLine& line = cursor->line();
    const std::string& short_name = cursor->source().short_name;
    const EntryView view(cursor->source().source, short_name, line);
    const bool wanted = IsAfter(query, line, short_name) && filter.Matches(view);
    if ((wanted && page.entries.size() == limit) || scanned == kLogQueryScanLines) {
      page.next = last;
      return page;
    }
    if (wanted) page.entries.push_back(view.ToEntry());
    last = {line.time, MakeInsertId(line.seq, short_name)};
    queue.pop();
    ASSIGN_OR_RETURN(const bool any, cursor->Next());
    if (any) queue.push(cursor);
  }
  return page;
}

std::vector<std::string> DiskLogStore::TaskNames(const std::string& project) {
  std::shared_lock lock(mutex_);
  std::set<std::string> names;
  for (auto it = by_job_.lower_bound({project, ""});
       it != by_job_.end() && it->first.first == project; ++it) {
    for (const SourcePtr& source : it->second) names.insert(source->source.task_name);
  }
  return {names.begin(), names.end()};
}

Result<std::vector<std::string>> DiskLogStore::TailOf(const std::string& source_id, size_t lines,
                                                      size_t limit_bytes) {
  SourcePtr source;
  {
    std::shared_lock lock(mutex_);
    const auto it = by_id_.find(source_id);
    if (it == by_id_.end()) return NotFound(fmt::format("no log source '{}'", source_id));
    source = it->second;
  }
  SourceCursor cursor(source, {INT64_MIN}, {INT64_MAX}, true);
  std::vector<std::string> out;
  size_t bytes = 0;
  ASSIGN_OR_RETURN(bool any, cursor.Start());
  while (any && out.size() < lines) {
    const EntryView view(source->source, source->short_name, cursor.line());
    std::string message(
        view.Field("jsonPayload.message").value_or(view.Field("textPayload").value_or("")));
    bytes += message.size();
    if (bytes > limit_bytes && !out.empty()) break;
    out.push_back(std::move(message));
    ASSIGN_OR_RETURN(any, cursor.Next());
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<SourcePtr> DiskLogStore::SourcesOfJob(const JobKey& job) {
  std::shared_lock lock(mutex_);
  const auto it = by_job_.find(job);
  return it == by_job_.end() ? std::vector<SourcePtr>() : it->second;
}

Result<std::unique_ptr<LogStore>> LogStore::Open(const std::string& dir, const Clock& clock) {
  auto store = std::make_unique<DiskLogStore>(clock, dir);
  RETURN_IF_ERROR_CTX(store->Init(), "open the log store");
  return std::unique_ptr<LogStore>(std::move(store));
}

}  // namespace hodei::store
