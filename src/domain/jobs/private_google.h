// The private Google inside every job (docs/decisions/0035): which names are this server's there,
// and what makes unmodified clients use and trust them. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exec/executor.h"

namespace hodei::jobs {

// Each with everything below it.
std::vector<std::string> PrivateNames();

// Where the files of the job's trust are inside, see server/job_trust.h.
inline constexpr char kTrustInside[] = "/opt/hodei/google";

// Without `bucket_files` a note stands where they would be.
std::vector<exec::Mount> TrustMounts(const std::string& trust_dir, bool bucket_files);
// Variables by which clients find the trust bundle and the metadata service without searching.
std::map<std::string, std::string> PrivateVariables();
// The text of boto.cfg.
std::string BotoConfig();
// The text of /gcs/README where buckets cannot be files.
std::string NoBucketFilesNote();

}  // namespace hodei::jobs
