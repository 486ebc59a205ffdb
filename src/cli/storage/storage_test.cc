// Copies against an imposter of the object store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/encoding.h"
#include "cli/storage/copy_plan.h"
#include "cli/storage/storage_client.h"
#include "cli/storage/transfer.h"
#include "cli/testing/imposter.h"
#include "cli/testing/run_cli.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ObjectJson(const std::string& name, const std::string& bytes) {
  Json json = {{"bucket", "bkt"},
               {"name", name},
               {"size", std::to_string(bytes.size())},
               {"generation", "7"},
               {"crc32c", Crc32cText(Crc32c(0, bytes))}};
  return JsonText(json);
}

net::HttpResponse JsonAnswer(int status, const std::string& body) {
  return net::TextResponse(status, "application/json", body);
}

Status WriteText(const std::string& path, const std::string& text) {
  return WriteFileDurably(path, text);
}

class Storage : public ::testing::Test {
 protected:
  Storage() : api_({.url = imposter_.url()}) {}
  CliRun Run(std::vector<std::string> words) {
    return RunCli(words, {{"HODEI_SERVER", imposter_.url()},
                          {"HODEI_CONFIG", folder_.path() + "/config"},
                          {"HODEI_DATA", folder_.path() + "/data"}});
  }
  // One object "o" of `bytes`, with Range and generation understood.
  void Serve(const std::string& bytes, size_t cut_after) {
    imposter_.On(
        "GET", "/storage/v1/b/bkt/o/", [this, bytes, cut_after](const ImposterRequest& request) {
          if (request.query.find("alt=media") == std::string::npos)
            return JsonAnswer(200, ObjectJson("o", bytes));
          size_t from = 0;
          if (std::string range(request.headers.Get("Range")); !range.empty())
            from = std::stoul(range.substr(6));
          ++downloads_;
          net::HttpResponse response =
              net::TextResponse(from > 0 ? 206 : 200, "text/plain", bytes.substr(from, cut_after));
          return response;
        });
  }

  Imposter imposter_;
  TemporaryDirectory folder_;
  Api api_;
  std::atomic<int> downloads_{0};
};

TEST_F(Storage, UploadsSmallFilesInOneCheckedRequest) {
  ASSERT_TRUE(WriteText(folder_.path() + "/a.csv", "hello\n").ok());
  imposter_.On("POST", "/upload/storage/v1/b/bkt/o", 200, ObjectJson("d/a.csv", "hello\n"));
  imposter_.On("GET", "/storage/v1/b/bkt/o", 200, "{}");
  CliRun run = Run({"storage", "cp", folder_.path() + "/a.csv", "gs://bkt/d/a.csv"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err,
              HasSubstr("Copying file://" + folder_.path() + "/a.csv to gs://bkt/d/a.csv\n"));
  ImposterRequest upload = imposter_.requests().back();
  EXPECT_THAT(upload.query, HasSubstr("uploadType=multipart"));
  EXPECT_THAT(upload.body, HasSubstr("\"name\":\"d/a.csv\""));
  EXPECT_THAT(upload.body, HasSubstr("\"contentType\":\"text/csv\""));
  EXPECT_THAT(upload.body, HasSubstr("\r\n\r\nhello\n\r\n--"));
}

TEST_F(Storage, DeletesWhatArrivedDamaged) {
  ASSERT_TRUE(WriteText(folder_.path() + "/a", "hello").ok());
  imposter_.On("POST", "/upload/", 200, ObjectJson("a", "hellX"));
  imposter_.On("DELETE", "/storage/v1/b/bkt/o/a", 204, "");
  UploadRequest request{.path = folder_.path() + "/a", .to = {"bkt", "a", ""}};
  Result<ObjectEntry> entry = UploadFile(api_, request, {});
  EXPECT_EQ(entry.status().code(), Code::kDataLoss) << entry.status();
  EXPECT_EQ(imposter_.requests().back().method, "DELETE");
  EXPECT_THAT(imposter_.requests().back().query, HasSubstr("generation=7"));
}

TEST_F(Storage, ResumesALargeUploadWhereTheServerHasIt) {
  std::string bytes;
  for (size_t i = 0; bytes.size() <= kResumableAboveBytes; ++i) bytes += std::to_string(i) + ",";
  ASSERT_TRUE(WriteText(folder_.path() + "/big", bytes).ok());
  const size_t stored = 3'000'000;
  std::atomic<int> puts{0};
  std::string second;
  imposter_.On("POST", "/upload/storage/v1/b/bkt/o", [&](const ImposterRequest&) {
    net::HttpResponse response = JsonAnswer(200, "");
    response.headers.Add("Location", imposter_.url() + "/upload/session?upload_id=abc");
    return response;
  });
  imposter_.On("PUT", "/upload/session", [&](const ImposterRequest& request) {
    std::string range(request.headers.Get("Content-Range"));
    if (range.rfind("bytes */", 0) == 0) {
      net::HttpResponse response = JsonAnswer(308, "");
      response.headers.Add("Range", "bytes=0-" + std::to_string(stored - 1));
      return response;
    }
    if (++puts == 1) return JsonAnswer(503, "{}");
    EXPECT_EQ(range, "bytes 3000000-" + std::to_string(bytes.size() - 1) + "/" +
                         std::to_string(bytes.size()));
    second = request.body;
    return JsonAnswer(200, ObjectJson("big", bytes));
  });
  uint64_t moved = 0;
  UploadRequest request{.path = folder_.path() + "/big", .to = {"bkt", "big", ""}};
  TransferReport report;
  report.moved = [&](uint64_t more) { moved += more; };
  Result<ObjectEntry> entry = UploadFile(api_, request, report);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(second, bytes.substr(stored));
  EXPECT_EQ(moved, bytes.size());
}

TEST_F(Storage, ContinuesACutDownloadAndChecksIt) {
  std::string bytes(100'000, 'x');
  bytes += "end";
  Serve(bytes, 40'000);
  CliRun run = Run({"storage", "cp", "gs://bkt/o", folder_.path() + "/copy"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(ReadFile(folder_.path() + "/copy").value_or(""), bytes);
  EXPECT_EQ(downloads_, 3);
}

TEST_F(Storage, LeavesNoFileOfADamagedDownload) {
  imposter_.On("GET", "/storage/v1/b/bkt/o/o", [](const ImposterRequest& request) {
    bool media = request.query.find("alt=media") != std::string::npos;
    return media ? net::TextResponse(200, "text/plain", "hellX")
                 : JsonAnswer(200, ObjectJson("o", "hello"));
  });
  CliRun run = Run({"storage", "cp", "gs://bkt/o", folder_.path() + "/copy"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("arrived damaged"));
  EXPECT_THAT(ListDirectory(folder_.path()).value_or(std::vector<std::string>{"?"}), ElementsAre());
}

TEST_F(Storage, PrintsObjectsAndSaysWhenThereAreNone) {
  Serve("line\n", 1 << 20);
  EXPECT_EQ(Run({"storage", "cat", "gs://bkt/o"}).out, "line\n");
  EXPECT_EQ(Run({"cat", "gs://bkt/o"}).out, "line\n");
  imposter_.On("GET", "/storage/v1/b/nob/o", 404, R"({"error":{"code":404,"message":"no"}})");
  CliRun run = Run({"gsutil", "cat", "gs://nob/x"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "CommandException: No URLs matched: gs://nob/x\n");
}

TEST_F(Storage, ListsAsGcloudDoes) {
  imposter_.On("GET", "/storage/v1/b/bkt/o", [](const ImposterRequest& request) {
    std::string all = ObjectJson("top.txt", "a") + "," + ObjectJson("d/x.txt", "bb") + "," +
                      ObjectJson("d/e/y.txt", "ccc");
    bool one_level = request.query.find("delimiter") != std::string::npos;
    if (one_level && request.query.find("prefix=d%2F&") != std::string::npos) {
      return JsonAnswer(
          200, R"({"items":[)" + ObjectJson("d/x.txt", "bb") + R"(],"prefixes":["d/e/"]})");
    }
    if (one_level && request.query.find("prefix=d%2Fe%2F&") != std::string::npos) {
      return JsonAnswer(200, R"({"items":[)" + ObjectJson("d/e/y.txt", "ccc") + "]}");
    }
    if (one_level) {
      return JsonAnswer(200,
                        R"({"items":[)" + ObjectJson("top.txt", "a") + R"(],"prefixes":["d/"]})");
    }
    return JsonAnswer(200, R"({"items":[)" + all + "]}");
  });
  imposter_.On("GET", "/storage/v1/b", 200, R"({"items":[{"name":"bkt"},{"name":"bkt2"}]})");
  std::string shown;
  for (std::vector<std::string> words : {std::vector<std::string>{"ls"},
                                         {"ls", "gs://bkt"},
                                         {"ls", "-r", "gs://bkt"},
                                         {"ls", "-l", "gs://bkt"},
                                         {"ls", "gs://bkt/d/*"},
                                         {"ls", "gs://bkt/**"},
                                         {"du", "gs://bkt"},
                                         {"du", "-s", "gs://bkt"}}) {
    words.insert(words.begin(), "storage");
    for (const std::string& word : words) shown += word + " ";
    CliRun run = Run(words);
    shown += "\n" + run.out + run.err;
  }
  ExpectGolden(HODEI_TESTDATA, "listings.txt", shown);
}

TEST_F(Storage, CopiesAFolderOntoANewNameOrIntoAnOldOne) {
  std::string data = folder_.path() + "/data";
  ASSERT_TRUE(MakeDirectories(data + "/sub").ok());
  ASSERT_TRUE(WriteText(data + "/a", "1").ok());
  ASSERT_TRUE(WriteText(data + "/sub/b", "2").ok());
  auto targets = [&](const std::string& destination, std::vector<std::string> sources) {
    std::vector<std::string> names;
    Result<std::vector<CopyStep>> steps = PlanCopies(api_, {std::move(sources), destination, true});
    EXPECT_TRUE(steps.ok()) << steps.status();
    if (!steps.ok()) return names;
    for (const CopyStep& step : *steps) names.push_back(step.to->Text());
    return names;
  };
  imposter_.On("GET", "/storage/v1/b/new/o", 200, "{}");
  imposter_.On("GET", "/storage/v1/b/old/o", 200, R"({"items":[{"name":"data/z"}]})");
  EXPECT_THAT(targets("gs://new/data", {data}),
              ElementsAre("gs://new/data/a", "gs://new/data/sub/b"));
  EXPECT_THAT(targets("gs://old/data", {data}),
              ElementsAre("gs://old/data/data/a", "gs://old/data/data/sub/b"));
  EXPECT_THAT(targets("gs://new", {data}), ElementsAre("gs://new/data/a", "gs://new/data/sub/b"));
  EXPECT_THAT(targets("gs://new/x/", {data + "/a"}), ElementsAre("gs://new/x/a"));
  EXPECT_THAT(targets("gs://new/y", {data + "/a"}), ElementsAre("gs://new/y"));
  EXPECT_THAT(targets("gs://new/p", {data + "/a", data + "/sub/b"}),
              ElementsAre("gs://new/p/a", "gs://new/p/b"));
  EXPECT_FALSE(PlanCopies(api_, {{data}, "gs://new/data", false}).ok());
  EXPECT_FALSE(PlanCopies(api_, {{data + "/none"}, "gs://new/data", true}).ok());
}

// T6, T7 seen from the client: an object's name must not leave the folder it is copied to.
TEST_F(Storage, RefusesObjectNamesThatLeaveTheFolder) {
  for (const char* name : {"../x", "a/../../x", "/etc/passwd", "a//b", "./x", "..", "", "a/.."}) {
    EXPECT_FALSE(LocalPathFor("/tmp/d", name).ok()) << name;
  }
  EXPECT_EQ(LocalPathFor("/tmp/d", "a/..b/c").value_or(""), "/tmp/d/a/..b/c");
  imposter_.On("GET", "/storage/v1/b/bkt/o/", 404, "{}");
  imposter_.On("GET", "/storage/v1/b/bkt/o", 200,
               R"({"items":[)" + ObjectJson("dir/../../evil", "x") + "]}");
  CliRun run = Run({"cp", "-r", "gs://bkt/dir", folder_.path()});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("has no place below a folder"));
}

TEST_F(Storage, RemovesBucketsWithAllTheyHold) {
  imposter_.On("GET", "/storage/v1/b/bkt/o", 200, R"({"items":[)" + ObjectJson("a", "1") + "]}");
  imposter_.On("DELETE", "/storage/v1/b/bkt", 204, "");
  CliRun run = Run({"storage", "rm", "-r", "gs://bkt"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "Removing gs://bkt/a#7...\nRemoving gs://bkt/...\n");
  EXPECT_EQ(Run({"storage", "rm", "gs://bkt"}).exit_code, 1);
}

TEST(GsUrl, IsChecked) {
  for (const char* text :
       {"gs://", "gs://ab", "gs://UPPER/x", "s3://bkt", "bkt", "gs:///x", "gs://a b/x"}) {
    EXPECT_FALSE(ParseGsUrl(text).ok()) << text;
  }
  EXPECT_EQ(ParseGsUrl("gs://bkt/a//b")->object, "a//b");
}

TEST(Glob, StarsStayInAFolderUnlessDoubled) {
  struct Case {
    const char *pattern, *text;
    bool matches;
  };
  for (const Case& c : std::vector<Case>{{"a*", "abc", true},
                                         {"a*", "a/b", false},
                                         {"a**", "a/b", true},
                                         {"*.csv", "x.csv", true},
                                         {"**.csv", "d/x.csv", true},
                                         {"?b", "ab", true},
                                         {"?b", "/b", false},
                                         {"[a-c]x", "bx", true},
                                         {"[!a]x", "bx", true},
                                         {"[!a]x", "ax", false},
                                         {"[x", "[x", true},
                                         {"", "", true},
                                         {"*", "", true}}) {
    EXPECT_EQ(GlobMatches(c.pattern, c.text), c.matches) << c.pattern << " " << c.text;
  }
  // T36: no pattern takes exponential time.
  EXPECT_FALSE(GlobMatches(std::string(60, '*') + "b", std::string(2000, 'a')));
}

}  // namespace
}  // namespace hodei::cli
