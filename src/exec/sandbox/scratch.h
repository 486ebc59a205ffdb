// The private writable space of a replica. As root it is an ext4 image on a loop device: that caps
// bytes and inodes on every machine and needs no quota support in the host's file system.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

// A formatted sparse image of `bytes` in `folder`, made once per size and copied for each replica:
// formatting takes tens of milliseconds, copying its few written blocks one or two. Returns its
// path.
Result<std::string> ScratchTemplate(const std::string& folder, int64_t bytes);

// A fresh volume of the template's size with the empty folders work and tmp, mounted but attached
// nowhere: the descriptor is all that holds it, so whoever has it last frees everything by closing
// it or by dying. move_mount() gives it a place. `image` is made, and unlinked before this returns.
Result<UniqueFd> MakeScratchVolume(const std::string& scratch_template, const std::string& image);

}  // namespace hodei::exec
