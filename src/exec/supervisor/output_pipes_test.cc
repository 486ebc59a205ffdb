#include "exec/supervisor/output_pipes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <utility>

#include "base/testing/status_matchers.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;

class OutputPipesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(pipes_.Open(&out_, &err_), IsOk()); }
  void Out(const std::string& text) { Write(out_, text); }
  void Err(const std::string& text) { Write(err_, text); }
  void Write(const UniqueFd& fd, const std::string& text) {
    ASSERT_EQ(write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // "o:…" and "e:…" of one Drain().
  std::string Drained() {
    std::string all;
    pipes_.Drain([&](LogStream stream, std::string_view bytes) {
      all += (stream == LogStream::kStdout ? "o:" : "e:") + std::string(bytes) + " ";
      if (meanwhile_) std::exchange(meanwhile_, {})();
    });
    return all;
  }
  bool Readable() {
    pollfd one{pipes_.fd(), POLLIN, 0};
    return poll(&one, 1, 0) == 1;
  }

  OutputPipes pipes_;
  UniqueFd out_;
  UniqueFd err_;
  std::function<void()> meanwhile_;  // runs while the next piece is looked at
};

TEST_F(OutputPipesTest, ComesInTheOrderInWhichThePipesBecameReadable) {
  Err("1");
  Out("2");
  EXPECT_EQ(Drained(), "e:1 o:2 ");
  Out("3");
  Err("4");
  EXPECT_EQ(Drained(), "o:3 e:4 ");
  EXPECT_FALSE(Readable());
}

// A stream that was read a moment ago has no right to go first.
TEST_F(OutputPipesTest, AStreamThatWasJustReadTakesANewPlace) {
  Out("1");
  EXPECT_EQ(Drained(), "o:1 ");
  Err("2");
  Out("3");
  EXPECT_EQ(Drained(), "e:2 o:3 ");
  Out("4");
  meanwhile_ = [&] {
    Err("5");
    Out("6");
  };
  EXPECT_EQ(Drained(), "o:4 ");
  EXPECT_EQ(Drained(), "e:5 o:6 ");
}

// The limit: two pipes do not tell it.
TEST_F(OutputPipesTest, WhatOneStreamWroteBetweenTwoReadsComesTogether) {
  Out("1");
  Err("2");
  Out("3");
  EXPECT_EQ(Drained(), "o:13 e:2 ");
}

TEST_F(OutputPipesTest, AFloodOfOneStreamDoesNotKeepTheOtherWaiting) {
  const std::string flood(2 * kOutputReadBytes, 'x');
  Out(flood);
  Err("e");
  EXPECT_EQ(Drained(), "o:" + flood.substr(kOutputReadBytes) + " e:e ");
  EXPECT_TRUE(Readable());
  EXPECT_EQ(Drained(), "o:" + flood.substr(kOutputReadBytes) + " ");
  EXPECT_FALSE(Readable());
}

TEST_F(OutputPipesTest, EndsWithTheLastWriterOfEach) {
  Out("last");
  out_.Reset();
  EXPECT_EQ(Drained(), "o:last ");
  EXPECT_TRUE(pipes_.open());
  EXPECT_TRUE(Readable());
  EXPECT_EQ(Drained(), "");
  EXPECT_TRUE(pipes_.open());
  EXPECT_FALSE(Readable());
  err_.Reset();
  EXPECT_EQ(Drained(), "");
  EXPECT_FALSE(pipes_.open());
}

}  // namespace
}  // namespace hodei::exec
