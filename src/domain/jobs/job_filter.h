// The filter of jobs.list: "jobId:census*", "state:FAILED", "labels.team:ml AND state:RUNNING".
// Pure, for hostile input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "google/cloud/ml/v1/job.pb.h"

namespace hodei::jobs {

inline constexpr size_t kJobFilterMaxBytes = 2048;
inline constexpr size_t kJobFilterMaxTerms = 32;

class JobFilter {
 public:
  // Terms FIELD:VALUE or FIELD=VALUE, joined by AND, NOT before a term. FIELD is jobId, state or
  // labels.KEY; VALUE a word or a quoted text, with '*' at its end for "starts with". An empty
  // filter matches all. InvalidField("filter", …) says what is wrong.
  static Result<JobFilter> Parse(std::string_view text);
  bool Matches(const google::cloud::ml::v1::Job& job) const;

 private:
  struct Term {
    enum class Field { kJobId, kState, kLabel } field = Field::kJobId;
    std::string key;  // of the label
    std::string value;
    bool prefix = false;
    bool negated = false;
  };
  static Result<Term> ParseTerm(std::string_view field, std::string value, bool quoted);
  static bool Matches(const Term& term, const google::cloud::ml::v1::Job& job);

  std::vector<Term> terms_;
};

}  // namespace hodei::jobs
