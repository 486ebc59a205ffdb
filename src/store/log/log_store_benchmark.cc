// Lines per CPU second into and out of segments, and the time from a write to a follower's hands.
// Prints `bench NAME VALUE UNIT target TEXT`.
#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "base/log_frame.h"
#include "store/log/log_store.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr int kLines = 1'000'000;
constexpr size_t kWriteBytes = 64 * 1024;
constexpr int kLatencySamples = 500;
constexpr std::string_view kLine =
    "Epoch 3/10 step 1234 loss=0.2345 accuracy=0.9123 learning_rate=0.00100 examples/s=15234.1 "
    "eta=00:12:34 shard 17 of 64 ok";

double CpuSeconds() {
  timespec ts{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) * 1e-9;
}

void Check(const Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "{}\n", status.ToString());
  std::exit(1);
}

// Frames in writes of kWriteBytes, as a supervisor under load appends them.
void Ingest(const std::string& dir) {
  Check(MakeDirectories(dir));
  UniqueFd fd = std::move(*OpenFile(dir + "/segment-000001.log", O_WRONLY | O_CREAT | O_APPEND));
  std::string out(kLogMagic);
  const double start = CpuSeconds();
  for (int i = 0; i < kLines; ++i) {
    AppendLogFrame(
        {static_cast<uint64_t>(i + 1), SystemClock().Now(), LogStream::kStdout, 0, kLine}, &out);
    if (out.size() >= kWriteBytes) {
      Check(WriteAll(fd.get(), out));
      out.clear();
    }
  }
  Check(WriteAll(fd.get(), out));
  fmt::print("bench log_frame_append {:.0f} lines/cpu-s min=500000\n",
             kLines / (CpuSeconds() - start));
}

void Scan(LogStore* store, const std::string& name, const std::string& filter) {
  LogQuery query{.projects = {"p"}, .filter = filter, .limit = 1000};
  const double start = CpuSeconds();
  const Result<LogPage> page = store->Query(query);
  Check(page.status());
  fmt::print("bench {} {:.2f} us/line note={} matches of {} lines\n", name,
             (CpuSeconds() - start) / kLines * 1e6, page->entries.size(), kLines);
}

void Latency(LogStore* store, const std::string& dir) {
  auto follower = std::move(*store->Follow("p", "tail", {}));
  UniqueFd fd = std::move(*OpenFile(dir + "/segment-000001.log", O_WRONLY | O_CREAT | O_APPEND));
  Check(WriteAll(fd.get(), kLogMagic));
  std::vector<double> milliseconds;
  std::mutex mutex;
  std::condition_variable ready;
  for (int i = 0; i < kLatencySamples; ++i) {
    bool woken = false;
    (void)follower->Take(100);
    follower->NotifyOnce([&] {
      std::lock_guard lock(mutex);
      woken = true;
      ready.notify_one();
    });
    std::string frame;
    AppendLogFrame(
        {static_cast<uint64_t>(i + 1), SystemClock().Now(), LogStream::kStdout, 0, kLine}, &frame);
    const Nanoseconds start = SystemClock().Monotonic();
    Check(WriteAll(fd.get(), frame));
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return woken; });
    lock.unlock();
    if (follower->Take(100)->size() != 1) continue;
    milliseconds.push_back(static_cast<double>((SystemClock().Monotonic() - start).count()) / 1e6);
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  fmt::print("bench log_store_tail_p50 {:.3f} ms max=5 note=without HTTP; log_tail has the whole way\n",
             milliseconds[milliseconds.size() / 2]);
}

void Run() {
  TemporaryDirectory dir;
  Ingest(dir.path() + "/lines");
  auto store = std::move(*LogStore::Open(dir.path() + "/logs", SystemClock()));
  Check(store->AddSource({"p", "lines", "master-replica-0", "", "lines", dir.path() + "/lines"}));
  Scan(store.get(), "log_scan_none", "jsonPayload.message:\"no such words\"");
  Scan(store.get(), "log_scan_again", "severity>=ERROR");
  Check(store->AddSource({"p", "tail", "master-replica-0", "", "tail", dir.path() + "/tail"}));
  Latency(store.get(), dir.path() + "/tail");
}

}  // namespace
}  // namespace hodei::store

int main() { hodei::store::Run(); }
