// Tokens that running jobs get from their metadata service (T18). A token says nothing by itself:
// it is a MAC over the job's name and the time of its end, so it counts only where the server knows
// from elsewhere who is speaking, on that job's own sockets. Stolen it is worthless, when the job
// ends it ends with the sockets, and making one costs no disk. Thread-safe.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"

namespace hodei::access {

class JobTokens {
 public:
  static constexpr std::chrono::minutes kLifetime{30};

  // `key`: at least 32 random bytes, kept over restarts so that tokens are. `clock` outlives it.
  JobTokens(Secret key, const Clock* clock) : key_(std::move(key)), clock_(clock) {}

  // "projects/P/jobs/J".
  Secret Mint(std::string_view job) const;
  // Whether it is a token of this job that has not expired.
  bool IsValid(std::string_view token, std::string_view job) const;

 private:
  std::string MacOf(std::string_view job, int64_t expire_seconds) const;

  const Secret key_;
  const Clock* const clock_;
};

}  // namespace hodei::access
