// "VERB target\nbody" through a whole transcoder: nothing crashes, every answer is JSON with a
// status that the API has, and a handler never sees a project that was not asked about.
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/struct.pb.h>

#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>

#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "net/http_message.h"
#include "wire/json/parse_json.h"
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

class Remember : public access::Authorizer {
 public:
  Status CheckResource(const access::Principal&, std::string_view project, std::string_view,
                       std::string_view) const override {
    project_ = project;
    return project == "denied" ? PermissionDenied("denied") : OkStatus();
  }
  Result<std::string> ResolveProject(std::string_view project) const override {
    return std::string(project);
  }
  mutable std::string project_;
};

std::string ProjectOf(std::string_view name) {
  if (!name.starts_with("projects/")) std::abort();
  name.remove_prefix(9);
  return std::string(name.substr(0, name.find('/')));
}

struct Fixture {
  Anybody anybody;
  Remember remember;
  wire::rest::Transcoder transcoder{wire::rest::ApiServices(), &anybody, &remember, {}};

  template <typename Request, typename Response>
  void Bind(const char* method, const std::string& (Request::*name)() const) {
    transcoder.Bind<Request, Response>(
        method,
        [this, name](const service::CallContext&, const Request& request) -> Result<Response> {
          if (ProjectOf((request.*name)()) != remember.project_) std::abort();
          return Response();
        });
  }

  Fixture() {
    Bind<ml::CreateJobRequest, ml::Job>("google.cloud.ml.v1.JobService.CreateJob",
                                        &ml::CreateJobRequest::parent);
    Bind<ml::ListJobsRequest, ml::ListJobsResponse>("google.cloud.ml.v1.JobService.ListJobs",
                                                    &ml::ListJobsRequest::parent);
    Bind<ml::GetJobRequest, ml::Job>("google.cloud.ml.v1.JobService.GetJob",
                                     &ml::GetJobRequest::name);
    Bind<ml::UpdateJobRequest, ml::Job>("google.cloud.ml.v1.JobService.UpdateJob",
                                        &ml::UpdateJobRequest::name);
    Bind<ml::CancelJobRequest, google::protobuf::Empty>("google.cloud.ml.v1.JobService.CancelJob",
                                                        &ml::CancelJobRequest::name);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const Fixture* const fixture = new Fixture();
  static const std::set<int> statuses = {200, 400, 403, 404, 413, 501};
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const size_t line_end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, line_end);
  const size_t space = std::min(line.find(' '), line.size());
  net::RequestHead head;
  head.method = line.substr(0, space);
  head.target = line.substr(std::min(space + 1, line.size()));
  head.request_id = "r";
  fixture->transcoder.Owns(head.path());
  const auto handler = fixture->transcoder.Start(head);
  const std::string_view body = input.substr(std::min(line_end + 1, input.size()));
  const Status taken = body.empty() ? OkStatus() : handler->OnBody(body);
  net::HttpResponse response = taken.ok() ? handler->OnEnd() : handler->OnError(taken);
  if (!statuses.contains(response.status)) std::abort();
  google::protobuf::Struct answer;
  if (!wire::ParseJson(std::get<std::string>(response.body), &answer).ok()) std::abort();
  return 0;
}
