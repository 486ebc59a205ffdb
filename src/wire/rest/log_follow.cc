#include "wire/rest/log_follow.h"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "wire/json/print_json.h"

namespace hodei::wire::rest {
namespace {

constexpr size_t kEntriesPerPiece = 500;

using Done = std::function<void(Result<std::string>)>;

// The entry's own JSON object with "source" put first.
std::string Line(const google::logging::v2::LogEntry& entry) {
  const std::string object = PrintJson(entry);
  std::string line = "{\"source\":\"" + store::SourceOfInsertId(entry.insert_id()) + "\",";
  line.append(object, 1);
  line += '\n';
  return line;
}

// One open stream. Its follower is used by the pump's thread only.
struct Stream {
  std::string job_name;
  std::unique_ptr<store::LogFollower> follower;
  std::mutex mutex;
  Done done;           // guarded by mutex: set while the connection waits for a piece
  bool ended = false;  // guarded by mutex: the last line was given
};

}  // namespace

// Owns the thread. Streams are weak here: a body that its connection dropped is forgotten.
class LogFollow::Pump : public std::enable_shared_from_this<LogFollow::Pump> {
 public:
  Pump(store::LogStore* logs, store::MetaStore* meta, std::string job_kind,
       std::function<Result<FollowedJob>(const std::string&)> job_state)
      : logs_(logs),
        meta_(meta),
        job_kind_(std::move(job_kind)),
        job_state_(std::move(job_state)) {}

  void Start() {
    thread_ = std::thread([this] { Run(); });
    watch_ = meta_->WatchKind(job_kind_, [this](const std::vector<std::string>& names) {
      std::lock_guard lock(mutex_);
      const std::set<std::string> changed(names.begin(), names.end());
      for (const auto& weak : streams_) {
        if (auto stream = weak.lock(); stream && changed.contains(stream->job_name)) {
          queue_.push_back(weak);
        }
      }
      wake_.notify_one();
    });
  }

  void Stop() {
    watch_.reset();
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
    for (const auto& weak : std::exchange(streams_, {})) {
      if (auto stream = weak.lock()) {
        Give(stream, Unavailable("the server is stopping"));
        stream->follower.reset();
      }
    }
  }

  Result<std::shared_ptr<Stream>> Add(const std::string& project, const std::string& job_id,
                                      const std::vector<std::string>& resume) {
    auto stream = std::make_shared<Stream>();
    stream->job_name = fmt::format("projects/{}/jobs/{}", project, job_id);
    RETURN_IF_ERROR(job_state_(stream->job_name).status());
    ASSIGN_OR_RETURN(stream->follower, logs_->Follow(project, job_id, resume));
    std::lock_guard lock(mutex_);
    if (stopping_) return Unavailable("the server is stopping");
    std::erase_if(streams_, [](const std::weak_ptr<Stream>& weak) { return weak.expired(); });
    if (streams_.size() >= kStreamLimit) {
      return ResourceExhausted(fmt::format(
          "{} log streams are open already: close some, or try again later", kStreamLimit));
    }
    streams_.push_back(stream);
    return stream;
  }

  void Wake(std::weak_ptr<Stream> stream) {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(stream));
    wake_.notify_one();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      const std::shared_ptr<Stream> stream = queue_.front().lock();
      queue_.pop_front();
      lock.unlock();
      if (stream) Fill(stream);
      lock.lock();
    }
  }

  static void Give(const std::shared_ptr<Stream>& stream, Result<std::string> piece) {
    Done done;
    {
      std::lock_guard lock(stream->mutex);
      done.swap(stream->done);
    }
    if (done) done(std::move(piece));
  }

  // Gives the next piece if there is one, else asks to be woken.
  void Fill(const std::shared_ptr<Stream>& stream) {
    {
      std::lock_guard lock(stream->mutex);
      if (!stream->done) return;
      if (stream->ended) {
        Done done;
        done.swap(stream->done);
        done(std::string());
        return;
      }
    }
    // The state is read first: what is logged before a job ends is there once it has ended.
    const Result<FollowedJob> job = job_state_(stream->job_name);
    auto entries = stream->follower->Take(kEntriesPerPiece);
    if (!job.ok()) return Give(stream, job.status());
    if (!entries.ok()) return Give(stream, entries.status());
    std::string piece;
    for (const auto& entry : *entries) piece += Line(entry);
    if (entries->empty() && job->ended) {
      piece = fmt::format("{{\"end\":true,\"state\":\"{}\"}}\n", job->state);
      std::lock_guard lock(stream->mutex);
      stream->ended = true;
    }
    if (!piece.empty()) return Give(stream, std::move(piece));
    stream->follower->NotifyOnce([self = weak_from_this(), weak = std::weak_ptr<Stream>(stream)] {
      if (auto pump = self.lock()) pump->Wake(weak);
    });
  }

  store::LogStore* const logs_;
  store::MetaStore* const meta_;
  const std::string job_kind_;
  const std::function<Result<FollowedJob>(const std::string&)> job_state_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::weak_ptr<Stream>> queue_;     // guarded by mutex_
  std::vector<std::weak_ptr<Stream>> streams_;  // guarded by mutex_
  bool stopping_ = false;                       // guarded by mutex_
  std::unique_ptr<store::MetaStore::Watch> watch_;
  std::thread thread_;
};

namespace {

class FollowBody : public net::StreamBody {
 public:
  FollowBody(std::shared_ptr<Stream> stream, std::weak_ptr<LogFollow::Pump> pump)
      : stream_(std::move(stream)), pump_(std::move(pump)) {}

  void Next(Done done) override {
    {
      std::lock_guard lock(stream_->mutex);
      stream_->done = std::move(done);
    }
    if (auto pump = pump_.lock()) pump->Wake(stream_);
  }

 private:
  std::shared_ptr<Stream> stream_;
  std::weak_ptr<LogFollow::Pump> pump_;
};

}  // namespace

LogFollow::LogFollow(store::LogStore* logs, store::MetaStore* meta, std::string job_kind,
                     std::function<Result<FollowedJob>(const std::string&)> job_state)
    : pump_(std::make_shared<Pump>(logs, meta, std::move(job_kind), std::move(job_state))) {
  pump_->Start();
}

LogFollow::~LogFollow() { EndAll(); }

void LogFollow::EndAll() { pump_->Stop(); }

Result<std::unique_ptr<net::StreamBody>> LogFollow::Open(const std::string& project,
                                                         const std::string& job_id,
                                                         const std::vector<std::string>& resume) {
  ASSIGN_OR_RETURN(std::shared_ptr<Stream> stream, pump_->Add(project, job_id, resume));
  return std::unique_ptr<net::StreamBody>(std::make_unique<FollowBody>(std::move(stream), pump_));
}

}  // namespace hodei::wire::rest
