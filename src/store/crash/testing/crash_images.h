// Draws images of a recorded folder at many points of its trace and hands each to a check.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/crash/testing/disk_state.h"

namespace hodei::store::testing {

struct CrashImage {
  std::string folder;               // unpacked there; the check may write to it
  std::vector<std::string> before;  // what the test marked before the power went
  std::string where;                // the event and the loss, for the reader of a failure
};

struct CrashPlan {
  uint32_t seed = 1;
  size_t images = 0;  // spread over the whole trace
};

// The plan's number of images, or what HODEI_CRASH_IMAGES says.
size_t CrashImageCount(size_t by_default);

// Calls `check` for each image until it says what is wrong; returns that, or an empty string.
std::string ForEachCrashImage(const std::vector<DiskEvent>& trace, const CrashPlan& plan,
                              const std::function<std::string(const CrashImage&)>& check);

}  // namespace hodei::store::testing
