// The folder of built layers. A layer is there completely or not at all: it is built in a folder of
// its own and published by one rename after everything was synced. Several servers may share it.
//
//   CACHE/layers/KEY/tree      what replicas mount
//   CACHE/layers/KEY/report    what the build wrote (hostile bytes)
//   CACHE/builds/OWNER/NAME/   in, tree, report, log, attempt: one build in progress
//
// Keys and names are ours ([a-z0-9.-]), never a user's string.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace hodei::environments {

// A build in progress on disk.
struct BuildFolder {
  std::string path;
  std::string key;         // of the layer it builds
  std::string replica_id;  // of the replica that builds it

  std::string input() const { return path + "/in"; }       // read-only inside
  std::string tree() const { return path + "/tree"; }      // writable inside
  std::string report() const { return path + "/report"; }  // writable inside
  std::string log() const { return path + "/log"; }
};

inline constexpr int64_t kReportBytesMax = 64 << 10;

// Thread-safe as long as one thread works on one build.
class LayerStore {
 public:
  // `owner` separates the builds of servers that share `cache_dir`; [a-z0-9]{1,32}.
  LayerStore(std::string cache_dir, std::string owner);

  // Makes the folders. Call once before the others.
  Status Open();

  bool IsPublished(std::string_view key) const;
  std::string TreePath(std::string_view key) const;
  // First kReportBytesMax bytes of what the build of a published layer reported; empty when it
  // wrote nothing. Opens no link, pipe or device that hostile code may have put there.
  Result<std::string> Report(std::string_view key) const;
  Result<std::string> Report(const BuildFolder& build) const;

  // An empty build folder, with what says whose it is durable.
  Result<BuildFolder> Prepare(std::string_view key, std::string_view replica_id) const;
  // Every build folder of this owner; after a restart that tells what was going on.
  Result<std::vector<BuildFolder>> Builds() const;
  // Makes the build's tree and report the layer `build.key`. When another server published the
  // same key before, this build is discarded, which is as good. Syncs the file system.
  Status Publish(const BuildFolder& build) const;
  Status Discard(const BuildFolder& build) const;
  // Forgets a published layer that nobody uses.
  Status Remove(std::string_view key) const;

  struct Layer {
    std::string key;
    int64_t bytes = 0;
    WallTime last_used;
  };
  // Every published layer. Measures each once and remembers its size beside it.
  Result<std::vector<Layer>> Layers() const;
  // It was given to a job. Best effort.
  void Touch(std::string_view key, WallTime now) const;
  // False when a replica uses it: supervisors hold a shared flock() on the folders they mount.
  Result<bool> RemoveUnused(std::string_view key) const;

  // Bytes and entries below the build's tree; stops counting at the limits.
  struct Size {
    int64_t bytes = 0;
    int64_t entries = 0;
  };
  Size TreeSize(const BuildFolder& build, Size limit) const;
  // Bytes that the file system still has for us.
  int64_t FreeBytes() const;

 private:
  std::string LayerPath(std::string_view key) const;
  int64_t SizeOf(std::string_view key) const;
  static Size Measure(std::string path, Size limit);

  const std::string layers_dir_;
  const std::string builds_dir_;
};

}  // namespace hodei::environments
