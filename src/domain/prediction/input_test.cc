// From bytes of input to chunks of whole records: every record once, whatever the borders.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <zlib.h>

#include "base/testing/status_matchers.h"
#include "domain/prediction/batch_answer.h"
#include "domain/prediction/piece_reader.h"
#include "domain/prediction/plan_shards.h"
#include "domain/prediction/record_cutter.h"

namespace hodei::prediction {
namespace {

using google::cloud::ml::v1::PredictionInput;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Frame(std::string_view data) {
  std::string frame(8, '\0');
  for (size_t i = 0; i < 8; ++i) frame[i] = static_cast<char>(data.size() >> (8 * i));
  return frame + "crc1" + std::string(data) + "crc2";
}

std::string Gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(bytes.size() + 1024, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// All that the piece gives, joined.
Result<std::string> Read(std::string bytes, Piece piece, DataFormat format) {
  store::OpenedObject opened;
  opened.content = std::move(bytes);
  std::string out;
  RecordCutter cutter(FormatOf(format), [&](std::string_view chunk) {
    out.append(chunk);
    return OkStatus();
  });
  RETURN_IF_ERROR(ReadPiece(opened, piece, format, &cutter));
  return out;
}

TEST(PieceReader, EveryLineBelongsToExactlyOnePieceWhereverTheBorderIs) {
  const std::string text = "a\nbb\n\nccc\ndddd";
  for (size_t border = 1; border < text.size(); ++border) {
    const auto middle = static_cast<int64_t>(border);
    const auto size = static_cast<int64_t>(text.size());
    ASSERT_OK_AND_ASSIGN(const std::string first,
                         Read(text, {0, 0, middle}, PredictionInput::TEXT));
    ASSERT_OK_AND_ASSIGN(const std::string second,
                         Read(text, {0, middle, size}, PredictionInput::TEXT));
    EXPECT_EQ(first + second, text + "\n") << border;
  }
}

TEST(PieceReader, ManyPiecesOfALongTextGiveItBack) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{}\n", i);
  const auto shards = PlanShards({static_cast<int64_t>(text.size())}, true, 1);
  std::string all;
  constexpr int kPieces = 7;
  for (int i = 0; i < kPieces; ++i) {
    const auto size = static_cast<int64_t>(text.size());
    ASSERT_OK_AND_ASSIGN(
        const std::string part,
        Read(text, {0, size * i / kPieces, size * (i + 1) / kPieces}, PredictionInput::JSON));
    all += part;
  }
  EXPECT_EQ(all, text);
}

TEST(PieceReader, GzipOfSeveralMembersIsOneFileAndACutOneIsRefused) {
  const std::string records = Frame("one") + Frame("two");
  const std::string zipped = Gzip(records) + Gzip(Frame("three"));
  ASSERT_OK_AND_ASSIGN(const std::string all,
                       Read(zipped, {0, 0, 1}, PredictionInput::TF_RECORD_GZIP));
  EXPECT_EQ(all, records + Frame("three"));
  EXPECT_THAT(Read(zipped.substr(0, zipped.size() - 9), {}, PredictionInput::TF_RECORD_GZIP),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Read("no gzip", {}, PredictionInput::TF_RECORD_GZIP),
              StatusIs(Code::kInvalidArgument));
}

TEST(RecordCutter, AChunkHoldsWholeRecordsOfAboutTheChunkSize) {
  std::vector<size_t> sizes;
  RecordCutter cutter(RecordFormat::kTfRecord, [&](std::string_view chunk) {
    sizes.push_back(chunk.size());
    return OkStatus();
  });
  const std::string record = Frame(std::string(300'000, 'x'));
  for (int i = 0; i < 10; ++i) ASSERT_THAT(cutter.Feed(record), IsOk());
  ASSERT_THAT(cutter.EndFile(), IsOk());
  for (const size_t size : sizes) EXPECT_EQ(size % record.size(), 0u);
  EXPECT_GT(sizes.size(), 1u);
}

TEST(RecordCutter, RecordsHaveALimit) {
  const auto ignore = [](std::string_view) { return OkStatus(); };
  RecordCutter lines(RecordFormat::kLines, ignore);
  EXPECT_THAT(lines.Feed(std::string(kRecordMaxBytes - 1, 'x')), IsOk());
  EXPECT_THAT(lines.Feed("xx"), StatusIs(Code::kInvalidArgument, HasSubstr("longer than")));
  RecordCutter frames(RecordFormat::kTfRecord, ignore);
  ASSERT_THAT(frames.Feed(std::string(20, '\xff')), IsOk());
  EXPECT_THAT(frames.EndFile(), StatusIs(Code::kInvalidArgument));
  RecordCutter cut(RecordFormat::kTfRecord, ignore);
  ASSERT_THAT(cut.Feed(Frame("x").substr(0, 12)), IsOk());
  EXPECT_THAT(cut.EndFile(), StatusIs(Code::kInvalidArgument, HasSubstr("cut short")));
}

TEST(PlanShards, SmallInputIsOneShardAndLargeIsDividedByBytes) {
  EXPECT_THAT(PlanShards({10, 20}, true, 8), ElementsAre(Shard{{0, 0, 10}, {1, 0, 20}}));
  EXPECT_EQ(PlanShards({}, true, 8).size(), 1u);
  const int64_t size = 3 * kShardBytesMin;
  const auto shards = PlanShards({size, size}, true, 4);
  ASSERT_EQ(shards.size(), 4u);
  std::vector<int64_t> covered(2, 0);
  for (const Shard& shard : shards) {
    int64_t bytes = 0;
    for (const Piece& piece : shard) {
      EXPECT_EQ(piece.begin, covered[static_cast<size_t>(piece.input)]);
      covered[static_cast<size_t>(piece.input)] = piece.end;
      bytes += piece.end - piece.begin;
    }
    EXPECT_NEAR(static_cast<double>(bytes), 2.0 * static_cast<double>(size) / 4, 2);
  }
  EXPECT_THAT(covered, ElementsAre(size, size));
}

TEST(PlanShards, FilesThatCannotBeDividedStayWhole) {
  const auto shards = PlanShards({100 * kShardBytesMin, 1, 1}, false, 8);
  EXPECT_LE(shards.size(), 3u);
  int pieces = 0;
  for (const Shard& shard : shards) pieces += static_cast<int>(shard.size());
  EXPECT_EQ(pieces, 3);
}

TEST(BatchAnswer, FramesAreTakenApartAndAnythingElseIsRefused) {
  const std::string count(16, '\0');
  const std::string good = std::string(
                               "R\x02\0\0\0"
                               "1\n",
                               7) +
                           std::string("C\x10\0\0\0", 5) +
                           std::string("\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0", 16);
  ASSERT_OK_AND_ASSIGN(const BatchAnswer answer, ParseBatchAnswer(good));
  EXPECT_THAT(answer.results, ElementsAre("1\n"));
  EXPECT_EQ(answer.predictions, 1);
  EXPECT_EQ(answer.errors_total, 2);
  EXPECT_FALSE(ParseBatchAnswer("").ok());
  EXPECT_FALSE(ParseBatchAnswer(good.substr(0, good.size() - 1)).ok());
  EXPECT_FALSE(ParseBatchAnswer(good + "x").ok());
  EXPECT_FALSE(ParseBatchAnswer(std::string("R\xff\xff\xff\xff", 5)).ok());
}

TEST(BatchAnswer, ErrorsAreWrittenAsPythonWritesATuple) {
  EXPECT_EQ(ErrorLine("plain", 3), "('plain', 3)");
  EXPECT_EQ(ErrorLine("it's", 1), "(\"it's\", 1)");
  EXPECT_EQ(ErrorLine("it's \"x\"\n\\", 1), "('it\\'s \"x\"\\n\\\\', 1)");
  EXPECT_EQ(ErrorLine("é\x01", 1), "('é\\x01', 1)");
  EXPECT_EQ(ErrorLine("\xff", 1), "('\\xff', 1)");
}

}  // namespace
}  // namespace hodei::prediction
