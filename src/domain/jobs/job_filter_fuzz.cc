#include <cstddef>
#include <cstdint>
#include <string_view>

#include "domain/jobs/job_filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  hodei::Result<hodei::jobs::JobFilter> filter = hodei::jobs::JobFilter::Parse(text);
  if (!filter.ok()) return 0;
  google::cloud::ml::v1::Job job;
  job.set_job_id("census_1");
  job.set_state(google::cloud::ml::v1::Job::FAILED);
  (*job.mutable_labels())["team"] = "ml";
  (void)filter->Matches(job);
  return 0;
}
