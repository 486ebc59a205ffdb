// Bodies whose bytes lie elsewhere when the answer begins.
#include "wire/gcs/media.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei::wire::gcs {
namespace {

using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// Writes 'b' where it is asked to, up to `broken_at`.
class FakeFiller : public store::SliceFiller {
 public:
  FakeFiller(int fd, uint64_t broken_at) : fd_(fd), broken_at_(broken_at) {}
  Status Fill(uint64_t offset, uint64_t length) override {
    if (offset + length > broken_at_) return Unavailable("the server is gone");
    asked.emplace_back(offset, length);
    const std::string bytes(length, 'b');
    return pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
                   static_cast<ssize_t>(length)
               ? OkStatus()
               : Internal("pwrite");
  }
  std::vector<std::pair<uint64_t, uint64_t>> asked;

 private:
  const int fd_;
  const uint64_t broken_at_;
};

class MediaTest : public ::testing::Test {
 protected:
  Result<net::HttpResponse> Get(uint64_t size, uint64_t broken_at = UINT64_MAX) {
    ASSIGN_OR_RETURN(UniqueFd fd,
                     OpenFile(folder_.path() + "/content", O_RDWR | O_CREAT | O_TRUNC));
    if (ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return ErrnoStatus(errno, "ftruncate");
    filler_ = std::make_shared<FakeFiller>(fd.get(), broken_at);
    store::Object object;
    object.set_size(size);
    Request request;
    request.method = "GET";
    return MediaResponse(request, object, store::FileSlice{std::move(fd), 0, size, filler_});
  }
  static Result<std::string> Next(net::HttpResponse* response) {
    Result<std::string> piece = Internal("no answer");
    std::get<std::unique_ptr<net::StreamBody>>(response->body)->Next([&](Result<std::string> next) {
      piece = std::move(next);
    });
    return piece;
  }

  TemporaryDirectory folder_;
  std::shared_ptr<FakeFiller> filler_;
};

TEST_F(MediaTest, UpToTheLimitAllIsBroughtBeforeAnyIsSent) {
  ASSERT_OK_AND_ASSIGN(const net::HttpResponse response, Get(kFilledBefore));
  EXPECT_TRUE(std::holds_alternative<net::FileBody>(response.body));
  EXPECT_THAT(filler_->asked, ElementsAre(Pair(0, kFilledBefore)));
  EXPECT_THAT(Get(kFilledBefore, /*broken_at=*/1000),
              StatusIs(Code::kUnavailable, HasSubstr("the server is gone")));
}

TEST_F(MediaTest, OfMoreEachPieceIsBroughtWhenItsTurnComes) {
  ASSERT_OK_AND_ASSIGN(net::HttpResponse response, Get(kFilledBefore + 1));
  EXPECT_THAT(filler_->asked, IsEmpty());
  std::string all;
  for (;;) {
    ASSERT_OK_AND_ASSIGN(const std::string piece, Next(&response));
    if (piece.empty()) break;
    all += piece;
    EXPECT_EQ(filler_->asked.back().first + filler_->asked.back().second, all.size());
  }
  EXPECT_TRUE(all == std::string(kFilledBefore + 1, 'b'));
}

TEST_F(MediaTest, WhatCannotBeBroughtEndsTheBodyWithAnError) {
  ASSERT_OK_AND_ASSIGN(net::HttpResponse response, Get(kFilledBefore + 1, kFilledBefore / 2));
  Result<std::string> piece = Next(&response);
  while (piece.ok() && !piece->empty()) piece = Next(&response);
  EXPECT_THAT(piece, StatusIs(Code::kUnavailable, HasSubstr("the server is gone")));
}

}  // namespace
}  // namespace hodei::wire::gcs
