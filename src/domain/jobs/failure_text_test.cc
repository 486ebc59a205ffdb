#include "domain/jobs/failure_text.h"

#include <gmock/gmock.h>

namespace hodei::jobs {
namespace {

constexpr char kPointer[] =
    "\n\nTo find out more about why your job exited please check the logs: hodei ml-engine jobs "
    "stream-logs j";

TEST(FailureText, SaysTheExactWords) {
  struct Case {
    exec::ReplicaExit exit;
    std::vector<std::string> tail;
    std::string text;
  };
  const Case cases[] = {
      {{.exit_code = 1},
       {},
       "The replica worker 2 exited with a non-zero status of 1. Termination reason: Error."},
      {{.signal = 11},
       {},
       "The replica worker 2 exited with a non-zero status of 139(SIGSEGV). Termination reason: "
       "Error."},
      {{.signal = 9, .out_of_memory = true},
       {"Killed"},
       "The replica worker 2 ran out-of-memory and exited with a non-zero status of 137. "
       "Termination reason: OOM.\nKilled"},
      {{.exit_code = 1, .disk_full = true},
       {"OSError: [Errno 28] No space left on device"},
       "The replica worker 2 exited with a non-zero status of 1. Termination reason: Error. Its "
       "disk was full.\nOSError: [Errno 28] No space left on device"},
      {{.exit_code = 127, .detail = "The program could not be started."},
       {},
       "The replica worker 2 exited with a non-zero status of 127. Termination reason: Error. The "
       "program could not be started."},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ReplicaFailure("worker", 2, c.exit, c.tail, "j"), c.text + kPointer);
  }
}

TEST(FailureText, TailBeginsWithTheLastTraceback) {
  EXPECT_EQ(ExplainingTail({"a", "Traceback (most recent call last):", "x", "b",
                            "Traceback (most recent call last):", "  y", "E: z"}),
            "Traceback (most recent call last):\n  y\nE: z");
}

TEST(FailureText, TailIsBoundedInLinesAndBytesAndKeepsCharactersWhole) {
  const std::vector<std::string> many(1000, "line");
  EXPECT_EQ(ExplainingTail(many).size(), kFailureTailLines * 5 - 1);
  const std::string tail = ExplainingTail(
      {std::string(kFailureTailBytes, 'x') + "\xc3\xa9" + std::string(kFailureTailBytes - 1, 'y')});
  EXPECT_EQ(tail, "[...]\n" + std::string(kFailureTailBytes - 1, 'y'));
}

}  // namespace
}  // namespace hodei::jobs
