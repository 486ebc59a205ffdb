#include "service/model_service.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"

namespace hodei::service {
namespace {

using google::cloud::ml::v1::GetModelRequest;
using google::cloud::ml::v1::ListModelsRequest;
using google::cloud::ml::v1::ListModelsResponse;
using google::cloud::ml::v1::Model;
using hodei::testing::StatusIs;
using ::testing::HasSubstr;

class ModelServiceTest : public ::testing::Test {
 protected:
  void Put(const std::string& name) {
    Model model;
    model.set_name(name);
    ASSERT_TRUE(
        store_->Commit({{.kind = "model", .name = name, .value = model.SerializeAsString()}}).ok());
  }
  Result<ListModelsResponse> List(const std::string& parent, int size = 0,
                                  const std::string& token = "") {
    ListModelsRequest request;
    request.set_parent(parent);
    request.set_page_size(size);
    request.set_page_token(token);
    return service_.ListModels({}, request);
  }
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  wire::PageTokens tokens_{Secret("0123456789abcdef")};
  ModelService service_{store_.get(), &tokens_};
};

TEST_F(ModelServiceTest, AnEmptyListIsEmpty) {
  ASSERT_OK_AND_ASSIGN(const ListModelsResponse response, List("projects/p"));
  EXPECT_EQ(response.ByteSizeLong(), 0u);
}

TEST_F(ModelServiceTest, PagesStayInTheProject) {
  for (const char* name : {"projects/p/models/a", "projects/p/models/b", "projects/p/models/c",
                           "projects/p2/models/d"}) {
    Put(name);
  }
  ASSERT_OK_AND_ASSIGN(const ListModelsResponse first, List("projects/p", 2));
  ASSERT_EQ(first.models_size(), 2);
  ASSERT_OK_AND_ASSIGN(const ListModelsResponse second,
                       List("projects/p", 2, first.next_page_token()));
  ASSERT_EQ(second.models_size(), 1);
  EXPECT_EQ(second.models(0).name(), "projects/p/models/c");
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_THAT(List("projects/p2", 2, first.next_page_token()), StatusIs(Code::kInvalidArgument));
}

TEST_F(ModelServiceTest, AMissingModelIsNamedAsTheOriginalDoes) {
  GetModelRequest request;
  request.set_name("projects/p/models/m9");
  EXPECT_THAT(service_.GetModel({}, request),
              StatusIs(Code::kNotFound,
                       HasSubstr("Field: name Error: The model resource: \"m9\" was not found.")));
}

}  // namespace
}  // namespace hodei::service
