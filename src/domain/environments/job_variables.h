// Variables that every training replica gets from its environment, whatever the job is.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace hodei::environments {

// `prefixes` are the layers' folders inside, most specific first. `left_out_modules` are modules of
// the runtime that were not installed for this job: the launcher explains their absence.
std::map<std::string, std::string> JobVariables(const std::vector<std::string>& prefixes,
                                                const std::vector<std::string>& left_out_modules);

}  // namespace hodei::environments
