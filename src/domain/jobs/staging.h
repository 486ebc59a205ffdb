// Copies a job's packages from the object store into the job's own folder, once per attempt.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "domain/environments/environments.h"
#include "hodei/jobs/record.pb.h"
#include "store/object/object_store.h"

namespace hodei::jobs {

inline constexpr uint64_t kPackageBytesMax = 2ULL << 30;

// The last part of an object's name when it consists of letters, digits, '.', '_', '-', '+' and '!'
// and does not start with a dot or dash; otherwise "package-N" with the archive's ending. Never a
// path.
std::string PackageFileName(std::string_view object, size_t number);

struct StagedPackages {
  std::vector<environments::PackageFile> files;  // in the order of the record's packages
  // For the log: a package that was replaced since the job was created.
  std::vector<std::string> warnings;
};

// Complete copies under DIR/a<attempt>/0, /1, …; done before: nothing is copied again.
// FAILED_PRECONDITION with a sentence for the user when a package cannot be had any more; other
// errors are our own and may pass.
Result<StagedPackages> StagePackages(store::ObjectStore* objects, const JobRecord& record,
                                     const std::string& dir);

}  // namespace hodei::jobs
