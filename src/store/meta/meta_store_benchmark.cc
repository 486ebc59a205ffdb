// What a record costs to read and to make durable, against the floor: a file that is synced once
// for each write. The ratios matter; the absolute times are the disk's.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "store/meta/meta_store.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr size_t kValueBytes = 1000;
constexpr int kRecords = 10'000;

std::unique_ptr<MetaStore> Filled(const std::string& folder) {
  auto store = *OpenSqliteMetaStore(folder + "/meta.db");
  std::vector<Write> writes;
  for (int i = 0; i < kRecords; ++i) {
    writes.push_back({Write::Op::kPut, "job", "projects/p/jobs/job" + std::to_string(i),
                      std::string(kValueBytes, 'v'), std::nullopt});
    if (writes.size() == 1000) {
      if (!store->Commit(writes).ok()) std::abort();
      writes.clear();
    }
  }
  return store;
}

void PointRead(benchmark::State& state) {
  static TemporaryDirectory* const folder = new TemporaryDirectory();
  static MetaStore* const store = Filled(folder->path()).release();
  uint64_t i = static_cast<uint64_t>(state.thread_index()) * 7919;
  for (auto _ : state) {
    i = i * 6364136223846793005 + 1442695040888963407;
    auto record = store->Get("job", "projects/p/jobs/job" + std::to_string((i >> 33) % kRecords));
    if (!record.ok()) state.SkipWithError("not found");
    benchmark::DoNotOptimize(record);
  }
}
BENCHMARK(PointRead)->Threads(1)->Threads(2)->UseRealTime();

void ListNewestPage(benchmark::State& state) {
  TemporaryDirectory folder;
  const auto store = Filled(folder.path());
  for (auto _ : state) {
    auto page = store->List("job", {.prefix = "projects/p/", .limit = 100, .newest_first = true});
    if (!page.ok() || page->records.size() != 100) state.SkipWithError("bad page");
  }
}
BENCHMARK(ListNewestPage);

double CommitsPerSecond(MetaStore* store, int threads, std::chrono::seconds duration) {
  std::atomic<int64_t> done{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> clients;
  const auto start = std::chrono::steady_clock::now();
  for (int t = 0; t < threads; ++t) {
    clients.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        const std::string name = std::to_string(t) + "/" + std::to_string(i);
        if (!store->Commit({{Write::Op::kPut, "job", name, std::string(kValueBytes, 'v'), 0}})
                 .ok()) {
          std::abort();
        }
        ++done;
      }
    });
  }
  std::this_thread::sleep_for(duration);
  stop = true;
  for (std::thread& client : clients) client.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return static_cast<double>(done) / took.count();
}

double SyncsPerSecond(const std::string& folder, std::chrono::seconds duration) {
  const UniqueFd fd = *OpenFile(folder + "/floor", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC);
  const std::string value(kValueBytes, 'v');
  const auto start = std::chrono::steady_clock::now();
  int64_t done = 0;
  std::chrono::duration<double> took{};
  do {
    if (!WriteAll(fd.get(), value).ok() || fdatasync(fd.get()) != 0) std::abort();
    ++done;
    took = std::chrono::steady_clock::now() - start;
  } while (took < duration);
  return static_cast<double>(done) / took.count();
}

// Interleaved rounds, medians of the ratios: disks have moods.
void DurableCommits(benchmark::State& state) {
  constexpr int kRounds = 5;
  constexpr std::chrono::seconds kEach{1};
  for (auto _ : state) {
    std::vector<double> floor, one, many;
    for (int round = 0; round < kRounds; ++round) {
      // Names must be new in each round.
      TemporaryDirectory fresh;
      const auto round_store = *OpenSqliteMetaStore(fresh.path() + "/meta.db");
      floor.push_back(SyncsPerSecond(fresh.path(), kEach));
      one.push_back(CommitsPerSecond(round_store.get(), 1, kEach));
      const auto many_store = *OpenSqliteMetaStore(fresh.path() + "/many.db");
      many.push_back(CommitsPerSecond(many_store.get(), 64, kEach));
    }
    const auto median = [](std::vector<double>& values) {
      std::sort(values.begin(), values.end());
      return values[values.size() / 2];
    };
    state.counters["fdatasync_per_s"] = median(floor);
    state.counters["commits_1_client"] = median(one);
    state.counters["commits_64_clients"] = median(many);
    state.counters["ratio_64_to_fdatasync"] = median(many) / median(floor);
    state.counters["extra_ms_1_client"] = 1000 / median(one) - 1000 / median(floor);
  }
}
BENCHMARK(DurableCommits)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace hodei::store
