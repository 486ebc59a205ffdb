// How long a job waits for an environment that is already built.
#include <benchmark/benchmark.h>

#include <fstream>

#include "base/digest.h"
#include "domain/environments/built_environments.h"
#include "exec/testing/fake_executor.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

void EndAll(exec::FakeExecutor* executor, BuiltEnvironments* environments) {
  for (const std::string& id : executor->running()) {
    for (const exec::Mount& mount : executor->spec(id).mounts) {
      if (mount.inside_path != "/opt/hodei/report") continue;
      std::ofstream(mount.host_path + "/report") << "need tensorflow\nok\n";
    }
    executor->Exit(id);
  }
  environments->Poll();
}

void BM_CachedEnvironment(benchmark::State& state) {
  TemporaryDirectory folder;
  exec::FakeExecutor executor;
  auto environments =
      BuiltEnvironments::Open({.data_dir = folder.path(),
                               .interpreters = {{"3.11", "/usr/bin/python3.11", "identity"}},
                               .background = false},
                              &executor, &SystemClock());
  std::string package = folder.path() + "/package";
  std::ofstream(package) << "\x1f\x8b bytes";
  auto runtime = (*environments)->Resolve("2.11", "3.7");
  Request request{.runtime = *runtime,
                  .packages = {{package, "trainer-0.1.tar.gz", Sha256Hex("x")}},
                  .build_id = "job"};
  for (int round = 0; round < 10; ++round) {
    if ((*environments)->Ensure(request)->phase == State::kReady) break;
    EndAll(&executor, environments->get());
  }
  for (auto _ : state) {
    auto ready = (*environments)->Ensure(request);
    if (ready->phase != State::kReady) state.SkipWithError("not ready");
    benchmark::DoNotOptimize(ready);
  }
}
BENCHMARK(BM_CachedEnvironment)->Unit(benchmark::kMicrosecond);

void BM_ResolveRuntime(benchmark::State& state) {
  auto table = RuntimeTable::Parse(
      "default: 'a'\nruntimes: {a: {pythons: ['3.11'], base: [x==1]}}\n"
      "historical: [{versions: ['1.9'], pythons: ['3.5'], python: '3.5', served_by: a}]");
  const std::vector<Interpreter> here = {{"3.11", "/usr/bin/python3.11", "identity"}};
  for (auto _ : state) {
    benchmark::DoNotOptimize(table->Resolve("1.9", "3.5", here, RuntimePolicy::kNearest));
  }
}
BENCHMARK(BM_ResolveRuntime);

}  // namespace
}  // namespace hodei::environments
