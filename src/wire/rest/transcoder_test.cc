#include "wire/rest/transcoder.h"

#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "domain/access/testing/fake_access.h"
#include "google/api/httpbody.pb.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "google/cloud/ml/v1/online_prediction.pb.h"
#include "google/cloud/resourcemanager/v1/projects.pb.h"
#include "google/logging/v2/logging.pb.h"
#include "wire/rest/api_services.h"

namespace hodei::wire::rest {
namespace {

namespace ml = google::cloud::ml::v1;
using service::CallContext;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Answer {
  int status = 0;
  std::string body;
  net::Headers headers;
};

class TranscoderTest : public ::testing::Test {
 protected:
  TranscoderTest() {
    authenticator_.AddToken("good", {.email = "owner@example.com"});
    transcoder_ = std::make_unique<Transcoder>(
        ApiServices(), &authenticator_, &authorizer_,
        TranscoderOptions{.body_limit_bytes = 1000,
                          .on_error = [this](const CallRecord& r) { records_.push_back(r); }});
    transcoder_->Bind<ml::CreateJobRequest, ml::Job>(
        "google.cloud.ml.v1.JobService.CreateJob",
        [this](const CallContext& call, const ml::CreateJobRequest& request) -> Result<ml::Job> {
          context_ = call;
          create_ = request;
          ml::Job job = request.job();
          job.set_state(ml::Job::QUEUED);
          return job;
        });
    transcoder_->Bind<ml::GetJobRequest, ml::Job>(
        "google.cloud.ml.v1.JobService.GetJob",
        [this](const CallContext&, const ml::GetJobRequest& request) -> Result<ml::Job> {
          name_ = request.name();
          if (request.name().ends_with("/broken")) return Internal("open '/secret/path': EIO");
          if (request.name().ends_with("/throws")) throw std::runtime_error("secret words");
          if (request.name().ends_with("/absent")) return NotFound("no such job");
          ml::Job job;
          job.set_job_id("j");
          job.set_state(ml::Job::RUNNING);
          return job;
        },
        Transcoder::Where::kInline);
    transcoder_->Bind<ml::ListJobsRequest, ml::ListJobsResponse>(
        "google.cloud.ml.v1.JobService.ListJobs",
        [this](const CallContext&,
               const ml::ListJobsRequest& request) -> Result<ml::ListJobsResponse> {
          list_ = request;
          return ml::ListJobsResponse();
        });
    transcoder_->Bind<ml::UpdateJobRequest, ml::Job>(
        "google.cloud.ml.v1.JobService.UpdateJob",
        [this](const CallContext&, const ml::UpdateJobRequest& request) -> Result<ml::Job> {
          update_ = request;
          return request.job();
        });
    transcoder_->Bind<ml::CancelJobRequest, google::protobuf::Empty>(
        "google.cloud.ml.v1.JobService.CancelJob",
        [this](const CallContext&,
               const ml::CancelJobRequest& request) -> Result<google::protobuf::Empty> {
          name_ = request.name();
          return google::protobuf::Empty();
        });
    transcoder_->Bind<ml::PredictRequest, google::api::HttpBody>(
        "google.cloud.ml.v1.OnlinePredictionService.Predict",
        [](const CallContext&, const ml::PredictRequest& request) -> Result<google::api::HttpBody> {
          google::api::HttpBody body = request.http_body();
          body.set_data(request.name() + "|" + body.content_type() + "|" + body.data());
          body.set_content_type("text/x");
          return body;
        });
  }

  static net::RequestHead Head(std::string method, std::string target, bool credential = true) {
    net::RequestHead head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.host = "127.0.0.1:8080";
    head.request_id = "r1";
    if (credential) head.headers.Add("Authorization", "Bearer good");
    return head;
  }

  // Sends the body in pieces of 7 bytes.
  Answer Send(const net::RequestHead& head, std::string_view body = "") const {
    const auto handler = transcoder_->Start(head);
    net::HttpResponse response;
    Status status;
    while (status.ok() && !body.empty()) {
      status = handler->OnBody(body.substr(0, 7));
      body.remove_prefix(std::min<size_t>(7, body.size()));
    }
    response = status.ok() ? handler->OnEnd() : handler->OnError(status);
    return {response.status, std::get<std::string>(response.body), response.headers};
  }
  Answer Send(std::string method, std::string target, std::string_view body = "") const {
    return Send(Head(std::move(method), std::move(target)), body);
  }

  access::testing::FakeAuthenticator authenticator_;
  access::testing::FakeAuthorizer authorizer_;
  std::unique_ptr<Transcoder> transcoder_;
  std::vector<CallRecord> records_;
  CallContext context_;
  std::string name_;
  ml::CreateJobRequest create_;
  ml::ListJobsRequest list_;
  ml::UpdateJobRequest update_;
};

TEST_F(TranscoderTest, CarriesACallThereAndBack) {
  const Answer answer = Send("POST", "/v1/projects/p/jobs?alt=json&prettyPrint=false",
                             R"({"jobId":"j1","trainingInput":{"workerCount":"2"}})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"jobId":"j1","trainingInput":{"workerCount":"2"},"state":"QUEUED"})");
  EXPECT_EQ(answer.headers.Get("Content-Type"), "application/json; charset=UTF-8");
  EXPECT_EQ(answer.headers.Get("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(create_.parent(), "projects/p");
  EXPECT_EQ(create_.job().training_input().worker_count(), 2);
  EXPECT_EQ(context_.principal.email, "owner@example.com");
  EXPECT_EQ(context_.request_id, "r1");
  EXPECT_THAT(authorizer_.asked(), ElementsAre(access::testing::FakeAuthorizer::Asked{
                                       "owner@example.com", "p", "", "ml.jobs.create"}));
  EXPECT_THAT(records_, IsEmpty());
}

TEST_F(TranscoderTest, AnswersArePrettyUnlessToldOtherwise) {
  EXPECT_EQ(Send("GET", "/v1/projects/p/jobs/j").body,
            "{\n  \"jobId\": \"j\",\n  \"state\": \"RUNNING\"\n}\n");
  EXPECT_EQ(Send("GET", "/v1/projects/p/jobs/j?fields=state&prettyPrint=false").body,
            R"({"state":"RUNNING"})");
}

TEST_F(TranscoderTest, QueryAndBodyFillTheirParts) {
  EXPECT_EQ(Send("GET", "/v1/projects/p/jobs?pageSize=7&filter=state%3AFAILED").status, 200);
  EXPECT_EQ(list_.page_size(), 7);
  EXPECT_EQ(list_.filter(), "state:FAILED");
  EXPECT_EQ(
      Send("PATCH", "/v1/projects/p/jobs/j?updateMask=labels", R"({"labels":{"a":"b"}})").status,
      200);
  EXPECT_EQ(update_.job().labels().at("a"), "b");
  EXPECT_THAT(update_.update_mask().paths(), ElementsAre("labels"));
  EXPECT_EQ(Send("POST", "/v1/projects/p/jobs/j:cancel", "{}").body, "{}\n");
  EXPECT_EQ(Send("POST", "/v1/projects/p/jobs/j:cancel").status, 200);
}

// What was authorized is what the handler sees, whatever body and query say.
TEST_F(TranscoderTest, ThePathHasTheLastWord) {
  EXPECT_EQ(Send("GET", "/v1/projects/p/jobs/j?name=projects/other/jobs/j").status, 200);
  EXPECT_EQ(name_, "projects/p/jobs/j");
  EXPECT_EQ(
      Send("POST", "/v1/projects/p/jobs/j:cancel", R"({"name":"projects/other/jobs/j"})").status,
      200);
  EXPECT_EQ(name_, "projects/p/jobs/j");
  EXPECT_EQ(Send("GET", "/v1/projects/p/jobs?parent=projects/other").status, 200);
  EXPECT_EQ(list_.parent(), "projects/p");
}

TEST_F(TranscoderTest, MethodOverride) {
  net::RequestHead head = Head("POST", "/v1/projects/p/jobs/j?updateMask=labels");
  head.headers.Add("X-HTTP-Method-Override", "PATCH");
  EXPECT_EQ(Send(head, "{}").status, 200);
  EXPECT_THAT(update_.update_mask().paths(), ElementsAre("labels"));
  net::RequestHead get = Head("GET", "/v1/projects/p/jobs");
  get.headers.Add("X-HTTP-Method-Override", "POST");
  EXPECT_EQ(Send(get).status, 200);
  net::RequestHead form = Head("POST", "/v1/projects/p/jobs?pageSize=3");
  form.headers.Add("X-HTTP-Method-Override", "GET");
  form.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  EXPECT_EQ(Send(form, "filter=a%3Ab+c&alt=json").status, 200);
  EXPECT_EQ(list_.filter(), "a:b c");
  EXPECT_EQ(list_.page_size(), 3);
}

// T1: the same 401 on every route, known or not, bound or not, with and without a body.
TEST_F(TranscoderTest, NobodyLearnsAnythingWithoutACredential) {
  std::vector<std::pair<std::string, std::string>> requests = {
      {"GET", "/v1/no/such/route"},
      {"GET", "/v1"},
      {"TRACE", "/v1/projects"},
      {"GET", "/$discovery/rest"},
      {"GET", "/v1/projects/%zz/jobs/%00"}};
  for (const auto& route : transcoder_->router().routes()) {
    std::string path = route->path.text();
    for (const std::string_view name : {"{parent=", "{name=", "{resource="}) {
      if (const size_t at = path.find(name); at != std::string::npos) path.erase(at, name.size());
    }
    std::erase_if(path, [](char c) { return c == '}' || c == '{'; });
    std::replace(path.begin(), path.end(), '*', 'x');
    requests.emplace_back(route->verb, path);
  }
  std::vector<std::pair<std::string, std::string>> credentials = {
      {"", ""},
      {"Authorization", ""},
      {"Authorization", "Bearer "},
      {"Authorization", "Bearer bad"},
      {"Authorization", "Basic Z29vZDpnb29k"},
      {"Authorization", "good"},
      {"Authorization", std::string(5000, 'x')}};
  const Answer expected = Send(Head("GET", "/v1/projects/p/jobs", false));
  EXPECT_EQ(expected.status, 401);
  EXPECT_THAT(expected.body, HasSubstr("\"status\": \"UNAUTHENTICATED\""));
  for (const auto& [verb, path] : requests) {
    for (const auto& [name, value] : credentials) {
      net::RequestHead head = Head(verb, path, false);
      if (!name.empty()) head.headers.Add(name, value);
      const Answer answer = Send(head, "{}");
      EXPECT_EQ(answer.status, 401) << verb << " " << path;
      EXPECT_EQ(answer.body, expected.body) << verb << " " << path;
      EXPECT_EQ(answer.headers.Get("WWW-Authenticate"), "Bearer realm=\"hodei\"");
    }
  }
  EXPECT_THAT(authorizer_.asked(), IsEmpty());
}

// T5: every route with a permission asks for it, for the project of the path, before anything else.
TEST_F(TranscoderTest, EveryPermissionIsAskedForBeforeTheHandlerRuns) {
  authorizer_.DenyProject("other");
  for (const auto& route : transcoder_->router().routes()) {
    if (route->access.kind != RouteAccess::Kind::kPermission) continue;
    std::string path = "/v1/projects/other";
    const std::string& text = route->path.text();
    const size_t rest = text.find("projects/") + 9;
    path = text.substr(0, 4) + "projects/other" + text.substr(text.find_first_of("/}", rest));
    std::erase_if(path, [](char c) { return c == '}'; });
    std::replace(path.begin(), path.end(), '*', 'x');
    const Answer answer = Send(route->verb, path, "not json");
    EXPECT_EQ(answer.status, 403) << route->verb << " " << path;
    EXPECT_THAT(answer.body, HasSubstr("PERMISSION_DENIED"));
    ASSERT_FALSE(authorizer_.asked().empty());
    EXPECT_EQ(authorizer_.asked().back().permission, route->access.permission) << path;
    EXPECT_EQ(authorizer_.asked().back().project, "other") << path;
  }
}

TEST_F(TranscoderTest, EscapedSlashesDoNotReachAnotherProject) {
  authorizer_.DenyProject("p%2Fjobs%2Fx");
  EXPECT_EQ(Send("GET", "/v1/projects/p%2Fjobs%2Fx/jobs/j").status, 403);
  EXPECT_EQ(authorizer_.asked().back().project, "p%2Fjobs%2Fx");
  EXPECT_EQ(Send("GET", "/v1/projects/p/jobs/..%2F..%2Fq%2Fjobs%2Fj").status, 200);
  EXPECT_EQ(authorizer_.asked().back().project, "p");
  EXPECT_EQ(name_, "projects/p/jobs/..%2F..%2Fq%2Fjobs%2Fj");
}

TEST_F(TranscoderTest, ProjectNumbersBecomeIds) {
  authorizer_.AddProjectNumber("123", "p");
  EXPECT_EQ(Send("GET", "/v1/projects/123/jobs/j").status, 200);
  EXPECT_EQ(name_, "projects/p/jobs/j");
  EXPECT_EQ(authorizer_.asked().back().project, "123");
  EXPECT_EQ(authorizer_.asked().back().resource, "projects/123/jobs/j");
}

TEST_F(TranscoderTest, UnboundMethodsSayThatTheyAreNotThere) {
  const Answer answer = Send("POST", "/v1/projects/p/models", "{}");
  EXPECT_EQ(answer.status, 501);
  EXPECT_THAT(
      answer.body,
      AllOf(
          HasSubstr("Method ml.projects.models.create is not available in this release of Hodei."),
          HasSubstr("UNIMPLEMENTED")));
  EXPECT_THAT(transcoder_->UnboundMethods(),
              Contains("google.cloud.ml.v1.ModelService.CreateModel"));
  EXPECT_THAT(transcoder_->UnboundMethods(),
              ::testing::Not(Contains("google.cloud.ml.v1.JobService.CreateJob")));
}

TEST_F(TranscoderTest, UnknownRoutesAre404) {
  for (const auto& [verb, path] :
       std::vector<std::pair<const char*, const char*>>{{"GET", "/v1/nope"},
                                                        {"DELETE", "/v1/projects/p/jobs/j"},
                                                        {"PUT", "/v2/entries:list"},
                                                        {"GET", "/v1/projects/p/jobs/j/"},
                                                        {"GET", "/v1//projects/p/jobs/j"},
                                                        {"GET", "/v1"}}) {
    EXPECT_EQ(Send(verb, path).status, 404) << verb << path;
  }
}

TEST_F(TranscoderTest, BadInputIs400WithTheField) {
  struct Case {
    const char* method;
    const char* target;
    const char* body;
    const char* message;
  };
  const Case kCases[] = {
      {"POST", "/v1/projects/p/jobs", R"({"trainingInput":{"x":1}})",
       "Unknown name \\\"x\\\" at 'job.training_input': Cannot find field."},
      {"POST", "/v1/projects/p/jobs", "{", "Invalid JSON payload received. Unexpected token."},
      {"POST", "/v1/projects/p/jobs", "[]", "Invalid value at 'job'"},
      {"POST", "/v1/projects/p/jobs?x=1", "{}", "Cannot bind query parameter. Field 'x'"},
      {"POST", "/v1/projects/p/jobs/j:cancel", R"({"x":1})",
       "Unknown name \\\"x\\\": Cannot find field."},
      {"GET", "/v1/projects/p/jobs?pageSize=many", "", "Invalid value at 'page_size' (TYPE_INT32)"},
      {"GET", "/v1/projects/p/jobs?fields=a(", "", "Invalid field selection"},
      {"GET", "/v1/projects/p/jobs/%FF", "", "Invalid resource name in the path."},
      {"PATCH", "/v1/projects/p/jobs/j?updateMask=a%20b", "{}", "Invalid value at 'update_mask'"},
  };
  for (const Case& c : kCases) {
    const Answer answer = Send(c.method, c.target, c.body);
    EXPECT_EQ(answer.status, 400) << c.target << c.body;
    EXPECT_THAT(answer.body, AllOf(HasSubstr(c.message), HasSubstr("INVALID_ARGUMENT")))
        << c.target;
  }
}

TEST_F(TranscoderTest, HandlerErrorsAreEnvelopesAndSecretsStayInTheLog) {
  EXPECT_EQ(Send("GET", "/v1/projects/p/jobs/absent?prettyPrint=false").body,
            R"({"error":{"code":404,"message":"no such job","status":"NOT_FOUND"}})");
  for (const char* path : {"/v1/projects/p/jobs/broken", "/v1/projects/p/jobs/throws"}) {
    records_.clear();
    const Answer answer = Send("GET", path);
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.body, HasSubstr("Internal error encountered. Request id: r1."));
    EXPECT_THAT(answer.body, ::testing::Not(HasSubstr("secret")));
    ASSERT_EQ(records_.size(), 1u);
    EXPECT_THAT(records_[0].status.message(), HasSubstr("secret"));
    EXPECT_EQ(records_[0].method, "google.cloud.ml.v1.JobService.GetJob");
    EXPECT_EQ(records_[0].principal, "owner@example.com");
  }
}

TEST_F(TranscoderTest, BodiesAreBounded) {
  const std::string fits = "{\"jobId\":\"" + std::string(988, 'x') + "\"}";
  ASSERT_EQ(fits.size(), 1000u);
  EXPECT_EQ(Send("POST", "/v1/projects/p/jobs", fits).status, 200);
  const Answer answer = Send("POST", "/v1/projects/p/jobs", fits + " ");
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("Request payload size exceeds the limit: 1000 bytes."));
  // A refused request's body is drained, but not without end.
  const auto handler = transcoder_->Start(Head("POST", "/v1/nope"));
  const std::string piece(1024, 'x');
  int pieces = 0;
  while (handler->OnBody(piece).ok()) ASSERT_LT(++pieces, 5000);
  EXPECT_EQ(handler->OnError(OkStatus()).status, 404);
}

TEST_F(TranscoderTest, RawBodiesPassAsTheyAre) {
  net::RequestHead head = Head("POST", "/v1/projects/p/models/m:predict");
  head.headers.Add("Content-Type", "application/json");
  const Answer answer = Send(head, "{\"instances\":[}");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "projects/p/models/m|application/json|{\"instances\":[}");
  EXPECT_EQ(answer.headers.Get("Content-Type"), "text/x");
}

TEST_F(TranscoderTest, ServesDiscovery) {
  const Answer answer = Send("GET", "/$discovery/rest?version=v1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("\"rootUrl\": \"http://127.0.0.1:8080/\""));
  EXPECT_EQ(Send("GET", "/discovery/v1/apis/nope/v1/rest").status, 404);
  EXPECT_EQ(Send("POST", "/$discovery/rest").status, 404);
}

TEST_F(TranscoderTest, OwnsItsPathsOnly) {
  for (const char* path : {"/v1", "/v1/", "/v1/x", "/v2/entries:list", "/v2/projects/p/logs",
                           "/$discovery/rest", "/discovery/v1/apis/ml/v1/rest"}) {
    EXPECT_TRUE(transcoder_->Owns(path)) << path;
  }
  for (const char* path : {"/", "/v2/", "/v2/library/x/manifests/1", "/storage/v1/b", "/healthz",
                           "/v1x", "/token", ""}) {
    EXPECT_FALSE(transcoder_->Owns(path)) << path;
  }
}

TEST_F(TranscoderTest, ServesManyThreadsAtOnce) {
  Transcoder transcoder(ApiServices(), &authenticator_, &authorizer_, {});
  transcoder.Bind<ml::CreateJobRequest, ml::Job>(
      "google.cloud.ml.v1.JobService.CreateJob",
      [](const CallContext&, const ml::CreateJobRequest& request) -> Result<ml::Job> {
        return request.job();
      });
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string id = "j" + std::to_string(t);
      for (int i = 0; i < 100; ++i) {
        const auto handler =
            transcoder.Start(Head("POST", "/v1/projects/p/jobs?prettyPrint=false&fields=jobId"));
        const Status taken = handler->OnBody("{\"jobId\":\"" + id + "\",\"labels\":{\"a\":\"b\"}}");
        const net::HttpResponse response = handler->OnEnd();
        const std::string want = "{\"jobId\":\"" + id + "\"}";
        if (!taken.ok() || std::get<std::string>(response.body) != want) ++wrong;
        if (transcoder.Start(Head("GET", "/v1/nope"))->OnEnd().status != 404) ++wrong;
      }
      if (transcoder.Start(Head("GET", "/$discovery/rest"))->OnEnd().status != 200) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(TranscoderTest, WiringMistakesStopTheProgram) {
  EXPECT_DEATH((transcoder_->Bind<ml::GetJobRequest, ml::Job>(
                   "google.cloud.ml.v1.JobService.Nope",
                   [](const CallContext&, const ml::GetJobRequest&) -> Result<ml::Job> {
                     return ml::Job();
                   })),
               "there is no method");
  EXPECT_DEATH((transcoder_->Bind<ml::CreateJobRequest, ml::Job>(
                   "google.cloud.ml.v1.JobService.GetJob",
                   [](const CallContext&, const ml::CreateJobRequest&) -> Result<ml::Job> {
                     return ml::Job();
                   })),
               "takes google.cloud.ml.v1.GetJobRequest");
}

}  // namespace
}  // namespace hodei::wire::rest
