// Bodies in and out, batch frames, the queue and the HTTP loop, with a model of the test's own.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <condition_variable>
#include <cstring>
#include <thread>

#include "base/digest.h"
#include "base/testing/status_matchers.h"
#include "net/unix_address.h"
#include "serve/batch.h"
#include "serve/http_loop.h"
#include "serve/model_files.h"
#include "serve/npy.h"
#include "serve/number_row.h"
#include "serve/prediction_queue.h"
#include "serve/prediction_service.h"
#include "serve/records.h"
#include "serve/request_body.h"
#include "serve/response_body.h"
#include "serve/serve_config.h"
#include "sys/file.h"

namespace hodei::serve {
namespace {

using engine::Deadline;
using engine::DType;
using engine::Signature;
using engine::Tensor;
using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Signature Matrix(DType dtype = DType::kFloat32, int64_t columns = 2) {
  return {
      "serving_default", {{"x", dtype, true, {-1, columns}}}, {{"y", DType::kFloat32, true, {-1}}}};
}

Signature Text() {
  return {"serving_default",
          {{"text", DType::kString, true, {-1}}},
          {{"y", DType::kString, true, {-1}}}};
}

Signature Two() {
  return {"serving_default",
          {{"a", DType::kInt32, true, {-1}}, {"b", DType::kFloat32, false, {}}},
          {{"y", DType::kFloat32, true, {-1}}}};
}

Result<ParsedRequest> Parse(std::string body, const std::vector<Signature>& signatures,
                            BodyRules rules = {}) {
  const size_t size = body.size();
  body.append(kBodyPadding, '\0');
  return ParseRequest(std::string_view(body).substr(0, size), signatures, rules);
}

template <typename T>
std::vector<T> Values(const Tensor& tensor) {
  return {tensor.values<T>(), tensor.values<T>() + tensor.data.size() / sizeof(T)};
}

std::string MessageOf(const std::string& body, const Signature& signature, BodyRules rules = {}) {
  const Result<ParsedRequest> request = Parse(body, {signature}, rules);
  EXPECT_THAT(request, StatusIs(Code::kInvalidArgument)) << body;
  return request.status().message();
}

TEST(RequestBody, ReadsAMatrixWithBareOrNamedInstances) {
  auto request = Parse(R"({"instances": [[1, 2.5], {"x": [-3e2, 4]}]})", {Matrix()});
  ASSERT_THAT(request, ::hodei::testing::IsOk());
  EXPECT_EQ(request->rows, 2);
  EXPECT_THAT(request->inputs[0].shape, ElementsAre(2, 2));
  EXPECT_THAT(Values<float>(request->inputs[0]), ElementsAre(1, 2.5, -300, 4));
}

TEST(RequestBody, NamesInputAndExpectedShape) {
  EXPECT_EQ(MessageOf(R"({"instances": [[1, 2], [3]]})", Matrix()),
            "Input x: instance 1 does not fit: expected shape [2], got a list of 1 in dimension 0");
  EXPECT_THAT(MessageOf(R"({"instances": [[[1, 2]]]})", Matrix()), HasSubstr("a deeper list"));
  EXPECT_THAT(MessageOf(R"({"instances": [7]})", Matrix()), HasSubstr("got a number"));
  EXPECT_THAT(MessageOf(R"({"instances": [{"z": [1, 2]}]})", Matrix()),
              HasSubstr("Expected tensor name: x, got tensor name: ['z']."));
  EXPECT_THAT(MessageOf(R"({"instances": [{"a": 1, "z": 2}]})", Two()),
              HasSubstr("Unexpected tensor name: z"));
  EXPECT_EQ(MessageOf(R"({"instances": [{"a": 1}]})", Two()),
            "Input b was missing in at least one input instance.");
  EXPECT_THAT(MessageOf(R"({"instances": [{"a": 1, "a": 2}]})", Two()), HasSubstr("twice"));
  EXPECT_THAT(MessageOf(R"({"instances": [3]})", Two()), HasSubstr("must be an object"));
}

TEST(RequestBody, RefusesRaggedBatchesOfOpenShape) {
  EXPECT_THAT(MessageOf(R"({"instances": [{"a": 1, "b": [1, 2]}, {"a": 1, "b": [1]}]})", Two()),
              HasSubstr("Input b: instance 1"));
  EXPECT_THAT(MessageOf(R"({"instances": [{"a": 1, "b": [[1], [1, 2]]}]})", Two()),
              HasSubstr("Input b"));
  EXPECT_THAT(MessageOf(R"({"instances": [{"a": 1, "b": [1, [1]]}]})", Two()),
              HasSubstr("Input b"));
}

TEST(RequestBody, KeepsThePolicyOfNumbers) {
  auto words = Parse(R"({"instances": [["NaN", "-Infinity"]]})", {Matrix()});
  ASSERT_THAT(words, ::hodei::testing::IsOk());
  EXPECT_TRUE(std::isnan(words->inputs[0].values<float>()[0]));
  EXPECT_EQ(words->inputs[0].values<float>()[1], -std::numeric_limits<float>::infinity());
  for (const char* number : {"NaN", "Infinity", "+1", "01", "1.", ".5", "0x1", "1e999", "1e"}) {
    MessageOf(std::string(R"({"instances": [[1, )") + number + "]]}", Matrix());
  }
  EXPECT_THAT(MessageOf(R"({"instances": [[1, null]]})", Matrix()), HasSubstr("got null"));
  BodyRules missing;
  missing.null_is_nan = true;
  auto null = Parse(R"({"instances": [[1, null]]})", {Matrix()}, missing);
  ASSERT_THAT(null, ::hodei::testing::IsOk());
  EXPECT_TRUE(std::isnan(null->inputs[0].values<float>()[1]));
  EXPECT_THAT(MessageOf(R"({"instances": [[1, "2"]]})", Matrix()), HasSubstr("got a string"));
}

TEST(RequestBody, ChecksTheRangeOfIntegers) {
  const Signature signature = {"s", {{"n", DType::kInt8, true, {-1}}}, {}};
  auto fits = Parse(R"({"instances": [127, -128, 1.0]})", {signature});
  ASSERT_THAT(fits, ::hodei::testing::IsOk());
  EXPECT_THAT(Values<int8_t>(fits->inputs[0]), ElementsAre(127, -128, 1));
  for (const char* value : {"128", "-129", "1.5", "\"1\"", "18446744073709551615"}) {
    MessageOf(std::string(R"({"instances": [)") + value + "]}", signature);
  }
}

TEST(RequestBody, ReadsStringsAndBase64) {
  auto request =
      Parse(R"({"instances": ["a\u00e9", {"b64": "AAE="}, {"text": {"b64": "aGk="}}]})", {Text()});
  ASSERT_THAT(request, ::hodei::testing::IsOk());
  EXPECT_THAT(request->inputs[0].strings, ElementsAre("a\u00e9", std::string("\0\1", 2), "hi"));
  EXPECT_THAT(MessageOf(R"({"instances": [{"b64": "*"}]})", Text()), HasSubstr("Input text"));
  EXPECT_THAT(MessageOf(R"({"instances": [5]})", Text()), HasSubstr("expected string"));
}

TEST(RequestBody, FindsTheSignatureWhereverItsNameStands) {
  Signature other = Text();
  other.name = "other";
  const std::vector<Signature> signatures = {other, Matrix()};
  EXPECT_EQ(Parse(R"({"instances": [[1, 2]]})", signatures)->signature, 1U);
  EXPECT_EQ(Parse(R"({"signature_name": "other", "instances": ["a"]})", signatures)->signature, 0U);
  EXPECT_EQ(Parse(R"({"instances": ["a"], "signature_name": "other"})", signatures)->signature, 0U);
  EXPECT_EQ(
      Parse(R"({"instances": ["a"], "signature_name": "none"})", signatures).status().message(),
      "No signature found for signature key none.");
}

TEST(RequestBody, RefusesWhatIsNoRequest) {
  EXPECT_THAT(MessageOf("{}", Matrix()), HasSubstr("Missing \"instances\""));
  EXPECT_THAT(MessageOf(R"({"instances": []})", Matrix()), HasSubstr("empty"));
  EXPECT_THAT(MessageOf(R"({"instances": {"x": 1}})", Matrix()), HasSubstr("must be a list"));
  for (const char* body :
       {"", " ", "[1]", "5", "null", "{", R"({"instances": [[1, 2]})",
        R"({"instances": [[1, 2]]} x)", R"({"instances": [[1, 2]]}{})", R"({"instances": [[1 2]]})",
        R"({"instances": [[1, 2],]})", R"({"other": tru, "instances": [[1, 2]]})",
        R"({"instances": [[1, 2]], "o": [1,]})", "{\"instances\": [[1, 2]], \"o\": \"\xff\"}",
        R"({'instances': [[1, 2]]})"}) {
    EXPECT_THAT(Parse(body, {Matrix()}), StatusIs(Code::kInvalidArgument)) << body;
  }
}

TEST(RequestBody, SurvivesAMalformedBodyThatNamesAnotherSignature) {
  Signature other = Text();
  other.name = "other";
  const std::vector<Signature> signatures = {other, Matrix()};
  for (const char* body : {R"({"signature_name": "other", "instances":s [1]})",
                           R"({"signature_name": "other", "instances": [[1, 2}})",
                           R"({"instances": [[1, 2], "signature_name": "other"]})"}) {
    EXPECT_THAT(Parse(body, signatures), StatusIs(Code::kInvalidArgument)) << body;
  }
}

TEST(RequestBody, SurvivesNestingOfAnyDepth) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string bomb;
    for (int i = 0; i < 100'000; ++i) bomb += open;
    EXPECT_FALSE(Parse("{\"instances\": " + bomb, {Two()}).ok());
    EXPECT_FALSE(Parse("{\"instances\": [{\"a\": 1, \"b\": " + bomb, {Two()}).ok());
    EXPECT_FALSE(Parse("{\"o\": " + bomb, {Two()}).ok());
  }
}

// With digits behind the text, which are not part of it.
template <typename T>
bool ReadRow(std::string line, size_t columns, T* out) {
  const size_t size = line.size();
  line.append(kNumberRowPadding, '7');
  return ReadNumberRow(std::string_view(line).substr(0, size), columns, out);
}

TEST(NumberRow, ReadsWhatTheParserReads) {
  for (const char* line :
       {"[1,2]", " [ -0 , 0.5 ]\r", "[1e22, 1e-22]", "[123456789012345678901234567890, 1E+2]",
        "[9007199254740993, 0.1234567890123456789]", "[4.9e-324, 1.7976931348623157e308]",
        "[12345678, 2.2250738585072014e-308]", "[1e-400, -1e-99999999999999999999]",
        "[1e-00001, 0.1e-400]", "[1234567890.12345678, 0.000000001]",
        "[16777217, 0.30000001192092896]"}) {
    double row[2];
    float narrow[2];
    ASSERT_TRUE(ReadRow(line, 2, row)) << line;
    ASSERT_TRUE(ReadRow(line, 2, narrow)) << line;
    const std::string body = "{\"instances\": [" + std::string(line) + "]}";
    const auto parsed = Parse(body, {Matrix(DType::kFloat64)});
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(std::memcmp(row, parsed->inputs[0].data.data(), sizeof row), 0) << line;
    const auto rounded = Parse(body, {Matrix(DType::kFloat32)});
    ASSERT_TRUE(rounded.ok()) << rounded.status();
    EXPECT_EQ(std::memcmp(narrow, rounded->inputs[0].data.data(), sizeof narrow), 0) << line;
  }
}

// Digits are read in blocks, and in another way near the beginning of a text: every length of a
// fraction, in every place.
TEST(NumberRow, ReadsFractionsOfEveryLengthInEveryPlace) {
  constexpr std::string_view kDigits = "1234567890123456789012345";
  constexpr size_t kColumns = 4;
  for (size_t length = 1; length <= kDigits.size(); ++length) {
    for (const char* whole : {"0.", "-0.", "7.", "-123456."}) {
      const std::string number = whole + std::string(kDigits.substr(0, length));
      double row[kColumns];
      ASSERT_TRUE(ReadRow(fmt::format("[{0},-{1},{0}, {0}]", number, length), kColumns, row));
      const double wanted = std::strtod(number.c_str(), nullptr);
      EXPECT_EQ(row[0], wanted) << number;
      EXPECT_EQ(row[1], -static_cast<double>(length));
      EXPECT_EQ(row[2], wanted) << number;
      EXPECT_EQ(row[3], wanted) << number;
    }
  }
}

// simdjson 3.0's get_double() says 4.33e-06 of the first.
TEST(RequestBody, ReadsNumbersOfManyDigits) {
  for (const char* digits : {"0.375229551999636674662719", "0.00000000000000000000000012",
                             "123456789012345678901234", "0.1234567890123456789012e-00002"}) {
    const auto parsed =
        Parse(fmt::format("{{\"instances\": [[{}, 1]]}}", digits), {Matrix(DType::kFloat64)});
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    double read = 0;
    std::memcpy(&read, parsed->inputs[0].data.data(), sizeof read);
    EXPECT_EQ(read, std::strtod(digits, nullptr)) << digits;
  }
}

// JavaScript writes 1e20 without an exponent.
TEST(RequestBody, TakesIntegersBeyond64Bits) {
  const auto parsed =
      Parse(R"({"instances": [[100000000000000000000, 1]], "x": 100000000000000000000})",
            {Matrix(DType::kFloat64)});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  double read = 0;
  std::memcpy(&read, parsed->inputs[0].data.data(), sizeof read);
  EXPECT_EQ(read, 1e20);

  // Also where the signature's name is looked for because the instances do not fit the default one.
  Signature first = Matrix(DType::kFloat64);
  first.name = "serving_default";
  first.inputs[0].shape = {-1, 5};
  Signature other = Matrix(DType::kFloat64);
  other.name = "other";
  const auto named = Parse(
      R"({"instances": [[100000000000000000000, 1]], "signature_name": "other"})", {first, other});
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->signature, 1U);
}

TEST(NumberRow, LeavesEverythingElseToTheParser) {
  double row[2];
  for (const char* line : {"",
                           "[",
                           "[]",
                           "[1]",
                           "[1,2,3]",
                           "[1,2",
                           "[1,2]]",
                           "[1,,2]",
                           "[1 2]",
                           "[01,2]",
                           "[+1,2]",
                           "[.5,2]",
                           "[1.,2]",
                           "[1e,2]",
                           "[1e+,2]",
                           "[0x1,2]",
                           "[nan,2]",
                           "[\"1\",2]",
                           "[null,2]",
                           "[[1],2]",
                           "{\"x\":[1,2]}",
                           "[1,2],[3,4]",
                           "[1e400,2]",
                           "[1e00400,2]",
                           "[1e99999,2]",
                           "[--1,2]"}) {
    EXPECT_FALSE(ReadRow(line, 2, row)) << line;
  }
  EXPECT_FALSE(ReadRow("[]", 0, row));
}

TEST(ResponseBody, PrintsTheShortestNumberThatReadsBack) {
  Tensor reals = engine::MakeTensor(DType::kFloat32, {3, 2});
  const float values[] = {0.1F,
                          1,
                          -0.0F,
                          1e-30F,
                          std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()};
  std::memcpy(reals.data.data(), values, sizeof(values));
  auto printed = PrintPredictions({{"y", DType::kFloat32, true, {}}}, {reals}, 3, false);
  ASSERT_THAT(printed, ::hodei::testing::IsOk());
  EXPECT_EQ(PredictionsBody(*printed),
            R"({"predictions": [[0.1, 1.0], [-0.0, 1e-30], ["NaN", "Infinity"]]})");
}

TEST(ResponseBody, NamesOutputsAndEncodesBytes) {
  Tensor text;
  text.dtype = DType::kString;
  text.shape = {1};
  text.AppendString("a\"\n\x01");
  auto printed =
      PrintPredictions({{"s", DType::kString, true, {}}, {"s_bytes", DType::kString, true, {}}},
                       {text, text}, 1, true);
  ASSERT_THAT(printed, ::hodei::testing::IsOk());
  EXPECT_EQ(printed->at(0), R"({"s": "a\"\n\u0001", "s_bytes": {"b64": "YSIKAQ=="}})");
}

TEST(ResponseBody, RefusesOutputsWithoutARowForEachInstance) {
  EXPECT_THAT(PrintPredictions({{"y", DType::kFloat32, true, {}}},
                               {engine::MakeTensor(DType::kFloat32, {2})}, 3, false),
              StatusIs(Code::kAborted, HasSubstr("output y has shape [2]")));
}

TEST(Npy, ReadsWhatItPrints) {
  Tensor tensor = engine::MakeTensor(DType::kFloat64, {2, 2});
  tensor.values<double>()[3] = 2.5;
  auto bytes = PrintNpy({tensor});
  ASSERT_THAT(bytes, ::hodei::testing::IsOk());
  EXPECT_EQ((bytes->size() - 32) % 64, 0U);
  auto request = NpyRequest(*bytes, {Matrix()}, "");
  ASSERT_THAT(request, ::hodei::testing::IsOk());
  EXPECT_THAT(Values<float>(request->inputs[0]), ElementsAre(0, 0, 0, 2.5));
  EXPECT_THAT(NpyRequest(*bytes, {Matrix(DType::kFloat32, 3)}, ""),
              StatusIs(Code::kInvalidArgument, HasSubstr("expected shape [-1, 3], got [2, 2]")));
  for (size_t size = 0; size < bytes->size(); ++size) {
    EXPECT_FALSE(ParseNpy(bytes->substr(0, size)).ok()) << size;
  }
}

TEST(Records, ChecksTfRecordFraming) {
  const auto masked = [](std::string_view bytes) {
    const uint32_t crc = Crc32c(0, bytes);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
  };
  std::string chunk;
  for (std::string record : {"one", "", "three"}) {
    const uint64_t size = record.size();
    const std::string length(reinterpret_cast<const char*>(&size), 8);
    const uint32_t head = masked(length);
    const uint32_t body = masked(record);
    chunk += length;
    chunk.append(reinterpret_cast<const char*>(&head), 4);
    chunk += record;
    chunk.append(reinterpret_cast<const char*>(&body), 4);
  }
  auto records = SplitTfRecords(chunk);
  ASSERT_THAT(records, ::hodei::testing::IsOk());
  EXPECT_THAT(*records, ElementsAre("one", "", "three"));
  EXPECT_FALSE(SplitTfRecords(chunk.substr(0, chunk.size() - 1)).ok());
  chunk[13] ^= 1;
  EXPECT_THAT(SplitTfRecords(chunk), StatusIs(Code::kInvalidArgument, HasSubstr("TFRecord 0")));
  EXPECT_THAT(SplitLines("a\r\n\nb"), ElementsAre("a", "b"));
}

// Adds a row's numbers; fails on a row that starts with -1; waits where the test says so.
class SumModel : public engine::Model {
 public:
  const std::vector<Signature>& signatures() const override { return signatures_; }
  int concurrency() const override { return 1; }
  Result<std::vector<Tensor>> Run(size_t, const std::vector<Tensor>& inputs, Deadline) override {
    {
      std::unique_lock lock(mutex_);
      calls_.push_back(inputs[0].rows());
      changed_.notify_all();
      changed_.wait(lock, [this] { return !hold_; });
    }
    Tensor sums = engine::MakeTensor(DType::kFloat32, {inputs[0].rows()});
    for (int64_t row = 0; row < inputs[0].rows(); ++row) {
      const float* x = inputs[0].values<float>() + 2 * row;
      if (x[0] == -1) return engine::ModelError(engine::Fault::kRun, "minus one");
      sums.values<float>()[row] = x[0] + x[1];
    }
    return std::vector<Tensor>{std::move(sums)};
  }
  void Hold(bool hold) {
    std::lock_guard lock(mutex_);
    hold_ = hold;
    changed_.notify_all();
  }
  void WaitForCall() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !calls_.empty(); });
  }
  std::vector<int64_t> calls() {
    std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  std::vector<Signature> signatures_{Matrix()};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hold_ = false;           // guarded by mutex_
  std::vector<int64_t> calls_;  // guarded by mutex_
};

class Queue : public ::testing::Test {
 protected:
  PredictionQueue::Work WorkFor(const std::string& body, std::string* answer) {
    PredictionQueue::Work work;
    work.request = Parse(body, {Matrix()}).value();
    work.deadline = Deadline::max();
    work.done = [answer](Result<std::vector<Tensor>> outputs) {
      *answer = outputs.ok() ? std::to_string(static_cast<int>((*outputs)[0].values<float>()[0]))
                             : outputs.status().ToString();
    };
    return work;
  }
  SumModel model_;
};

TEST_F(Queue, BatchesOnlyWhatWaits) {
  PredictionQueue queue(&model_, {});
  std::string answers[5];
  model_.Hold(true);
  std::thread first([&] { queue.Submit(WorkFor(R"({"instances": [[1, 1]]})", &answers[0])); });
  model_.WaitForCall();
  queue.Submit(WorkFor(R"({"instances": [[2, 1]]})", &answers[1]));
  queue.Submit(WorkFor(R"({"instances": [[-1, 1]]})", &answers[2]));
  queue.Submit(WorkFor(R"({"instances": [[3, 1], [4, 1]]})", &answers[3]));
  EXPECT_EQ(queue.queued(), 3U);
  model_.Hold(false);
  first.join();
  // One call for the first, one for the three that waited, and, because that failed, one for each.
  EXPECT_THAT(model_.calls(), ElementsAre(1, 4, 1, 1, 2));
  EXPECT_THAT(answers, ElementsAre("2", "3", "ABORTED: minus one", "4", ""));
}

TEST_F(Queue, RefusesMoreThanItsLimit) {
  PredictionQueue::Options options;
  options.queue_max = 1;
  PredictionQueue queue(&model_, options);
  std::string answers[3];
  model_.Hold(true);
  std::thread first([&] { queue.Submit(WorkFor(R"({"instances": [[1, 1]]})", &answers[0])); });
  model_.WaitForCall();
  queue.Submit(WorkFor(R"({"instances": [[2, 1]]})", &answers[1]));
  queue.Submit(WorkFor(R"({"instances": [[3, 1]]})", &answers[2]));
  EXPECT_THAT(answers[2], HasSubstr("RESOURCE_EXHAUSTED"));
  model_.Hold(false);
  first.join();
  EXPECT_EQ(answers[1], "3");
}

TEST_F(Queue, DoesNotRunWhatIsPastItsDeadline) {
  PredictionQueue queue(&model_, {});
  std::string answer;
  PredictionQueue::Work work = WorkFor(R"({"instances": [[1, 1]]})", &answer);
  work.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  queue.Submit(std::move(work));
  EXPECT_THAT(answer, HasSubstr("DEADLINE_EXCEEDED"));
  EXPECT_TRUE(model_.calls().empty());
}

std::unique_ptr<LoadedModel> Loaded() {
  auto loaded = std::make_unique<LoadedModel>();
  loaded->model = std::make_unique<SumModel>();
  loaded->framework = "XGBOOST";
  loaded->engine = "flat-trees";
  return loaded;
}

std::string Frame(char type, std::string payload) {
  const auto size = static_cast<uint32_t>(payload.size());
  return std::string(1, type) + std::string(reinterpret_cast<const char*>(&size), 4) + payload;
}

std::string Count(uint64_t count) { return {reinterpret_cast<const char*>(&count), 8}; }

HttpAnswer ScoreText(std::string_view query, std::string_view content_type, std::string body,
                     LoadedModel* loaded, Deadline deadline) {
  const size_t size = body.size();
  body.append(kBodyPadding, '7');
  return ScoreBatch(query, content_type, std::string_view(body).substr(0, size), loaded, deadline);
}

TEST(Batch, AnswersFramesAndCountsAFailedBatchWhole) {
  auto loaded = Loaded();
  const HttpAnswer answer =
      ScoreText("batch_size=2&output=json", "text/plain", "[1, 2]\n[3, 4]\n[-1, 0]\n[0, 0]\n[1]\n",
                loaded.get(), Deadline::max());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(
      answer.body,
      Frame('R', "3.0\n7.0\n") +
          Frame('E', Count(2) + "Failed to run the provided model: minus one (Error code: 2)") +
          Frame('E', Count(1) + "Invalid inputs: Input x: instance 0 does not fit: expected shape "
                                "[2], got a list of 1 in dimension 0 (Error code: 1)") +
          Frame('C', Count(2) + Count(3)));
}

TEST(Batch, ALineIsOneInstance) {
  auto loaded = Loaded();
  const HttpAnswer answer =
      ScoreText("", "text/plain", "[1, 2], [3, 4]\n", loaded.get(), Deadline::max());
  EXPECT_THAT(answer.body, HasSubstr("a line is not one JSON value"));
}

TEST(Batch, GroupsOfPlainNumbersAndOthersGiveTheSame) {
  auto loaded = Loaded();
  const auto score = [&](const std::string& lines) {
    return ScoreText("batch_size=2", "text/plain", lines, loaded.get(), Deadline::max()).body;
  };
  const std::string plain = score("[1, 2]\n[3, 4.5]\n[5, 6]");
  EXPECT_EQ(score("[1, \"NaN\"]\n").substr(0, 1), "R") << "left to the parser";
  EXPECT_EQ(score("[ 1,2 ]\n{\"x\": [3, 4.5]}\n[5e0, 6]"), plain);
  EXPECT_EQ(score("{\"x\": [1, 2]}\n{\"x\": [3, 4.5]}\n{\"x\": [5, 6]}"), plain);
}

TEST(Batch, PrintsCsvAndRefusesAnUnknownSignature) {
  auto loaded = Loaded();
  EXPECT_EQ(ScoreText("output=csv", "text/plain", "[1, 2]\n", loaded.get(), Deadline::max()).body,
            Frame('H', "y") + Frame('R', "3.0\n") + Frame('C', Count(1) + Count(0)));
  loaded = Loaded();
  EXPECT_EQ(ScoreText("batch_size=0", "text/plain", "", loaded.get(), Deadline::max()).status, 400);
  EXPECT_EQ(ScoreText("", "application/x-tfrecord", "", loaded.get(), Deadline::max()).status, 400);
}

TEST(ModelFiles, TellsKindsApart) {
  const TemporaryDirectory folder;
  const auto touch = [&](const char* name) {
    ASSERT_TRUE(WriteFileDurably(folder.path() + "/" + name, "x").ok());
  };
  EXPECT_THAT(FindModelFiles(folder.path(), "", false),
              StatusIs(Code::kAborted, HasSubstr("No model file was found")));
  EXPECT_EQ(FindModelFiles(folder.path(), "", true)->kind, ModelKind::kCustomCode);
  touch("model.joblib");
  EXPECT_EQ(FindModelFiles(folder.path(), "", false)->kind, ModelKind::kPickle);
  EXPECT_THAT(FindModelFiles(folder.path(), "TENSORFLOW", false),
              StatusIs(Code::kAborted, HasSubstr("no model file of framework TENSORFLOW")));
  touch("model.bst");
  EXPECT_THAT(FindModelFiles(folder.path(), "", false),
              StatusIs(Code::kAborted, HasSubstr("Multiple model files are found")));
}

TEST(ServeConfig, ReadsKeysAndIgnoresUnknownOnes) {
  auto config = ParseServeConfig(
      R"({"format": 1, "workers": 3, "tags": ["a"], "new": 1, "create_version_request": {"v": 1}})");
  ASSERT_THAT(config, ::hodei::testing::IsOk());
  EXPECT_EQ(config->workers, 3);
  EXPECT_THAT(config->tags, ElementsAre("a"));
  EXPECT_EQ(config->create_version_request, R"({"v":1})");
  EXPECT_THAT(ParseServeConfig(R"({"workers": 0})"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ParseServeConfig(R"({"workers": 65})"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ParseServeConfig(R"({"format": 2})"), StatusIs(Code::kInvalidArgument));
}

class Loop : public ::testing::Test {
 protected:
  void Serve(size_t body_max = 1000) {
    ServeConfig config;
    service_ = std::make_unique<PredictionService>(config);
    HttpLimits limits;
    limits.request_bytes_max = body_max;
    limits.connections_max = 4;
    auto loop = HttpLoop::ListenUnix(folder_.path() + "/s.sock", limits,
                                     [this](const HttpRequest& request, HttpLoop::Done done) {
                                       service_->Handle(request, std::move(done));
                                     });
    ASSERT_THAT(loop, ::hodei::testing::IsOk());
    loop_ = std::move(loop).value();
    ASSERT_THAT(loop_->Start(2), ::hodei::testing::IsOk());
  }
  UniqueFd Connect() {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto address = net::UnixAddress::Make(folder_.path() + "/s.sock").value();
    EXPECT_EQ(connect(fd.get(), address.name(), address.size()), 0);
    return fd;
  }
  static void Send(const UniqueFd& fd, std::string_view bytes) {
    EXPECT_THAT(WriteAll(fd.get(), bytes), ::hodei::testing::IsOk());
  }
  static std::string Post(std::string_view body) {
    return "POST /predict HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
  }
  // Up to and with the text `until`; everything when the peer closes first.
  static std::string Receive(const UniqueFd& fd, std::string_view until) {
    std::string text;
    char byte = 0;
    while (text.find(until) == std::string::npos && recv(fd.get(), &byte, 1, 0) == 1) text += byte;
    return text;
  }

  TemporaryDirectory folder_;
  std::unique_ptr<PredictionService> service_;
  std::unique_ptr<HttpLoop> loop_;
};

TEST_F(Loop, SaysLoadingThenAnswersManyRequestsOnOneConnection) {
  Serve();
  const UniqueFd fd = Connect();
  Send(fd, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(Receive(fd, "}"), HasSubstr("503"));
  Send(fd, Post("{}"));
  EXPECT_THAT(Receive(fd, "}"), HasSubstr("not loaded"));
  service_->Ready(Loaded());
  Send(fd, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(Receive(fd, "{}"), HasSubstr("200 OK"));
  for (int i = 0; i < 3; ++i) {
    const std::string request = Post(R"({"instances": [[1, 2]]})");
    Send(fd, request.substr(0, 40));
    Send(fd, request.substr(40));
    EXPECT_THAT(Receive(fd, "}"), HasSubstr(R"({"predictions": [3.0]})"));
  }
  Send(fd, Post(R"({"instances": [[1]]})"));
  EXPECT_THAT(Receive(fd, "}"), HasSubstr("400 Bad Request"));
}

TEST_F(Loop, RefusesBodiesOverTheLimitAndBadHeads) {
  Serve(10);
  const UniqueFd at = Connect();
  Send(at, Post("0123456789"));
  EXPECT_THAT(Receive(at, "}"), HasSubstr("503"));
  const UniqueFd over = Connect();
  Send(over, Post("0123456789a"));
  EXPECT_THAT(Receive(over, "never"), HasSubstr("413"));
  const UniqueFd bad = Connect();
  Send(bad, "GET / HTTP/1.1\r\nbad header\r\n\r\n");
  EXPECT_THAT(Receive(bad, "never"), HasSubstr("400"));
}

TEST_F(Loop, ClosesConnectionsOverTheLimit) {
  Serve();
  std::vector<UniqueFd> open;
  for (int i = 0; i < 4; ++i) {
    open.push_back(Connect());
    Send(open.back(), "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
    Receive(open.back(), "}");
  }
  const UniqueFd fifth = Connect();
  EXPECT_EQ(Receive(fifth, "never"), "");
}

TEST_F(Loop, DrainClosesIdleConnectionsAndFinishesTheOthers) {
  Serve();
  auto loaded = Loaded();
  auto* model = static_cast<SumModel*>(loaded->model.get());
  service_->Ready(std::move(loaded));
  const UniqueFd idle = Connect();
  Send(idle, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  Receive(idle, "{}");
  const UniqueFd busy = Connect();
  model->Hold(true);
  Send(busy, Post(R"({"instances": [[1, 2]]})"));
  model->WaitForCall();
  std::thread drain([this] {
    service_->StartDraining();
    loop_->Drain(std::chrono::seconds(60));
  });
  EXPECT_EQ(Receive(idle, "never"), "");
  model->Hold(false);
  EXPECT_THAT(Receive(busy, "never"), HasSubstr(R"({"predictions": [3.0]})"));
  drain.join();
}

}  // namespace
}  // namespace hodei::serve
