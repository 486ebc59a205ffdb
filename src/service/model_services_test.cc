#include <gmock/gmock.h>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/access/policy.h"
#include "domain/access/record_kinds.h"
#include "domain/access/testing/fake_access.h"
#include "domain/environments/testing/fake_environments.h"
#include "service/model_service.h"
#include "service/operation_service.h"
#include "service/version_service.h"

namespace hodei::service {
namespace {

namespace ml = google::cloud::ml::v1;
using google::longrunning::Operation;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::HasSubstr;

class ModelServicesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store::Bucket bucket;
    bucket.set_name("bucket");
    bucket.set_project_id("p");
    ASSERT_THAT(objects_->CreateBucket(bucket), IsOk());
    PutObject("m/saved_model.pb");
  }
  void PutObject(const std::string& name, std::string_view bytes = "x") {
    auto writer = objects_->NewWriter();
    ASSERT_THAT(writer, IsOk());
    ASSERT_THAT((*writer)->Append(bytes), IsOk());
    store::Object object;
    object.set_bucket("bucket");
    object.set_name(name);
    ASSERT_THAT((*writer)->Commit(object, {}, {}), IsOk());
  }

  Result<ml::Model> CreateModel(const std::string& id) {
    ml::CreateModelRequest request;
    request.set_parent("projects/p");
    request.mutable_model()->set_name(id);
    return models_.CreateModel({.principal = {.email = "ann@x"}}, request);
  }
  Result<ml::Model> GetModel(const std::string& id) {
    ml::GetModelRequest request;
    request.set_name("projects/p/models/" + id);
    return models_.GetModel({}, request);
  }
  Result<Operation> DeleteModel(const std::string& id) {
    ml::DeleteModelRequest request;
    request.set_name("projects/p/models/" + id);
    return models_.DeleteModel({}, request);
  }
  Result<ml::ListModelsResponse> List(const std::string& filter, int size = 0,
                                      const std::string& token = "") {
    ml::ListModelsRequest request;
    request.set_parent("projects/p");
    request.set_filter(filter);
    request.set_page_size(size);
    request.set_page_token(token);
    return models_.ListModels({}, request);
  }
  static ml::CreateVersionRequest Request(const std::string& id) {
    ml::CreateVersionRequest request;
    request.set_parent("projects/p/models/m");
    request.mutable_version()->set_name(id);
    request.mutable_version()->set_deployment_uri("gs://bucket/m");
    return request;
  }
  Result<Operation> Create(const ml::CreateVersionRequest& request) {
    return versions_.CreateVersion({}, request);
  }
  static std::string Name(const std::string& id) { return "projects/p/models/m/versions/" + id; }
  Result<ml::Version> GetVersion(const std::string& id) {
    ml::GetVersionRequest request;
    request.set_name(Name(id));
    return versions_.GetVersion({}, request);
  }
  Result<Operation> DeleteVersion(const std::string& id) {
    ml::DeleteVersionRequest request;
    request.set_name(Name(id));
    return versions_.DeleteVersion({}, request);
  }
  Result<Operation> GetOperation(const std::string& name) {
    google::longrunning::GetOperationRequest request;
    request.set_name(name);
    return operations_.GetOperation({}, request);
  }
  // As the reconciler does when a model was loaded.
  void MakeReady(const std::string& id, const Status& error = OkStatus()) {
    ASSERT_OK_AND_ASSIGN(const models::StoredVersion stored, registry_.GetVersion(Name(id)));
    ASSERT_THAT(registry_.FinishCreation(stored, error), IsOk());
  }
  void AddReady(const std::string& id) {
    ASSERT_THAT(Create(Request(id)), IsOk());
    MakeReady(id);
  }

  hodei::testing::FakeClock clock_;
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  std::unique_ptr<store::ObjectStore> objects_ = store::MakeMemoryObjectStore(&clock_);
  access::testing::FakeAuthorizer authorizer_;
  environments::FakeEnvironments environments_;
  wire::PageTokens tokens_{Secret("0123456789abcdef")};
  models::Registry registry_{store_.get(), &clock_};
  ModelService models_{store_.get(), &registry_, &tokens_};
  VersionService versions_{&registry_, objects_.get(), &authorizer_, &environments_, &tokens_};
  OperationService operations_{&registry_, &tokens_};
};

TEST_F(ModelServicesTest, AModelIsCreatedOnceAndBelongsToItsCreator) {
  ASSERT_OK_AND_ASSIGN(const ml::Model model, CreateModel("m"));
  EXPECT_EQ(model.name(), "projects/p/models/m");
  EXPECT_EQ(model.regions(0), "us-central1");
  EXPECT_EQ(model.etag().size(), 8u);
  EXPECT_THAT(CreateModel("m"),
              StatusIs(Code::kAlreadyExists,
                       "Field: model.name Error: A model with the same name already exists."));
  EXPECT_THAT(CreateModel("9bad"), StatusIs(Code::kInvalidArgument, HasSubstr("model.name")));
  ASSERT_OK_AND_ASSIGN(const auto policy, access::ReadPolicy(store_.get(), model.name()));
  EXPECT_EQ(policy.bindings(0).role(), "roles/ml.modelOwner");
}

TEST_F(ModelServicesTest, AMissingModelIsNamedAsTheOriginalDoes) {
  EXPECT_THAT(
      GetModel("m9"),
      StatusIs(Code::kNotFound, "Field: name Error: The model resource: \"m9\" was not found."));
  EXPECT_THAT(Create(Request("v")), StatusIs(Code::kNotFound, HasSubstr("model resource: \"m\"")));
}

TEST_F(ModelServicesTest, ListsPageAndFilter) {
  ASSERT_OK_AND_ASSIGN(const auto nothing, List(""));
  EXPECT_EQ(nothing.ByteSizeLong(), 0u);
  for (const char* id : {"a", "b", "ca", "cb"}) ASSERT_THAT(CreateModel(id), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto first, List("", 3));
  EXPECT_EQ(first.models_size(), 3);
  ASSERT_OK_AND_ASSIGN(const auto second, List("", 3, first.next_page_token()));
  ASSERT_EQ(second.models_size(), 1);
  EXPECT_EQ(second.models(0).name(), "projects/p/models/cb");
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_THAT(List("name:a", 3, first.next_page_token()), StatusIs(Code::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(const auto filtered, List("name:c* AND NOT name=ca"));
  ASSERT_EQ(filtered.models_size(), 1);
  EXPECT_THAT(List("size>3"), StatusIs(Code::kInvalidArgument, HasSubstr("filter")));
}

TEST_F(ModelServicesTest, TheFirstReadyVersionBecomesTheDefault) {
  ASSERT_THAT(CreateModel("m"), IsOk());
  ASSERT_OK_AND_ASSIGN(const Operation running, Create(Request("v1")));
  EXPECT_FALSE(running.done());
  EXPECT_THAT(running.name(), HasSubstr("projects/p/operations/create_m_v1-"));
  EXPECT_EQ(running.metadata().type_url(),
            "type.googleapis.com/google.cloud.ml.v1.OperationMetadata");
  ASSERT_OK_AND_ASSIGN(ml::Version version, GetVersion("v1"));
  EXPECT_EQ(version.state(), ml::Version::CREATING);
  EXPECT_EQ(version.framework(), ml::TENSORFLOW);
  EXPECT_EQ(version.machine_type(), "mls1-c1-m2");
  MakeReady("v1");
  ASSERT_OK_AND_ASSIGN(const Operation done, GetOperation(running.name()));
  EXPECT_TRUE(done.done());
  EXPECT_EQ(done.response().type_url(), "type.googleapis.com/google.cloud.ml.v1.Version");
  ASSERT_OK_AND_ASSIGN(version, GetVersion("v1"));
  EXPECT_TRUE(version.is_default());
  EXPECT_EQ(version.state(), ml::Version::READY);
  AddReady("v2");
  ASSERT_OK_AND_ASSIGN(const ml::Model model, GetModel("m"));
  EXPECT_EQ(model.default_version().name(), Name("v1"));
}

TEST_F(ModelServicesTest, AFailedVersionKeepsItsReasonAndIsNoDefault) {
  ASSERT_THAT(CreateModel("m"), IsOk());
  ASSERT_OK_AND_ASSIGN(const Operation running, Create(Request("v1")));
  MakeReady("v1", InvalidArgument("Create Version failed. Bad model."));
  ASSERT_OK_AND_ASSIGN(const Operation done, GetOperation(running.name()));
  EXPECT_EQ(done.error().code(), 3);
  EXPECT_EQ(done.error().message(), "Create Version failed. Bad model.");
  ASSERT_OK_AND_ASSIGN(const ml::Version version, GetVersion("v1"));
  EXPECT_EQ(version.state(), ml::Version::FAILED);
  EXPECT_EQ(version.error_message(), "Create Version failed. Bad model.");
  ASSERT_OK_AND_ASSIGN(const ml::Model model, GetModel("m"));
  EXPECT_FALSE(model.has_default_version());
  ml::SetDefaultVersionRequest request;
  request.set_name(Name("v1"));
  EXPECT_THAT(versions_.SetDefaultVersion({}, request), StatusIs(Code::kFailedPrecondition));
}

TEST_F(ModelServicesTest, TheDefaultVersionIsProtectedWhileOthersExist) {
  ASSERT_THAT(CreateModel("m"), IsOk());
  AddReady("v1");
  AddReady("v2");
  EXPECT_THAT(DeleteVersion("v1"), StatusIs(Code::kFailedPrecondition, HasSubstr("default")));
  ml::SetDefaultVersionRequest request;
  request.set_name(Name("v2"));
  ASSERT_OK_AND_ASSIGN(const ml::Version now, versions_.SetDefaultVersion({}, request));
  EXPECT_TRUE(now.is_default());
  ASSERT_OK_AND_ASSIGN(const Operation running, DeleteVersion("v1"));
  EXPECT_THAT(DeleteVersion("v1"), StatusIs(Code::kFailedPrecondition, HasSubstr("DELETING")));
  EXPECT_THAT(DeleteModel("m"), StatusIs(Code::kFailedPrecondition, HasSubstr("2 versions")));
  ASSERT_OK_AND_ASSIGN(models::StoredVersion stored, registry_.GetVersion(Name("v1")));
  ASSERT_THAT(registry_.FinishDeletion(stored), IsOk());
  ASSERT_OK_AND_ASSIGN(const Operation done, GetOperation(running.name()));
  EXPECT_EQ(done.response().type_url(), "type.googleapis.com/google.protobuf.Empty");
  EXPECT_THAT(GetVersion("v1"), StatusIs(Code::kNotFound));
  ASSERT_THAT(DeleteVersion("v2"), IsOk());
  ASSERT_OK_AND_ASSIGN(stored, registry_.GetVersion(Name("v2")));
  ASSERT_THAT(registry_.FinishDeletion(stored), IsOk());
  ASSERT_OK_AND_ASSIGN(const Operation gone, DeleteModel("m"));
  EXPECT_TRUE(gone.done());
  EXPECT_FALSE(store_->Get(access::kPolicyKind, "projects/p/models/m").ok());
}

TEST_F(ModelServicesTest, PatchChangesWhatTheMaskNames) {
  ASSERT_THAT(CreateModel("m"), IsOk());
  AddReady("v1");
  AddReady("v2");
  ml::UpdateModelRequest model;
  model.set_name("projects/p/models/m");
  EXPECT_THAT(models_.UpdateModel({}, model), StatusIs(Code::kInvalidArgument));
  model.mutable_update_mask()->add_paths("default_version.name");
  model.mutable_update_mask()->add_paths("description");
  model.mutable_model()->set_description("new");
  model.mutable_model()->mutable_default_version()->set_name("v2");
  ASSERT_OK_AND_ASSIGN(const Operation updated, models_.UpdateModel({}, model));
  EXPECT_TRUE(updated.done());
  ml::Model shown;
  ASSERT_TRUE(updated.response().UnpackTo(&shown));
  EXPECT_EQ(shown.default_version().name(), Name("v2"));
  model.mutable_update_mask()->add_paths("regions");
  EXPECT_THAT(models_.UpdateModel({}, model), StatusIs(Code::kInvalidArgument));

  ml::UpdateVersionRequest version;
  version.set_name(Name("v1"));
  version.mutable_update_mask()->add_paths("auto_scaling.min_nodes");
  version.mutable_version()->mutable_auto_scaling()->set_min_nodes(2);
  ASSERT_THAT(versions_.UpdateVersion({}, version), IsOk());
  ASSERT_OK_AND_ASSIGN(const ml::Version now, GetVersion("v1"));
  EXPECT_EQ(now.auto_scaling().min_nodes(), 2);
  version.mutable_update_mask()->add_paths("etag");
  version.mutable_version()->set_etag("12345678");
  EXPECT_THAT(versions_.UpdateVersion({}, version), StatusIs(Code::kAborted));
  version.mutable_version()->set_etag(now.etag());
  EXPECT_THAT(versions_.UpdateVersion({}, version), IsOk());
}

TEST_F(ModelServicesTest, WhatIsNotAModelIsRefusedWithTheReason) {
  ASSERT_THAT(CreateModel("m"), IsOk());
  const auto refused = [&](const char* uri) {
    ml::CreateVersionRequest request = Request("v");
    request.mutable_version()->set_deployment_uri(uri);
    return Create(request).status();
  };
  EXPECT_THAT(refused("gs://bucket/nothing/"),
              StatusIs(Code::kInvalidArgument, HasSubstr("does not exist or holds no objects")));
  EXPECT_THAT(refused("gs://other/m"),
              StatusIs(Code::kInvalidArgument, HasSubstr("cannot be read")));
  PutObject("two/model.pkl");
  PutObject("two/model.joblib");
  EXPECT_THAT(refused("gs://bucket/two"),
              StatusIs(Code::kInvalidArgument, HasSubstr("Multiple model files are found")));
  PutObject("none/readme.txt");
  EXPECT_THAT(refused("gs://bucket/none"),
              StatusIs(Code::kInvalidArgument, HasSubstr("is expected to contain exactly one of: "
                                                         "[saved_model.pb, saved_model.pbtxt")));
  PutObject("up/../x");
  PutObject("up/model.bst");
  EXPECT_THAT(refused("gs://bucket/up"),
              StatusIs(Code::kInvalidArgument, HasSubstr("cannot be a file")));
  authorizer_.Deny("storage.objects.get");
  EXPECT_THAT(refused("gs://bucket/m"),
              StatusIs(Code::kInvalidArgument, HasSubstr("cannot be read")));
}

TEST_F(ModelServicesTest, AThousandObjectsServeAndOneMoreDoesNot) {
  ASSERT_THAT(CreateModel("m"), IsOk());
  for (int i = 0; i < 999; ++i) PutObject("many/variables/" + std::to_string(i));
  PutObject("many/saved_model.pb");
  PutObject("many/variables/", "");  // a placeholder is no file
  ml::CreateVersionRequest request = Request("v");
  request.mutable_version()->set_deployment_uri("gs://bucket/many/");
  EXPECT_THAT(Create(request), IsOk());
  PutObject("many/one_more");
  request.mutable_version()->set_name("v2");
  EXPECT_THAT(Create(request),
              StatusIs(Code::kInvalidArgument, HasSubstr("more than 1000 objects")));
}

TEST_F(ModelServicesTest, WishesThatCannotBeAreNamed) {
  ASSERT_THAT(CreateModel("m"), IsOk());
  ml::CreateVersionRequest request = Request("1v");
  ml::Version* version = request.mutable_version();
  version->set_machine_type("n1-standard-2");
  version->mutable_auto_scaling()->set_min_nodes(0);
  version->set_prediction_class("Predictor");
  version->set_framework(ml::XGBOOST);
  const Status status = Create(request).status();
  EXPECT_THAT(status, StatusIs(Code::kInvalidArgument));
  for (const char* field : {"version.name", "auto_scaling.min_nodes", "version.prediction_class",
                            "version.framework", "version.package_uris"}) {
    EXPECT_THAT(status.message(), HasSubstr(field));
  }
  ml::CreateVersionRequest container = Request("v");
  container.mutable_version()->mutable_container()->set_image("x");
  EXPECT_THAT(Create(container), StatusIs(Code::kUnimplemented, HasSubstr("container")));
}

TEST_F(ModelServicesTest, OperationsAreListedNewestFirstAndCancelledOnce) {
  ASSERT_THAT(CreateModel("m"), IsOk());
  AddReady("v1");
  ASSERT_OK_AND_ASSIGN(const Operation second, Create(Request("v2")));
  google::longrunning::ListOperationsRequest list;
  list.set_name("projects/p");
  ASSERT_OK_AND_ASSIGN(auto all, operations_.ListOperations({}, list));
  ASSERT_EQ(all.operations_size(), 2);
  EXPECT_EQ(all.operations(0).name(), second.name());
  list.set_filter("done:false");
  ASSERT_OK_AND_ASSIGN(all, operations_.ListOperations({}, list));
  EXPECT_EQ(all.operations_size(), 1);
  google::longrunning::CancelOperationRequest cancel;
  cancel.set_name(second.name());
  EXPECT_THAT(operations_.CancelOperation({}, cancel), IsOk());
  ASSERT_OK_AND_ASSIGN(const models::StoredVersion stored, registry_.GetVersion(Name("v2")));
  EXPECT_TRUE(stored.record.cancel_requested());
  ASSERT_OK_AND_ASSIGN(const Operation asked, GetOperation(second.name()));
  ml::OperationMetadata metadata;
  ASSERT_TRUE(asked.metadata().UnpackTo(&metadata));
  EXPECT_TRUE(metadata.is_cancellation_requested());
  MakeReady("v2");
  EXPECT_THAT(operations_.CancelOperation({}, cancel), IsOk());
  cancel.set_name("projects/p/operations/none");
  EXPECT_THAT(operations_.CancelOperation({}, cancel), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace hodei::service
