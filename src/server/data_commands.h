// `hodeid --check`, `--backup FOLDER` and `--restore FOLDER`: what is done with a data folder by a
// program of its own. Check and backup work beside a running server.
#pragma once

#include <string>

#include "hodei/config.pb.h"

namespace hodei::server {

// Each prints one line ("ok: …", or what is wrong on standard error) and returns the exit code: 0,
// or 1 when something is wrong. While it works it says on standard error, if that is a terminal,
// how far it is. Of `config` only storage is used.
int RunCheck(const std::string& data, const Config& config);
int RunBackup(const std::string& data, const std::string& to, const Config& config);
int RunRestore(const std::string& backup, const std::string& data);

}  // namespace hodei::server
