// Transfers that an earlier run left half done.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "cli/storage/copy_manifest.h"
#include "cli/storage/local_file.h"
#include "cli/storage/resumable_upload.h"
#include "cli/testing/imposter.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Large(const std::string& seed) {
  std::string bytes;
  while (bytes.size() <= kResumableAboveBytes) bytes += seed + std::to_string(bytes.size());
  return bytes;
}

std::string ObjectJson(const std::string& bytes) {
  return JsonText({{"bucket", "bkt"},
                   {"name", "big"},
                   {"size", std::to_string(bytes.size())},
                   {"generation", "7"},
                   {"crc32c", Crc32cText(Crc32c(0, bytes))}});
}

class Resume : public ::testing::Test {
 protected:
  Resume() : api_({.url = imposter_.url()}), journal_(folder_.path() + "/journal") {
    report_.note = [this](const std::string& text) { notes_.push_back(text); };
    report_.moved = [this](uint64_t more) { moved_ += more; };
    imposter_.On("POST", "/upload/storage/v1/b/bkt/o", [this](const ImposterRequest&) {
      ++sessions_;
      net::HttpResponse response = net::TextResponse(200, "text/plain", "");
      response.headers.Add("Location", imposter_.url() + "/upload/session?upload_id=abc");
      return response;
    });
  }

  size_t Entries() {
    return ListDirectory(folder_.path() + "/journal").value_or(std::vector<std::string>()).size();
  }
  UploadRequest Upload(const std::string& bytes) {
    std::string path = folder_.path() + "/big";
    EXPECT_TRUE(WriteFileDurably(path, bytes).ok());
    return {.path = path, .to = {"bkt", "big", ""}, .journal = &journal_};
  }

  // What a run that was killed half way leaves behind.
  void LeaveSession(const UploadRequest& request) {
    Result<LocalFile> source = LocalFile::Open(request.path);
    ASSERT_TRUE(source.ok());
    ObjectSettings settings = request.settings;
    settings.fields.emplace("contentType", GuessContentType(request.path));
    TransferEntry entry = journal_.Open(UploadKey(api_, *source, request.to, settings));
    EXPECT_TRUE(entry.Remember("/upload/session?upload_id=abc").ok());
  }

  Imposter imposter_;
  TemporaryDirectory folder_;
  Api api_;
  TransferJournal journal_;
  TransferReport report_;
  std::vector<std::string> notes_;
  uint64_t moved_ = 0;
  std::atomic<int> sessions_{0};
};

TEST_F(Resume, AnUploadGoesOnInTheSessionOfAnEarlierRun) {
  const std::string bytes = Large("a");
  std::string sent;
  imposter_.On("PUT", "/upload/session", [&](const ImposterRequest& request) {
    if (request.headers.Get("Content-Range").substr(0, 8) == "bytes */") {
      net::HttpResponse response = net::TextResponse(308, "text/plain", "");
      response.headers.Add("Range", "bytes=0-999999");
      return response;
    }
    sent = request.body;
    return net::TextResponse(200, "application/json", ObjectJson(bytes));
  });
  UploadRequest request = Upload(bytes);
  LeaveSession(request);
  Result<ObjectEntry> stored = UploadFile(api_, request, report_);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(sessions_, 0);
  EXPECT_EQ(sent, bytes.substr(1'000'000));
  EXPECT_EQ(moved_, bytes.size());
  EXPECT_THAT(notes_, ElementsAre("Resuming upload for gs://bkt/big"));
  EXPECT_EQ(Entries(), 0u);
}

TEST_F(Resume, ASessionThatIsGoneIsReplaced) {
  const std::string bytes = Large("a");
  imposter_.On("PUT", "/upload/session", [&](const ImposterRequest& request) {
    bool asks = request.headers.Get("Content-Range").substr(0, 8) == "bytes */";
    return asks ? net::TextResponse(410, "text/plain", "gone")
                : net::TextResponse(200, "application/json", ObjectJson(bytes));
  });
  UploadRequest request = Upload(bytes);
  LeaveSession(request);
  Result<ObjectEntry> stored = UploadFile(api_, request, report_);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(sessions_, 1);
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(Resume, AnUploadThatWasCompleteAlreadyIsCheckedAndDone) {
  const std::string bytes = Large("a");
  imposter_.On("PUT", "/upload/session", 200, ObjectJson(bytes));
  UploadRequest request = Upload(bytes);
  LeaveSession(request);
  EXPECT_TRUE(UploadFile(api_, request, report_).ok());
  EXPECT_EQ(moved_, bytes.size());
  request = Upload(Large("b"));
  LeaveSession(request);
  EXPECT_EQ(UploadFile(api_, request, report_).status().code(), Code::kDataLoss);
}

TEST_F(Resume, AChangedFileStartsAnew) {
  const std::string bytes = Large("b") + "longer";
  imposter_.On("PUT", "/upload/session", 200, ObjectJson(bytes));
  LeaveSession(Upload(Large("a")));
  EXPECT_TRUE(UploadFile(api_, Upload(bytes), report_).ok());
  EXPECT_EQ(sessions_, 1) << "the old session is of other bytes";
}

TEST_F(Resume, ADownloadGoesOnInItsPartFile) {
  const std::string bytes = Large("d");
  std::atomic<bool> refuse{true};
  std::vector<std::string> ranges;
  imposter_.On("GET", "/storage/v1/b/bkt/o/big", [&](const ImposterRequest& request) {
    std::string range(request.headers.Get("Range"));
    ranges.push_back(range);
    size_t from = range.empty() ? 0 : std::stoul(range.substr(6));
    // The first run gets three million bytes, then is refused.
    if (refuse && from > 0) return net::TextResponse(403, "text/plain", "not now");
    std::string piece = refuse ? bytes.substr(0, 3'000'000) : bytes.substr(from);
    return net::TextResponse(from > 0 ? 206 : 200, "text/plain", piece);
  });
  ObjectEntry from;
  from.bucket = "bkt";
  from.name = "big";
  from.size = bytes.size();
  from.generation = "7";
  from.crc32c = Crc32cText(Crc32c(0, bytes));
  DownloadRequest request{.from = from, .path = folder_.path() + "/copy", .journal = &journal_};
  EXPECT_FALSE(DownloadFile(api_, request, report_).ok());
  EXPECT_FALSE(FileExists(request.path));
  EXPECT_EQ(ReadFile(request.path + ".hodei-part").value_or("").size(), 3'000'000u);
  refuse = false;
  moved_ = 0;
  Status done = DownloadFile(api_, request, report_);
  ASSERT_TRUE(done.ok()) << done;
  EXPECT_THAT(notes_, ElementsAre("Resuming download for gs://bkt/big"));
  EXPECT_EQ(ranges.back(), "bytes=3000000-");
  EXPECT_EQ(moved_, bytes.size());
  EXPECT_EQ(ReadFile(request.path).value_or(""), bytes);
  EXPECT_FALSE(FileExists(request.path + ".hodei-part"));
  EXPECT_EQ(Entries(), 0u);
}

TEST_F(Resume, APartOfAnotherGenerationIsThrownAway) {
  const std::string bytes = Large("e");
  imposter_.On("GET", "/storage/v1/b/bkt/o/big", [&](const ImposterRequest& request) {
    EXPECT_EQ(std::string(request.headers.Get("Range")), "");
    return net::TextResponse(200, "text/plain", bytes);
  });
  ObjectEntry from;
  from.bucket = "bkt";
  from.name = "big";
  from.size = bytes.size();
  from.generation = "8";
  from.crc32c = Crc32cText(Crc32c(0, bytes));
  DownloadRequest request{.from = from, .path = folder_.path() + "/copy", .journal = &journal_};
  EXPECT_TRUE(WriteFileDurably(request.path + ".hodei-part", "of generation 7").ok());
  Status done = DownloadFile(api_, request, report_);
  ASSERT_TRUE(done.ok()) << done;
  EXPECT_EQ(ReadFile(request.path).value_or(""), bytes);
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(Resume, AJournalEntryBelongsToOneProgramAtATime) {
  TransferEntry first = journal_.Open("same");
  EXPECT_TRUE(first.Remember("session").ok());
  TransferEntry second = journal_.Open("same");
  EXPECT_EQ(second.state(), "") << "held by the first";
  EXPECT_TRUE(second.Remember("other").ok());
  first = TransferEntry();
  EXPECT_EQ(journal_.Open("same").state(), "session");
}

TEST_F(Resume, TheJournalKeepsAtMostItsLimit) {
  for (size_t i = 0; i < TransferJournal::kMostEntries + 5; ++i) {
    EXPECT_TRUE(journal_.Open("entry " + std::to_string(i)).Remember("s").ok());
  }
  EXPECT_EQ(Entries(), TransferJournal::kMostEntries + 5);
  journal_.Prune();
  EXPECT_EQ(Entries(), TransferJournal::kMostEntries);
}

TEST_F(Resume, AManifestRemembersWhatWasCopied) {
  std::string path = folder_.path() + "/manifest.csv";
  {
    CopyManifest manifest;
    ASSERT_TRUE(manifest.Open(path).ok());
    manifest.Add({"file://a,\"b\"", "gs://bkt/a", 3, "OK", ""});
    manifest.Add({"file://c", "gs://bkt/c", 3, "error", "no, not\nnow"});
  }
  CopyManifest again;
  ASSERT_TRUE(again.Open(path).ok());
  EXPECT_TRUE(again.IsDone("file://a,\"b\""));
  EXPECT_FALSE(again.IsDone("file://c"));
}

TEST_F(Resume, GzipGoesThereAndBack) {
  std::string path = folder_.path() + "/plain";
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "row " + std::to_string(i) + "\n";
  ASSERT_TRUE(WriteFileDurably(path, text).ok());
  Result<LocalFile> packed = LocalFile::OpenCompressed(path);
  ASSERT_TRUE(packed.ok()) << packed.status();
  EXPECT_LT(packed->size(), text.size() / 2);
  ASSERT_TRUE(WriteFileDurably(path + ".gz", packed->ReadAt(0, packed->size()).value_or("")).ok());
  UniqueFd in = std::move(OpenFile(path + ".gz", O_RDONLY)).value();
  UniqueFd out = std::move(OpenFile(path + ".out", O_WRONLY | O_CREAT, 0600)).value();
  EXPECT_TRUE(Gunzip(in.get(), out.get()).ok());
  EXPECT_EQ(ReadFile(path + ".out").value_or(""), text);
  std::string cut = ReadFile(path + ".gz").value_or("");
  ASSERT_TRUE(WriteFileDurably(path + ".cut", cut.substr(0, cut.size() / 2)).ok());
  UniqueFd short_in = std::move(OpenFile(path + ".cut", O_RDONLY)).value();
  EXPECT_EQ(Gunzip(short_in.get(), out.get()).code(), Code::kDataLoss);
}

}  // namespace
}  // namespace hodei::cli
