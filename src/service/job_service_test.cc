#include "service/job_service.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"
#include "domain/access/testing/fake_access.h"
#include "domain/jobs/testing/job_world.h"

namespace hodei::service {
namespace {

namespace ml = google::cloud::ml::v1;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::HasSubstr;

class JobServiceTest : public ::testing::Test {
 protected:
  JobServiceTest() { authorizer_.AddProjectNumber("42", "p"); }

  ml::CreateJobRequest Request(const std::string& id) {
    ml::CreateJobRequest request;
    request.set_parent("projects/p");
    *request.mutable_job() = world_.NewJob(id).job();
    return request;
  }
  Status Create(const std::string& id) { return service_.CreateJob({}, Request(id)).status(); }
  Result<ml::Job> Get(const std::string& name) {
    ml::GetJobRequest request;
    request.set_name(name);
    return service_.GetJob({}, request);
  }

  jobs::JobWorld world_;
  access::testing::FakeAuthorizer authorizer_;
  wire::PageTokens tokens_{Secret("0123456789abcdef")};
  JobService service_{{.store = world_.store.get(),
                       .objects = world_.objects.get(),
                       .authorizer = &authorizer_,
                       .environments = &world_.environments,
                       .reconciler = &world_.reconciler(),
                       .machines = &jobs::Machines::Published(),
                       .page_tokens = &tokens_,
                       .clock = &world_.clock}};
};

TEST_F(JobServiceTest, CreatedJobIsQueuedAndItsIdIsUsedForEver) {
  ml::CreateJobRequest request = Request("j");
  request.mutable_job()->set_state(ml::Job::SUCCEEDED);
  request.mutable_job()->set_error_message("mine");
  ASSERT_OK_AND_ASSIGN(const ml::Job job, service_.CreateJob({}, request));
  EXPECT_EQ(job.state(), ml::Job::QUEUED);
  EXPECT_EQ(job.error_message(), "");
  EXPECT_TRUE(job.has_create_time());
  EXPECT_FALSE(job.etag().empty());
  EXPECT_THAT(Create("j"), StatusIs(Code::kAlreadyExists,
                                    "Field: job.job_id Error: A job with this id already exists."));
  world_.Run();
  world_.executor.Exit(world_.Replica("j", "master"));
  world_.Run();
  EXPECT_EQ(Get("projects/p/jobs/j")->state(), ml::Job::SUCCEEDED);
  EXPECT_THAT(Create("j"), StatusIs(Code::kAlreadyExists));
}

TEST_F(JobServiceTest, PackagesMustExistAndBeReadableByTheCaller) {
  ml::CreateJobRequest request = Request("j");
  request.mutable_job()->mutable_training_input()->add_package_uris("gs://bucket/none.tar.gz");
  request.mutable_job()->mutable_training_input()->add_package_uris("gs://nowhere/x.tar.gz");
  EXPECT_THAT(
      service_.CreateJob({}, request),
      StatusIs(Code::kInvalidArgument,
               "Field: package_uris Error: The provided GCS paths [gs://bucket/none.tar.gz, "
               "gs://nowhere/x.tar.gz] cannot be read: they do not exist or the caller has "
               "no access to them."));
  authorizer_.Deny("storage.objects.get");
  EXPECT_THAT(Create("j"), StatusIs(Code::kInvalidArgument,
                                    HasSubstr("[gs://bucket/trainer-0.1.tar.gz] cannot be read")));
  EXPECT_THAT(Get("projects/p/jobs/j"), StatusIs(Code::kNotFound));
}

TEST_F(JobServiceTest, RuntimePairIsJudgedByEnvironments) {
  world_.environments.FailResolve("2.11", InvalidField("runtime_version", "never existed"));
  EXPECT_THAT(Create("j"),
              StatusIs(Code::kInvalidArgument, "Field: runtime_version Error: never existed"));
}

TEST_F(JobServiceTest, ListsNewestFirstInPagesWithFilter) {
  for (int i = 0; i < 7; ++i) ASSERT_THAT(Create("job" + std::to_string(i)), IsOk());
  ml::ListJobsRequest request;
  request.set_parent("projects/42");
  request.set_page_size(3);
  std::vector<std::string> seen;
  do {
    ASSERT_OK_AND_ASSIGN(const ml::ListJobsResponse page, service_.ListJobs({}, request));
    EXPECT_LE(page.jobs_size(), 3);
    for (const ml::Job& job : page.jobs()) seen.push_back(job.job_id());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(seen, ::testing::ElementsAre("job6", "job5", "job4", "job3", "job2", "job1", "job0"));
  request.set_filter("jobId:job5 AND state:QUEUED");
  ASSERT_OK_AND_ASSIGN(const ml::ListJobsResponse one, service_.ListJobs({}, request));
  ASSERT_EQ(one.jobs_size(), 1);
  EXPECT_EQ(one.jobs(0).job_id(), "job5");
  request.set_page_token("invented");
  EXPECT_THAT(service_.ListJobs({}, request), StatusIs(Code::kInvalidArgument));
  request.set_page_token("");
  request.set_filter("owner:me");
  EXPECT_THAT(service_.ListJobs({}, request), StatusIs(Code::kInvalidArgument));
}

TEST_F(JobServiceTest, CancelIsFineInEveryStateAndTwice) {
  ml::CancelJobRequest request;
  request.set_name("projects/p/jobs/j");
  EXPECT_THAT(service_.CancelJob({}, request),
              StatusIs(Code::kNotFound,
                       "Field: name Error: The job resource \"projects/p/jobs/j\" was not found."));
  ASSERT_THAT(Create("j"), IsOk());
  EXPECT_THAT(service_.CancelJob({}, request), IsOk());
  EXPECT_EQ(Get(request.name())->state(), ml::Job::CANCELLING);
  EXPECT_THAT(service_.CancelJob({}, request), IsOk());
  world_.Run();
  EXPECT_EQ(Get(request.name())->state(), ml::Job::CANCELLED);
  EXPECT_THAT(service_.CancelJob({}, request), IsOk());
}

TEST_F(JobServiceTest, PatchChangesLabelsOnlyAndChecksTheEtag) {
  ASSERT_THAT(Create("j"), IsOk());
  ml::UpdateJobRequest request;
  request.set_name("projects/p/jobs/j");
  EXPECT_THAT(service_.UpdateJob({}, request), StatusIs(Code::kInvalidArgument));
  request.mutable_update_mask()->add_paths("state");
  EXPECT_THAT(service_.UpdateJob({}, request), StatusIs(Code::kInvalidArgument));
  request.mutable_update_mask()->set_paths(0, "labels");
  (*request.mutable_job()->mutable_labels())["Bad"] = "x";
  EXPECT_THAT(service_.UpdateJob({}, request), StatusIs(Code::kInvalidArgument));
  request.mutable_job()->mutable_labels()->clear();
  (*request.mutable_job()->mutable_labels())["good"] = "x";
  ASSERT_OK_AND_ASSIGN(const ml::Job patched, service_.UpdateJob({}, request));
  EXPECT_EQ(patched.labels().at("good"), "x");
  request.mutable_update_mask()->add_paths("etag");
  request.mutable_job()->set_etag("other");
  EXPECT_THAT(service_.UpdateJob({}, request), StatusIs(Code::kAborted));
  request.mutable_job()->set_etag(patched.etag());
  EXPECT_THAT(service_.UpdateJob({}, request), IsOk());
}

TEST_F(JobServiceTest, ExplainsAndTellsThePosition) {
  // The fake host has room for four.
  for (const char* id : {"w", "x", "y"}) ASSERT_THAT(Create(id), IsOk());
  ASSERT_THAT(Create("a"), IsOk());
  ASSERT_THAT(Create("b"), IsOk());
  hodei::v1::ExplainJobRequest request;
  request.set_name("projects/p/jobs/b");
  ASSERT_OK_AND_ASSIGN(hodei::v1::JobExplanation why, service_.ExplainJob({}, request));
  EXPECT_EQ(why.reason(), "Accepted; the scheduler is about to look at it.");
  world_.Run();
  ASSERT_OK_AND_ASSIGN(why, service_.ExplainJob({}, request));
  EXPECT_EQ(why.position(), 1);
  EXPECT_EQ(why.claim().cpu_millis(), 4000);
  EXPECT_EQ(Get("projects/p/jobs/b")->job_position(), 1);
  request.set_name("projects/p/jobs/a");
  ASSERT_OK_AND_ASSIGN(why, service_.ExplainJob({}, request));
  ASSERT_EQ(why.replicas_size(), 1);
  EXPECT_EQ(why.replicas(0).task_name(), "master-replica-0");
  EXPECT_EQ(why.replicas(0).state(), "running");
}

}  // namespace
}  // namespace hodei::service
