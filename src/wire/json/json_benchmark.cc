// A job of about 1 KB both ways, beside protobuf's own JSON and beside simdjson alone (the floor of
// the parser).
#include <benchmark/benchmark.h>
#include <google/protobuf/util/json_util.h>
#include <simdjson.h>

#include <string>

#include "google/cloud/ml/v1/job.pb.h"
#include "wire/json/parse_json.h"
#include "wire/json/print_json.h"

namespace {

using google::cloud::ml::v1::Job;

constexpr std::string_view kJob =
    R"({"jobId":"census_20240501_100000","trainingInput":{"scaleTier":"CUSTOM","masterType":"n1-standard-8",)"
    R"("workerType":"n1-standard-4","parameterServerType":"n1-standard-4","workerCount":"4","parameterServerCount":"2",)"
    R"("packageUris":["gs://bucket/census/0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9/trainer-0.0.0.tar.gz"],)"
    R"("pythonModule":"trainer.task","args":["--train-files","gs://bucket/data/adult.data.csv","--eval-files",)"
    R"("gs://bucket/data/adult.test.csv","--train-steps","1000","--eval-steps","100","--verbosity","DEBUG"],)"
    R"("region":"us-central1","jobDir":"gs://bucket/census/output","runtimeVersion":"2.11","pythonVersion":"3.7",)"
    R"("scheduling":{"maxRunningTime":"7200s","priority":5}},"createTime":"2024-05-01T10:00:00.123456Z",)"
    R"("startTime":"2024-05-01T10:01:00Z","state":"RUNNING","trainingOutput":{"consumedMLUnits":1.85},)"
    R"("labels":{"team":"research","type":"census","owner":"somebody"},"etag":"AQIDBAUGBwg="})";

Job ExampleJob() {
  Job job;
  if (!hodei::wire::ParseJson(kJob, &job).ok()) std::abort();
  return job;
}

void BM_ParseJob(benchmark::State& state) {
  Job job;
  for (auto _ : state) {
    if (!hodei::wire::ParseJson(kJob, &job).ok()) std::abort();
  }
  state.SetBytesProcessed(state.iterations() * kJob.size());
}
BENCHMARK(BM_ParseJob);

void BM_ParseJobWithProtobuf(benchmark::State& state) {
  const std::string text(kJob);
  Job job;
  for (auto _ : state) {
    if (!google::protobuf::util::JsonStringToMessage(text, &job).ok()) std::abort();
    job.Clear();
  }
  state.SetBytesProcessed(state.iterations() * kJob.size());
}
BENCHMARK(BM_ParseJobWithProtobuf);

void BM_ParseJobSimdjsonAlone(benchmark::State& state) {
  simdjson::dom::parser parser;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(kJob.data(), kJob.size(), true).error());
  }
  state.SetBytesProcessed(state.iterations() * kJob.size());
}
BENCHMARK(BM_ParseJobSimdjsonAlone);

void BM_PrintJob(benchmark::State& state) {
  const Job job = ExampleJob();
  const bool pretty = state.range(0) != 0;
  std::string out;
  for (auto _ : state) {
    out.clear();
    hodei::wire::AppendJson(job, {.pretty = pretty}, &out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * out.size());
}
BENCHMARK(BM_PrintJob)->Arg(0)->Arg(1);

void BM_PrintJobWithProtobuf(benchmark::State& state) {
  const Job job = ExampleJob();
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!google::protobuf::util::MessageToJsonString(job, &out).ok()) std::abort();
  }
  state.SetBytesProcessed(state.iterations() * out.size());
}
BENCHMARK(BM_PrintJobWithProtobuf);

}  // namespace
