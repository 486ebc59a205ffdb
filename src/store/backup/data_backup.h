// Backup and restore of a data folder, by a program of its own beside a server that goes on.
//
// A backup is a data folder: what was committed to the index of objects and to the records of
// everything else at one moment, the contents these refer to, the logs, the keys and certificates.
// Contents that never change are linked when the backup is on the same file system and copied
// otherwise; contents on an S3 server are fetched, and what is restored has them in its folder. Not
// in it: what is built again (environments), what belongs to running jobs (their attempts count as
// lost after a restore), uploads' bytes that were not yet durable.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "store/object/local_files.h"
#include "store/object/object_store.h"

namespace hodei::store {

struct BackupReport {
  uint64_t contents = 0;     // content files and segments
  uint64_t linked = 0;       // of these, without a copy
  double paused_millis = 0;  // how long writers waited
};

// `to` must not exist; it appears whole or not at all. ALREADY_EXISTS, NOT_FOUND when `data` is no
// data folder, UNAVAILABLE while another backup runs.
Result<BackupReport> CreateBackup(const std::string& data, const std::string& to,
                                  const FolderOptions& options = {});

// Makes the data folder `to`, which must not exist or be empty, from a backup, copying everything,
// and checks it.
Status RestoreBackup(const std::string& backup, const std::string& to,
                     const ByteProgress& progress = {});

// Whether databases, index and contents of a data folder agree; a server may be using it.
Result<FsckReport> CheckData(const std::string& data, const FolderOptions& options = {});

}  // namespace hodei::store
