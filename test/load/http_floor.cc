// The least that a server can do: answers every request with the bytes of one file from a
// hand-written epoll loop. Prints its port and goes on until its standard input ends.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "net/testing/epoll_floor.h"
#include "sys/file.h"

int main(int argc, char** argv) {
  hodei::Result<std::string> answer = hodei::ReadFile(argc == 2 ? argv[1] : "");
  if (!answer.ok()) {
    fmt::print(stderr, "http_floor: needs a file with the answer: {}\n", answer.status().message());
    return 1;
  }
  const hodei::net::testing::EpollFloor floor(*std::move(answer), -1, 0);
  fmt::print("{}\n", floor.port());
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
