// What the wire adds to a call: routing, authentication seam, binding, JSON. No sockets.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "net/http_message.h"
#include "wire/rest/api_services.h"
#include "wire/rest/transcoder.h"

namespace {

namespace ml = google::cloud::ml::v1;
using namespace hodei;  // NOLINT

class Anybody : public access::Authenticator {
 public:
  Result<access::Principal> Authenticate(const net::RequestHead&) const override {
    return access::Principal{.email = "a@example.com"};
  }
};
class Everything : public access::Authorizer {
 public:
  Status CheckResource(const access::Principal&, std::string_view, std::string_view,
                       std::string_view) const override {
    return OkStatus();
  }
  Result<std::string> ResolveProject(std::string_view project) const override {
    return std::string(project);
  }
};

void BM_GetJob(benchmark::State& state) {
  const Anybody anybody;
  const Everything everything;
  wire::rest::Transcoder transcoder(wire::rest::ApiServices(), &anybody, &everything, {});
  transcoder.Bind<ml::GetJobRequest, ml::Job>(
      "google.cloud.ml.v1.JobService.GetJob",
      [](const service::CallContext&, const ml::GetJobRequest&) -> Result<ml::Job> {
        ml::Job job;
        job.set_job_id("j");
        job.set_state(ml::Job::RUNNING);
        job.mutable_create_time()->set_seconds(1714557600);
        return job;
      });
  net::RequestHead head;
  head.method = "GET";
  head.target = "/v1/projects/hodei-local/jobs/census_20240501_100000?alt=json";
  for (auto _ : state) {
    const net::HttpResponse response = transcoder.Start(head)->OnEnd();
    if (response.status != 200) std::abort();
  }
}
BENCHMARK(BM_GetJob);

void BM_RouteNotFound(benchmark::State& state) {
  const auto router = wire::rest::Router::Create(wire::rest::ApiServices()).value();
  for (auto _ : state) {
    benchmark::DoNotOptimize(router.Match("GET", "/v1/projects/p/nothing/here/at/all"));
  }
}
BENCHMARK(BM_RouteNotFound);

}  // namespace
