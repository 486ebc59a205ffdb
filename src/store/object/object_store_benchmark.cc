// What the store costs, beside what the disk and the hashes cost by themselves.
// Prints "bench <name> <value> <unit> target <text>".
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
  fmt::print("bench {} {:.4g} {} target {}\n", name, value, unit, target);
  std::fflush(stdout);
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
          if (!opened->Put(fmt::format("{}-{}", client, i), bytes)) std::abort();
        }
      });
    }
  }
  return clients * each / SecondsSince(start);
}

// Ratios of medians over rounds that alternate, since the disk changes its mood.
void SmallPuts(benchmark::State& state) {
  const std::string bytes(4096, 's');
  std::vector<double> ours, alone;
  for (auto _ : state) {
    for (int round = 0; round < 5; ++round) {
      Opened opened;
      alone.push_back(OneByOneRate(bytes, 100));
      ours.push_back(ParallelPutRate(&opened, bytes, 64, 100));
    }
  }
  std::sort(ours.begin(), ours.end());
  std::sort(alone.begin(), alone.end());
  Print("object_put_4k_64_clients", ours[2], "1/s", "-");
  Print("object_put_4k_one_by_one_fsync", alone[2], "1/s", "-");
  Print("object_put_4k_ratio", ours[2] / alone[2], "x", ">= 20");
}
BENCHMARK(SmallPuts)->Iterations(1)->Unit(benchmark::kSecond);

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
  std::vector<double> ours, md5, plain;
  for (auto _ : state) {
    for (int round = 0; round < 3; ++round) {
      md5.push_back(Md5Rate(piece, kTotal));
      plain.push_back(PlainWriteRate(piece, kTotal));
      ours.push_back(UploadRate(piece, kTotal));
    }
  }
  for (std::vector<double>* rates : {&ours, &md5, &plain}) std::sort(rates->begin(), rates->end());
  Print("object_upload_1g", ours[1], "GB/s", "-");
  Print("object_upload_1g_md5_alone", md5[1], "GB/s", "-");
  Print("object_upload_1g_write_and_sync_alone", plain[1], "GB/s", "-");
  Print("object_upload_1g_ratio", ours[1] / std::min(md5[1], plain[1]), "x", ">= 0.85");
}
BENCHMARK(LargeUpload)->Iterations(1)->Unit(benchmark::kSecond);

void Listing(benchmark::State& state) {
  Opened opened;
  constexpr int kClients = 64;
  const int objects = static_cast<int>(state.range(0));
  ParallelPutRate(&opened, "x", kClients, objects / kClients);
  ListObjectsOptions options;
  options.prefix = "3";
  std::vector<double> times;
  for (auto _ : state) {
    const auto start = SteadyClock::now();
    const ListObjectsPage page = std::move(opened.store->ListObjects("bucket", options)).value();
    times.push_back(SecondsSince(start) * 1e3);
    if (page.items.size() != 1000) std::abort();
  }
  std::sort(times.begin(), times.end());
  Print(fmt::format("object_list_1000_of_{}", objects), times[times.size() / 2], "ms", "<= 10");
}
BENCHMARK(Listing)->Arg(100'000)->Arg(1'000'000)->Iterations(20)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hodei::store
