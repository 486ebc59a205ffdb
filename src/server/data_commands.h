// `hodeid --check`, `--backup FOLDER` and `--restore FOLDER`: what is done with a data folder by a
// program of its own. Check and backup work beside a running server.
#pragma once

#include <string>

namespace hodei::server {

// Each prints one line ("ok: …", or what is wrong on standard error) and returns the exit code: 0,
// or 1 when something is wrong.
int RunCheck(const std::string& data);
int RunBackup(const std::string& data, const std::string& to);
int RunRestore(const std::string& backup, const std::string& data);

}  // namespace hodei::server
