#include "store/log/service_writer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using google::logging::v2::INFO;
using hodei::testing::IsOk;
using ::testing::ElementsAre;

constexpr int kLineBytes = 100;

class ServiceWriterTest : public ::testing::Test {
 protected:
  void Open(const ServiceLogLimits& limits) {
    writer_.reset();
    ASSERT_OK_AND_ASSIGN(writer_, ServiceWriter::Open(&source_, limits));
  }
  // Lines begin..end-1, each of kLineBytes on disk.
  void Append(int begin, int end) {
    for (int i = begin; i < end; ++i) {
      std::string text = fmt::format("{}", i);
      text.resize(static_cast<size_t>(kLineBytes - overhead_), ' ');
      ASSERT_THAT(writer_->Append({i}, INFO, text), IsOk());
    }
  }
  std::vector<std::string> Segments() { return *ListDirectory(source_.source.dir); }
  // The numbers of the lines that are there.
  std::vector<int> Lines() { return LinesOf(&source_); }
  static std::vector<int> LinesOf(OpenSource* source) {
    std::vector<int> lines;
    const auto read = source->reader.ReadAfter(0, 1000, 1 << 20);
    EXPECT_THAT(read, IsOk());
    for (const LogLine& line : *read) lines.push_back(std::stoi(line.text));
    return lines;
  }

  static int Overhead() {
    std::string frame;
    AppendLogFrame({.seq = 1, .text = "x"}, &frame);
    return static_cast<int>(frame.size()) - 1;
  }
  const int overhead_ = Overhead();
  TemporaryDirectory dir_;
  OpenSource source_{{.project = "p", .source_id = "s", .dir = dir_.path() + "/service"}};
  std::unique_ptr<ServiceWriter> writer_;
};

TEST_F(ServiceWriterTest, ASegmentThatIsFullIsFollowedByTheNext) {
  const auto magic = static_cast<int64_t>(kLogMagic.size());
  Open({.segment_bytes = magic + 2 * kLineBytes});
  Append(1, 3);
  EXPECT_THAT(Segments(), ElementsAre("segment-000001.log"));
  Append(3, 4);
  EXPECT_THAT(Segments(), ElementsAre("segment-000001.log", "segment-000002.log"));
  EXPECT_THAT(Lines(), ElementsAre(1, 2, 3));
}

TEST_F(ServiceWriterTest, AtTheLimitAllSegmentsStayAndBeyondItTheOldestLeaves) {
  const auto segment = static_cast<int64_t>(kLogMagic.size()) + 2 * kLineBytes;
  const ServiceLogLimits limits{.segment_bytes = segment, .bytes = 3 * segment};
  Open(limits);
  Append(1, 7);
  EXPECT_THAT(Lines(), ElementsAre(1, 2, 3, 4, 5, 6));
  Append(7, 8);
  EXPECT_THAT(Lines(), ElementsAre(3, 4, 5, 6, 7));
  EXPECT_THAT(Segments(),
              ElementsAre("segment-000002.log", "segment-000003.log", "segment-000004.log"));
}

TEST_F(ServiceWriterTest, AfterARestartSegmentsGoOnBehindTheLastOne) {
  const auto segment = static_cast<int64_t>(kLogMagic.size()) + kLineBytes;
  const ServiceLogLimits limits{.segment_bytes = segment, .bytes = 2 * segment};
  Open(limits);
  Append(1, 5);
  EXPECT_THAT(Segments(), ElementsAre("segment-000003.log", "segment-000004.log"));
  OpenSource again(source_.source);
  ASSERT_OK_AND_ASSIGN(writer_, ServiceWriter::Open(&again, limits));
  Append(5, 6);
  EXPECT_THAT(Segments(), ElementsAre("segment-000004.log", "segment-000005.log"));
  EXPECT_THAT(LinesOf(&again), ElementsAre(4, 5));
  EXPECT_THAT(Lines(), ElementsAre(4, 5));
}

}  // namespace
}  // namespace hodei::store
