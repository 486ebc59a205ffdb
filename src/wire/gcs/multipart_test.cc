#include "wire/gcs/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hodei::wire::gcs {
namespace {

using ::testing::ElementsAre;

class Parts : public MultipartSink {
 public:
  Status BeginPart(const PartHeaders&) override {
    bodies.emplace_back();
    return OkStatus();
  }
  Status PartBytes(std::string_view bytes) override {
    bodies.back() += bytes;
    return OkStatus();
  }
  Status EndPart() override { return OkStatus(); }
  std::vector<std::string> bodies;
};

std::vector<std::string> Read(const std::string& body, size_t piece) {
  Parts parts;
  MultipartReader reader("B", &parts);
  for (size_t at = 0; at < body.size(); at += piece) {
    EXPECT_TRUE(reader.Feed(std::string_view(body).substr(at, piece)).ok());
  }
  EXPECT_TRUE(reader.Finish().ok());
  return parts.bodies;
}

// gsutil and gcloud end lines with a bare LF: a CR at the end of a file is the file's.
TEST(Multipart, TheLastByteOfAPartMayBeAnyByte) {
  for (const char* last : {"\r", "\n", "\r\n", "\n\r", "-", "--B", "\n--", "x"}) {
    const std::string data = std::string("data") + last;
    for (const std::string line : {"\n", "\r\n"}) {
      const std::string body = "--B" + line + "A: b" + line + line + "{}" + line + "--B" + line +
                               "C: d" + line + line + data + line + "--B--";
      for (size_t piece : {size_t{1}, size_t{3}, body.size()}) {
        EXPECT_THAT(Read(body, piece), ElementsAre("{}", data)) << piece << " " << line.size();
      }
    }
  }
}

}  // namespace
}  // namespace hodei::wire::gcs
