#include "domain/access/browser_guard.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "net/http_message.h"

namespace hodei::access {
namespace {

TEST(BrowserGuard, TellsForeignPagesFromProgramsAndFromOurOwnPages) {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  struct Case {
    const char* host;
    Fields fields;
    bool foreign;
  };
  const Case kCases[] = {
      {"127.0.0.1:8080", {}, false},
      {"us-central1-ml.googleapis.com", {{"User-Agent", "google-cloud-sdk gcloud/578.0.0"}}, false},
      {"build-host:8080", {{"User-Agent", "curl/8"}}, false},
      {"127.0.0.1:8080", {{"User-Agent", "Mozilla/5.0"}}, false},
      {"127.0.0.1:8080", {{"User-Agent", "Mozilla/5.0"}, {"Sec-Fetch-Site", "none"}}, false},
      {"localhost:8080",
       {{"Origin", "http://localhost:8080"}, {"Sec-Fetch-Site", "same-origin"}},
       false},
      {"[::1]:8080", {{"Origin", "http://[::1]:8080"}}, false},
      {"127.0.0.1:8080", {{"Origin", "https://evil.example"}}, true},
      {"127.0.0.1:8080", {{"Origin", "null"}}, true},
      {"127.0.0.1:8080", {{"Origin", ""}}, true},
      {"127.0.0.1:8080", {{"Origin", "http://127.0.0.1:9999"}}, true},
      {"127.0.0.1:8080", {{"Sec-Fetch-Site", "cross-site"}}, true},
      {"127.0.0.1:8080", {{"Sec-Fetch-Site", "same-site"}}, true},
      {"evil.example:8080", {{"User-Agent", "Mozilla/5.0"}}, true},
      {"evil.example:8080", {{"Origin", "http://evil.example:8080"}}, true},
      {"127.0.0.1.evil.example:8080", {{"User-Agent", "Mozilla/5.0"}}, true},
      {"", {{"User-Agent", "Mozilla/5.0"}}, true},
  };
  for (const Case& c : kCases) {
    net::RequestHead head;
    head.host = c.host;
    for (const auto& [name, value] : c.fields) head.headers.Add(name, value);
    EXPECT_EQ(IsForeignPage(head), c.foreign)
        << c.host << " " << (c.fields.empty() ? "" : c.fields.back().second);
  }
}

}  // namespace
}  // namespace hodei::access
