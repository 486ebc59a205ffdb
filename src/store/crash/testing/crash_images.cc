#include "store/crash/testing/crash_images.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "base/random_id.h"
#include "sys/file.h"

namespace hodei::store::testing {
namespace {

using Loss = DiskState::Loss;
constexpr std::array<std::pair<Loss, const char*>, 5> kLosses = {{{Loss::kAll, "all lost"},
                                                                  {Loss::kNothing, "nothing lost"},
                                                                  {Loss::kTail, "the end lost"},
                                                                  {Loss::kAny, "reordered"},
                                                                  {Loss::kTorn, "torn"}}};

// A folder that costs no disk syncs where there is one: the images are many, and their own
// durability is nobody's business.
class ImageFolder {
 public:
  ImageFolder() {
    const std::string base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    path_ = fmt::format("{}/hodei-crash-{}", base, RandomId(12));
    if (!MakeDirectories(path_).ok()) std::abort();
  }
  ~ImageFolder() { (void)RemoveTree(path_).ok(); }
  ImageFolder(const ImageFolder&) = delete;
  ImageFolder& operator=(const ImageFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

size_t CrashImageCount(size_t by_default) {
  const char* wanted = std::getenv("HODEI_CRASH_IMAGES");
  return wanted == nullptr ? by_default : std::strtoull(wanted, nullptr, 10);
}

std::string ForEachCrashImage(const std::vector<DiskEvent>& trace, const CrashPlan& plan,
                              const std::function<std::string(const CrashImage&)>& check) {
  std::mt19937 random(plan.seed);
  std::vector<size_t> points(plan.images);
  for (size_t& point : points) point = random() % (trace.size() + 1);
  std::sort(points.begin(), points.end());
  DiskState disk;
  std::vector<std::string> before;
  size_t done = 0;
  for (const size_t point : points) {
    for (; done < point; ++done) {
      disk.Apply(trace[done]);
      if (trace[done].kind == DiskEvent::Kind::kMark) before.push_back(trace[done].bytes);
    }
    const auto& [loss, name] = kLosses[random() % kLosses.size()];
    const ImageFolder folder;
    disk.Cut(loss, &random).Unpack(folder.path());
    const std::string where =
        fmt::format("seed {}, event {} of {}, {}", plan.seed, point, trace.size(), name);
    const std::string problem = check({folder.path(), before, where});
    if (!problem.empty()) return fmt::format("{}: {}", where, problem);
  }
  return "";
}

}  // namespace hodei::store::testing
