// What the store costs, beside what the disk and the hashes cost by themselves.
// Rows as tools/bench.sh describes them, one per round.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/digest.h"
#include "store/object/object_store.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

void Print(std::string_view name, double value, std::string_view unit, std::string_view target) {
  fmt::print("bench {} {:.4g} {} {}\n", name, value, unit, target);
  std::fflush(stdout);
}

// Bytes that no other object has: the same ones would be stored once.
std::string Unlike(std::string bytes, int client, int number) {
  const std::string head = fmt::format("{}/{} ", client, number);
  bytes.replace(0, std::min(head.size(), bytes.size()), head, 0,
                std::min(head.size(), bytes.size()));
  return bytes;
}

struct Opened {
  TemporaryDirectory folder;
  std::unique_ptr<ObjectStore> store;

  Opened() {
    LocalObjectStoreOptions options;
    options.directory = folder.path() + "/objects";
    store = std::move(OpenLocalObjectStore(options)).value();
    Bucket bucket;
    bucket.set_name("bucket");
    bucket.set_project_id("p");
    (void)store->CreateBucket(bucket).value();
  }

  bool Put(const std::string& name, std::string_view bytes) {
    const std::unique_ptr<ObjectWriter> writer = std::move(store->NewWriter()).value();
    Object object;
    object.set_bucket("bucket");
    object.set_name(name);
    return writer->Append(bytes).ok() && writer->Commit(object, {}, {}).ok();
  }
};

// One file after the other, each synced before the next: what a store without batches does.
double OneByOneRate(std::string_view bytes, int count) {
  const TemporaryDirectory folder;
  const auto start = SteadyClock::now();
  for (int i = 0; i < count; ++i) {
    const UniqueFd fd =
        std::move(OpenFile(fmt::format("{}/{}", folder.path(), i), O_WRONLY | O_CREAT)).value();
    if (!WriteAll(fd.get(), bytes).ok() || fsync(fd.get()) != 0) return 0;
    if (!SyncDirectory(folder.path()).ok()) return 0;
  }
  return count / SecondsSince(start);
}

double ParallelPutRate(Opened* opened, std::string_view bytes, int clients, int each) {
  const auto start = SteadyClock::now();
  {
    std::vector<std::jthread> threads;
    for (int client = 0; client < clients; ++client) {
      threads.emplace_back([=] {
        for (int i = 0; i < each; ++i) {
          const std::string own = Unlike(std::string(bytes), client, i);
          if (!opened->Put(fmt::format("{}-{}", client, i), own)) std::abort();
        }
      });
    }
  }
  return clients * each / SecondsSince(start);
}

void SmallPuts(benchmark::State& state) {
  const std::string bytes(4096, 's');
  for (auto _ : state) {
    Opened opened;
    const double alone = OneByOneRate(bytes, 100);
    const double ours = ParallelPutRate(&opened, bytes, 64, 100);
    Print("object_put_4k_64_clients", ours, "1/s",
          fmt::format("peer=one_by_one_fsync:{:.4g} min_ratio=20", alone));
  }
}
BENCHMARK(SmallPuts)->Iterations(5)->Unit(benchmark::kSecond);

double PlainWriteRate(std::string_view piece, uint64_t total) {
  const TemporaryDirectory folder;
  const auto start = SteadyClock::now();
  const UniqueFd fd = std::move(OpenFile(folder.path() + "/f", O_WRONLY | O_CREAT)).value();
  for (uint64_t done = 0; done < total; done += piece.size()) {
    if (!WriteAll(fd.get(), piece).ok()) std::abort();
  }
  if (fdatasync(fd.get()) != 0) std::abort();
  return static_cast<double>(total) / SecondsSince(start) / 1e9;
}

double Md5Rate(std::string_view piece, uint64_t total) {
  const auto start = SteadyClock::now();
  DigestStream md5(DigestStream::Kind::kMd5);
  for (uint64_t done = 0; done < total; done += piece.size()) md5.Update(piece);
  benchmark::DoNotOptimize(md5.Final());
  return static_cast<double>(total) / SecondsSince(start) / 1e9;
}

double UploadRate(std::string_view piece, uint64_t total) {
  Opened opened;
  const auto start = SteadyClock::now();
  const std::unique_ptr<ObjectWriter> writer = std::move(opened.store->NewWriter()).value();
  for (uint64_t done = 0; done < total; done += piece.size()) {
    if (!writer->Append(piece).ok()) std::abort();
  }
  Object object;
  object.set_bucket("bucket");
  object.set_name("large");
  if (!writer->Commit(object, {}, {}).ok()) std::abort();
  return static_cast<double>(total) / SecondsSince(start) / 1e9;
}

void LargeUpload(benchmark::State& state) {
  constexpr uint64_t kTotal = 1ULL << 30;
  const std::string piece(256 * 1024, 'l');
  for (auto _ : state) {
    const double md5 = Md5Rate(piece, kTotal);
    const double plain = PlainWriteRate(piece, kTotal);
    Print("object_upload_1g", UploadRate(piece, kTotal), "GB/s",
          fmt::format("peer={}:{:.4g} min_ratio=0.85", md5 < plain ? "md5" : "dd_fdatasync",
                      std::min(md5, plain)));
  }
}
BENCHMARK(LargeUpload)->Iterations(5)->Unit(benchmark::kSecond);

void Listing(benchmark::State& state) {
  Opened opened;
  constexpr int kClients = 64;
  const int objects = static_cast<int>(state.range(0));
  ParallelPutRate(&opened, "x", kClients, objects / kClients);
  ListObjectsOptions items;
  items.prefix = "3";
  // One group per client: each is skipped by a seek, not by reading what is in it.
  ListObjectsOptions groups;
  groups.delimiter = "-";
  for (auto _ : state) {
    auto start = SteadyClock::now();
    ListObjectsPage page = std::move(opened.store->ListObjects("bucket", items)).value();
    const double list = SecondsSince(start) * 1e3;
    if (page.items.size() != 1000) std::abort();
    start = SteadyClock::now();
    page = std::move(opened.store->ListObjects("bucket", groups)).value();
    const double group = SecondsSince(start) * 1e3;
    if (page.prefixes.size() != kClients) std::abort();
    Print(fmt::format("object_list_1000_of_{}", objects), list, "ms", "max=10");
    Print(fmt::format("object_list_64_groups_of_{}", objects), group, "ms", "max=10");
  }
}
BENCHMARK(Listing)->Arg(100'000)->Arg(1'000'000)->Iterations(9)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hodei::store
