#include "wire/rest/query.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "google/iam/v1/policy.pb.h"
#include "wire/json/print_json.h"

namespace hodei::wire::rest {
namespace {

using google::cloud::ml::v1::ListJobsRequest;
using google::cloud::ml::v1::UpdateJobRequest;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::HasSubstr;

template <typename Request>
Status Bind(std::string_view raw, Request* request, std::string_view body = "") {
  ASSIGN_OR_RETURN(const Query query, ParseQuery(raw));
  return BindQuery(query, body, request);
}

TEST(Query, FillsFieldsInEitherSpelling) {
  const std::pair<const char*, const char*> kCases[] = {
      {"pageSize=5&pageToken=a%2Bb", R"({"pageSize":5,"pageToken":"a+b"})"},
      {"page_size=5", R"({"pageSize":5})"},
      {"filter=jobId%3Ax*+AND+state:FAILED", R"({"filter":"jobId:x* AND state:FAILED"})"},
      {"", "{}"},
      {"&&", "{}"},
      {"filter", "{}"},
      {"filter=a=b", R"({"filter":"a=b"})"},
      {"alt=json&$.xgafv=2&access_token=x&callback=f&key=k&oauth_token=o&prettyPrint=false&"
       "quotaUser=u"
       "&trace=t&uploadType=media&upload_protocol=raw&fields=jobs&$alt=json&%24prettyPrint=true",
       "{}"},
  };
  for (const auto& [raw, printed] : kCases) {
    ListJobsRequest request;
    EXPECT_THAT(Bind(raw, &request), IsOk()) << raw;
    EXPECT_EQ(PrintJson(request), printed) << raw;
  }
  google::iam::v1::GetIamPolicyRequest policy;
  EXPECT_THAT(Bind("options.requestedPolicyVersion=3", &policy), IsOk());
  EXPECT_EQ(policy.options().requested_policy_version(), 3);
  UpdateJobRequest update;
  EXPECT_THAT(Bind("updateMask=labels,trainingInput.jobDir", &update, "job"), IsOk());
  EXPECT_THAT(update.update_mask().paths(),
              ::testing::ElementsAre("labels", "training_input.job_dir"));
}

TEST(Query, RefusesWhatItCannotBind) {
  struct Case {
    const char* raw;
    const char* message;
  };
  const Case kCases[] = {
      {"nope=1",
       "Invalid JSON payload received. Unknown name \"nope\": Cannot bind query parameter. Field "
       "'nope' "
       "could not be found in request message."},
      {"updateMask.paths=a", "Cannot bind query parameter"},
      {"job.jobId=x", "Cannot bind query parameter"},
      {"job=x", "Cannot bind query parameter"},
      {"name.x=1", "Cannot bind query parameter"},
      {"=1", "Cannot bind query parameter"},
      {".=1", "Cannot bind query parameter"},
      {"updateMask=a%20b",
       "Invalid value at 'update_mask' (type.googleapis.com/google.protobuf.FieldMask)"},
      {"updateMask=a&update_mask=b", "Query parameter \"update_mask\" is given twice."},
      {"a=%zz", "query"},
      {"%ff=1", "not valid UTF-8"},
      {"name=%ff", "not valid UTF-8"},
      {"alt=proto", "Invalid value for parameter alt"},
      {"fields=a(", "Invalid field selection"},
  };
  for (const Case& c : kCases) {
    UpdateJobRequest request;
    EXPECT_THAT(Bind(c.raw, &request, "job"),
                StatusIs(Code::kInvalidArgument, HasSubstr(c.message)))
        << c.raw;
  }
  ListJobsRequest list;
  EXPECT_THAT(Bind("pageSize=abc", &list),
              StatusIs(Code::kInvalidArgument,
                       HasSubstr("Invalid value at 'page_size' (TYPE_INT32), \"abc\"")));
  EXPECT_THAT(Bind("pageSize=3", &list, "*"), StatusIs(Code::kInvalidArgument));
}

TEST(Query, CountIsBounded) {
  std::string raw;
  for (size_t i = 0; i < kQueryParameterLimit; ++i) raw += "key=1&";
  EXPECT_TRUE(ParseQuery(raw).ok());
  EXPECT_THAT(ParseQuery(raw + "key=1"), StatusIs(Code::kInvalidArgument));
}

TEST(Query, PrettyUnlessToldOtherwise) {
  EXPECT_TRUE(WantsPretty(""));
  EXPECT_TRUE(WantsPretty("prettyPrint=true"));
  EXPECT_FALSE(WantsPretty("alt=json&prettyPrint=false"));
  EXPECT_FALSE(WantsPretty("$prettyPrint=0"));
}

}  // namespace
}  // namespace hodei::wire::rest
