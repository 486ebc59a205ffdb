#include "domain/jobs/job_states.h"

#include <gmock/gmock.h>

#include <set>

#include "domain/jobs/job_table.h"
#include "sys/file.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;

// The rows "| FROM | TO | when |" of the page.
std::set<std::pair<std::string, std::string>> MovesOnPage() {
  const std::string page = *ReadFile(std::string(HODEI_SOURCE_DIR) + "/docs/states/job.md");
  std::set<std::pair<std::string, std::string>> moves;
  size_t start = 0;
  for (size_t end = page.find('\n'); end != std::string::npos; end = page.find('\n', start)) {
    const std::string line = page.substr(start, end - start);
    start = end + 1;
    const size_t second = line.find(" | ");
    if (!line.starts_with("| ") || second == std::string::npos) continue;
    const size_t third = line.find(" | ", second + 3);
    if (third == std::string::npos) continue;
    const std::string from = line.substr(2, second - 2);
    Job::State state;
    if (Job::State_Parse(from, &state)) {
      moves.insert({from, line.substr(second + 3, third - second - 3)});
    }
  }
  return moves;
}

TEST(JobStates, CodeAndPageAgree) {
  std::set<std::pair<std::string, std::string>> moves;
  for (const auto& [from, to] : JobMoves()) {
    moves.insert({Job::State_Name(from), Job::State_Name(to)});
  }
  EXPECT_EQ(moves, MovesOnPage());
}

TEST(JobStates, NothingLeavesATerminalState) {
  for (const auto& [from, to] : JobMoves()) EXPECT_FALSE(IsTerminal(from));
  EXPECT_FALSE(MayMove(Job::SUCCEEDED, Job::CANCELLING));
  EXPECT_TRUE(MayMove(Job::FAILED, Job::FAILED));
}

}  // namespace
}  // namespace hodei::jobs
