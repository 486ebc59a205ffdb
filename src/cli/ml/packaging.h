// Makes the archives a training job runs from the user's folder, the way gcloud does.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "cli/settings.h"

namespace hodei::cli {

struct PackagingRequest {
  std::string package_path;          // the folder with __init__.py
  std::string output_folder;         // ours; archives and build products go here
  std::vector<std::string> pythons;  // interpreters to try in turn: {"python3", "python"}
  EnvironmentVariables environment;
};

// Runs `setup.py sdist` in the parent folder of package_path and returns the archives made. Where
// the parent has no setup.py, one is written for the time of the build and removed again. Nothing
// else in the user's folder changes. FAILED_PRECONDITION with the build's own words and what to do
// when it fails, in particular when setuptools is missing.
Result<std::vector<std::string>> BuildPackages(const PackagingRequest& request);

// The setup.py for a package without one.
std::string GeneratedSetup(const std::string& name);

// The hash that names the upload folder: SHA-256 of all files' bytes in order.
Result<std::string> HashFiles(const std::vector<std::string>& paths);

}  // namespace hodei::cli
