#include "store/s3/s3_client.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"
#include "store/s3/testing/fake_s3.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;
using Fault = testing::FakeS3::Fault;

class S3ClientTest : public ::testing::Test {
 protected:
  void SetUp() override { Connect(fake_.options()); }
  void Connect(S3Options options) {
    Result<std::unique_ptr<S3Client>> client = S3Client::Create(std::move(options));
    ASSERT_THAT(client, IsOk());
    client_ = *std::move(client);
  }
  Status PutFile(const std::string& key, const std::string& bytes) {
    const std::string path = folder_.path() + "/file";
    RETURN_IF_ERROR(WriteFileDurably(path, bytes));
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
    return client_->PutFile(key, fd.get(), bytes.size());
  }
  std::string Get(const std::string& key, uint64_t offset, uint64_t length) {
    std::string out;
    const Status got = client_->Get(key, offset, length, [&out](std::string_view piece) {
      out.append(piece);
      return OkStatus();
    });
    return got.ok() ? out : got.message();
  }
  static std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
    return bytes;
  }

  TemporaryDirectory folder_;
  testing::FakeS3 fake_;
  std::unique_ptr<S3Client> client_;
};

TEST_F(S3ClientTest, PutsReadsRangesAndDeletes) {
  ASSERT_THAT(client_->Put("a/one", "hello world"), IsOk());
  EXPECT_EQ(Get("a/one", 0, 11), "hello world");
  EXPECT_EQ(Get("a/one", 6, 3), "wor");
  ASSERT_OK_AND_ASSIGN(const uint64_t size, client_->Size("a/one"));
  EXPECT_EQ(size, 11u);
  ASSERT_THAT(client_->Delete("a/one"), IsOk());
  ASSERT_THAT(client_->Delete("a/one"), IsOk());
  EXPECT_THAT(client_->Size("a/one"), StatusIs(Code::kNotFound));
}

TEST_F(S3ClientTest, ListsAllPages) {
  for (int i = 0; i < 8; ++i) fake_.Put("p/" + std::to_string(i), std::string(i, 'x'));
  fake_.Put("q/other", "");
  std::string token;
  std::vector<std::string> keys;
  int pages = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const S3Page page, client_->List("p/", token));
    for (const S3Entry& entry : page.entries) keys.push_back(entry.key);
    token = page.next_token;
    ++pages;
  } while (!token.empty());
  EXPECT_EQ(keys.size(), 8u);
  EXPECT_EQ(pages, 3);
}

TEST_F(S3ClientTest, WhatIsToBeSmallIsBounded) {
  fake_.Put("most", std::string(kS3SmallBytes, 'x'));
  fake_.Put("more", std::string(kS3SmallBytes + 1, 'x'));
  ASSERT_OK_AND_ASSIGN(const std::string most, client_->GetSmall("most"));
  EXPECT_EQ(most.size(), kS3SmallBytes);
  EXPECT_THAT(client_->GetSmall("more"), StatusIs(Code::kResourceExhausted, HasSubstr("larger")));
}

TEST_F(S3ClientTest, AListingIsBounded) {
  fake_.Put(std::string(kS3AnswerBytes - 2000, 'k'), "");
  ASSERT_OK_AND_ASSIGN(const S3Page most, client_->List("", ""));
  EXPECT_EQ(most.entries.size(), 1u);
  fake_.Put(std::string(2000, 'l'), "");
  EXPECT_THAT(client_->List("", ""), StatusIs(Code::kResourceExhausted, HasSubstr("endpoint")));
}

TEST_F(S3ClientTest, LargeFilesGoInParts) {
  S3Options options = fake_.options();
  options.part_bytes = 10'000;
  Connect(options);
  const std::string bytes = Bytes(95'001);
  ASSERT_THAT(PutFile("large", bytes), IsOk());
  EXPECT_EQ(fake_.objects().at("large"), bytes);
  EXPECT_EQ(fake_.open_uploads(), 0u);
  ASSERT_THAT(PutFile("one part", bytes.substr(0, 10'000)), IsOk());
  EXPECT_EQ(fake_.objects().at("one part"), bytes.substr(0, 10'000));
}

TEST_F(S3ClientTest, ServerErrorsAndLostAnswersAreTriedAgain) {
  S3Options options = fake_.options();
  options.part_bytes = 10'000;
  Connect(options);
  const std::string bytes = Bytes(45'000);
  for (const Fault fault : {Fault::kInternalError, Fault::kSlowDown, Fault::kResetAnswer}) {
    fake_.Fail("PUT", fault, 2);
    ASSERT_THAT(PutFile("small", bytes.substr(0, 100)), IsOk());
    fake_.Fail("POST", fault);
    fake_.Fail("PUT", fault, 3);
    ASSERT_THAT(PutFile("large", bytes), IsOk());
    EXPECT_EQ(fake_.objects().at("large"), bytes);
    fake_.Fail("GET", fault, 2);
    EXPECT_EQ(Get("large", 10, 40'000), bytes.substr(10, 40'000));
    fake_.Fail("DELETE", fault);
    EXPECT_THAT(client_->Delete("large"), IsOk());
  }
  EXPECT_GT(fake_.pauses(), 10);
}

TEST_F(S3ClientTest, ACompletionWhoseAnswerWasLostCountsWhenTheObjectIsThere) {
  S3Options options = fake_.options();
  options.part_bytes = 10'000;
  Connect(options);
  const std::string bytes = Bytes(25'000);
  fake_.Fail("POST /bytes/large?uploadId", Fault::kResetAnswer);
  ASSERT_THAT(PutFile("large", bytes), IsOk());
  EXPECT_EQ(fake_.objects().at("large"), bytes);
}

TEST_F(S3ClientTest, AnErrorInsideA200IsAnErrorAndLeavesNoUpload) {
  S3Options options = fake_.options();
  options.part_bytes = 10'000;
  Connect(options);
  fake_.Fail("POST /bytes/large?uploadId", Fault::kErrorIn200);
  EXPECT_THAT(PutFile("large", Bytes(25'000)), StatusIs(Code::kUnavailable));
  EXPECT_EQ(fake_.open_uploads(), 0u);
  EXPECT_FALSE(fake_.objects().contains("large"));
}

TEST_F(S3ClientTest, TriesAreBounded) {
  S3Options options = fake_.options();
  options.attempts = 3;
  Connect(options);
  fake_.Fail("PUT", Fault::kInternalError, 100);
  EXPECT_THAT(client_->Put("k", "x"), StatusIs(Code::kUnavailable));
  EXPECT_EQ(fake_.requests().size(), 3u);
  EXPECT_EQ(fake_.pauses(), 2);
}

TEST_F(S3ClientTest, AServerThatHangsIsGivenUp) {
  S3Options options = fake_.options();
  options.attempts = 2;
  options.request_deadline = std::chrono::milliseconds(50);
  Connect(options);
  fake_.Fail("GET", Fault::kHang, 2);
  fake_.Put("k", "xyz");
  EXPECT_THAT(Get("k", 0, 3), HasSubstr("does not answer"));
  EXPECT_EQ(fake_.requests().size(), 2u);
}

TEST_F(S3ClientTest, ErrorsSayWhichServerAndWhatToDo) {
  fake_.Fail("PUT", Fault::kDenied);
  const Status denied = client_->Put("k", "x");
  EXPECT_THAT(denied, StatusIs(Code::kUnavailable));
  EXPECT_THAT(denied.message(), HasSubstr(fake_.url()));
  EXPECT_THAT(denied.message(), HasSubstr("secret_key_file"));
  fake_.Fail("PUT", Fault::kFull);
  EXPECT_THAT(client_->Put("k", "x"), StatusIs(Code::kResourceExhausted));
  S3Options options = fake_.options();
  options.bucket = "another";
  Connect(options);
  EXPECT_THAT(client_->Put("k", "x").message(), HasSubstr("storage.s3.bucket"));
  options = fake_.options();
  options.credentials.secret_key = Secret("wrong");
  Connect(options);
  EXPECT_THAT(client_->Put("k", "x").message(), HasSubstr("SignatureDoesNotMatch"));
  EXPECT_EQ(fake_.requests().size(), 4u) << "what does not pass is not tried again";
}

TEST_F(S3ClientTest, UnfinishedUploadsAreFoundAndAborted) {
  S3Options options = fake_.options();
  options.part_bytes = 10'000;
  options.attempts = 1;
  Connect(options);
  fake_.Fail("PUT", Fault::kInternalError);
  fake_.Fail("DELETE", Fault::kInternalError);
  EXPECT_THAT(PutFile("p/large", Bytes(25'000)), StatusIs(Code::kUnavailable));
  ASSERT_EQ(fake_.open_uploads(), 1u);
  ASSERT_OK_AND_ASSIGN(const std::vector<S3Upload> uploads, client_->ListUploads("p/"));
  ASSERT_EQ(uploads.size(), 1u);
  EXPECT_EQ(uploads[0].key, "p/large");
  EXPECT_THAT(client_->AbortUpload(uploads[0]), IsOk());
  EXPECT_EQ(fake_.open_uploads(), 0u);
}

}  // namespace
}  // namespace hodei::store
