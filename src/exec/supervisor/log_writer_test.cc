#include "exec/supervisor/log_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::FakeClock;

struct Frame {
  uint64_t seq;
  int64_t time;
  LogStream stream;
  uint8_t flags;
  std::string text;
};

std::vector<Frame> ReadAll(const std::string& dir) {
  std::vector<Frame> frames;
  const std::vector<std::string> names = *ListDirectory(dir);
  for (const std::string& name : names) {
    const std::string bytes = *ReadFile(dir + "/" + name, 1 << 30);
    std::string_view rest = bytes;
    EXPECT_TRUE(rest.starts_with(kLogMagic));
    rest.remove_prefix(kLogMagic.size());
    while (!rest.empty()) {
      const ParsedLogFrame parsed = ParseLogFrame(rest);
      EXPECT_EQ(parsed.kind, ParsedLogFrame::Kind::kFrame);
      if (parsed.kind != ParsedLogFrame::Kind::kFrame) return frames;
      frames.push_back({parsed.frame.seq, parsed.frame.time.unix_nanos, parsed.frame.stream,
                        parsed.frame.flags, std::string(parsed.frame.text)});
      rest.remove_prefix(parsed.size_bytes);
    }
  }
  return frames;
}

class LogWriterTest : public ::testing::Test {
 protected:
  LogWriter Make(LogWriterOptions options = {}) {
    return LogWriter(UniqueFd(open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY)), options, clock_);
  }
  TemporaryDirectory dir_;
  FakeClock clock_;
};

TEST_F(LogWriterTest, LinesOfBothStreamsKeepTheirOrderWhateverTheCuts) {
  LogWriter writer = Make();
  writer.Append(LogStream::kStdout, "one\ntw");
  writer.Append(LogStream::kStderr, "err\n");
  writer.Append(LogStream::kStdout, "o\n\nlast");
  writer.Finish();
  const auto frames = ReadAll(dir_.path());
  ASSERT_EQ(frames.size(), 5u);
  const std::vector<std::string> texts = {"one", "err", "two", "", "last"};
  for (size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(frames[i].text, texts[i]);
    EXPECT_EQ(frames[i].seq, i + 1);
    if (i > 0) {
      EXPECT_GT(frames[i].time, frames[i - 1].time);
    }
  }
  EXPECT_EQ(frames[1].stream, LogStream::kStderr);
}

TEST_F(LogWriterTest, TimesNeverGoBackWhenTheClockDoes) {
  LogWriter writer = Make();
  writer.Append(LogStream::kStdout, "a\n");
  clock_.JumpWall(std::chrono::hours(-5));
  writer.Append(LogStream::kStdout, "b\n");
  writer.Finish();
  const auto frames = ReadAll(dir_.path());
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_GT(frames[1].time, frames[0].time);
}

TEST_F(LogWriterTest, LongLineIsCutAndOnlyItsLastFrameDoesNotContinue) {
  for (const size_t size : {kLogFrameMaxText - 1, kLogFrameMaxText, kLogFrameMaxText + 1,
                            2 * kLogFrameMaxText, 5 * kLogFrameMaxText + 17}) {
    TemporaryDirectory dir;
    LogWriter writer(UniqueFd(open(dir.path().c_str(), O_RDONLY | O_DIRECTORY)), {}, clock_);
    std::string line;
    for (size_t i = 0; i < size; ++i) line += static_cast<char>('a' + i % 23);
    for (size_t at = 0; at < size; at += 4099) {
      writer.Append(LogStream::kStdout, std::string_view(line).substr(at, 4099));
    }
    writer.Append(LogStream::kStdout, "\n");
    writer.Finish();
    std::string joined;
    const auto frames = ReadAll(dir.path());
    EXPECT_EQ(frames.size(), (size + kLogFrameMaxText - 1) / kLogFrameMaxText);
    for (size_t i = 0; i < frames.size(); ++i) {
      joined += frames[i].text;
      EXPECT_EQ(frames[i].flags, i + 1 == frames.size() ? 0 : LogFrame::kFlagContinues);
    }
    EXPECT_EQ(joined, line);
  }
}

TEST_F(LogWriterTest, RateBeyondTheBudgetIsCountedExactly) {
  LogWriter writer = Make({.bytes_per_second = 10'000});
  const std::string line(99, 'x');
  for (int i = 0; i < 150; ++i) writer.Append(LogStream::kStdout, line + "\n");
  clock_.Advance(std::chrono::seconds(1));
  writer.Append(LogStream::kStdout, "after\n");
  writer.Finish();
  const auto frames = ReadAll(dir_.path());
  ASSERT_EQ(frames.size(), 102u);
  EXPECT_EQ(frames[100].flags, LogFrame::kFlagDropped);
  EXPECT_EQ(frames[100].text, "5000");
  EXPECT_EQ(frames[101].text, "after");
  EXPECT_EQ(frames[101].seq, 102u);
}

TEST_F(LogWriterTest, TotalLimitStopsTextAndTellsOnTick) {
  LogWriter writer = Make({.bytes_limit = 1000});
  const std::string line(99, 'x');
  for (int i = 0; i < 12; ++i) writer.Append(LogStream::kStdout, line + "\n");
  writer.Tick();
  writer.Append(LogStream::kStdout, "more\n");
  writer.Finish();
  const auto frames = ReadAll(dir_.path());
  ASSERT_EQ(frames.size(), 12u);
  EXPECT_EQ(frames[10].text, "200");
  EXPECT_EQ(frames[11].text, "5");
}

TEST_F(LogWriterTest, SegmentsRotateAndTheSequenceGoesOn) {
  LogWriter writer = Make({.segment_bytes = 4096});
  for (int i = 0; i < 100; ++i) writer.Append(LogStream::kStderr, std::string(500, 'y') + "\n");
  writer.Finish();
  EXPECT_GT(ListDirectory(dir_.path())->size(), 5u);
  const auto frames = ReadAll(dir_.path());
  ASSERT_EQ(frames.size(), 100u);
  EXPECT_EQ(frames.back().seq, 100u);
}

TEST_F(LogWriterTest, BinaryOutputIsKeptAsItIs) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  LogWriter writer = Make();
  writer.Append(LogStream::kStdout, all);
  writer.Finish();
  const auto frames = ReadAll(dir_.path());
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].text + "\n" + frames[1].text, all);
}

}  // namespace
}  // namespace hodei::exec
