// A version's files as a serving replica sees them: a folder whose large files are hard links to
// the object store's own, so that nothing is there twice.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "hodei/models/source.pb.h"
#include "store/object/object_store.h"

namespace hodei::serving {

// The holder of a version's generations in the object store; `uid` is the version's.
std::string HolderOf(std::string_view uid);
inline constexpr char kHolderPrefix[] = "version:";

// Keeps every generation of `source` readable whatever happens in its buckets.
Status HoldSource(store::ObjectStore* objects, std::string_view holder,
                  const models::ModelSource& source);

// Makes DIR/model/<path> for every file, readable by all, and DIR/packages/<n>; done before:
// nothing happens. FAILED_PRECONDITION when a generation is no longer there.
Status StageSource(store::ObjectStore* objects, std::string_view holder,
                   const models::ModelSource& source, const std::string& dir);

// Where the compiled form of the version `uid` is kept below the folder of versions.
std::string CompiledPath(std::string_view serving_dir, std::string_view uid);
// Makes CONFIG_DIR/compiled out of it, without a copy; false when there is none to be had. What is
// there stays when the version goes.
bool StageCompiled(std::string_view serving_dir, std::string_view uid,
                   const std::string& config_dir);

// Lower-case hex, as Environments wants it of packages.
Result<std::string> Sha256OfFile(const std::string& path);

}  // namespace hodei::serving
