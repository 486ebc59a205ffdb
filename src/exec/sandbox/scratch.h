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
// A sparse copy (holes stay holes).
Status CopySparse(const std::string& from, const std::string& to);
// Attaches the image to a free loop device that detaches itself when unmounted. The returned fd
// keeps it until then; `device` gets its path. The image file may be unlinked at once.
Result<UniqueFd> AttachLoop(const std::string& image, std::string* device);

}  // namespace hodei::exec
