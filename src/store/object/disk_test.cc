// What only a disk of its own can show: power cuts (F7) and a disk that is full (F10). Each test
// mounts a small ext4 image in a mount namespace of a child process; without the right to do that
// they are skipped.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "base/testing/status_matchers.h"
#include "store/object/object_store.h"
#include "store/object/testing/object_store_conformance.h"
#include "store/object/testing/whole_objects.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::IsEmpty;

constexpr unsigned long kExt4Shutdown = 0x8004587D;  // EXT4_IOC_SHUTDOWN
constexpr uint32_t kWithoutLogFlush = 2;
constexpr int kSkipped = 77;

std::string Get(ObjectStore* store, const std::string& name) {
  Result<OpenedObject> opened = store->OpenObject("bucket", name);
  return opened.ok() ? ReadAll(*opened) : std::string(CodeName(opened.status().code()));
}

// What a body returns that says to `out` what is wrong.
auto Failing(int out) {
  return [out](const std::string& text) {
    (void)!write(out, text.data(), text.size());
    return 1;
  };
}

class OwnDisk : public ::testing::Test {
 protected:
  void Make(int mebibytes) {
    const std::string command =
        fmt::format("truncate -s {}M {} && mkfs.ext4 -q -F -m0 {} >/dev/null 2>&1", mebibytes,
                    Image(), Image());
    if (geteuid() != 0 || system(command.c_str()) != 0) GTEST_SKIP() << "no loop file systems here";
  }

  // Runs `body` in a child that sees the disk at Mount(); its exit code, kSkipped when it could not
  // be mounted. What `body` writes to the descriptor is in *said.
  int OnDisk(const std::function<int(int)>& body, std::string* said = nullptr) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) return -1;
    const pid_t child = fork();
    if (child == 0) {
      if (unshare(CLONE_NEWNS) != 0 ||
          mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          system(fmt::format("mkdir -p {0} && mount -o loop {1} {0}", Mount(), Image()).c_str()) !=
              0) {
        _exit(kSkipped);
      }
      _exit(body(pipe_fds[1]));
    }
    close(pipe_fds[1]);
    char buffer[4096];
    for (ssize_t n; (n = read(pipe_fds[0], buffer, sizeof buffer)) > 0;) {
      if (said != nullptr) said->append(buffer, static_cast<size_t>(n));
    }
    close(pipe_fds[0]);
    int how = 0;
    waitpid(child, &how, 0);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
  }

  Result<std::unique_ptr<ObjectStore>> Open() const {
    LocalObjectStoreOptions options;
    options.directory = Mount() + "/objects";
    options.segment_bytes = 256 * 1024;
    return OpenLocalObjectStore(options);
  }
  std::string Image() const { return folder_.path() + "/image"; }
  std::string Mount() const { return folder_.path() + "/mount"; }

  static void MakeBucket(ObjectStore* store) {
    Bucket bucket;
    bucket.set_name("bucket");
    bucket.set_project_id("p");
    (void)store->CreateBucket(bucket);
  }

  const TemporaryDirectory folder_;
};

// The bytes of version `version` of an object: all alike, so that a mixture shows.
std::string BytesOf(const std::string& name, int version) {
  const size_t size = version % 3 == 0 ? 90'000 : 700;
  std::string bytes = fmt::format("{} {} ", name, version);
  bytes.resize(size, static_cast<char>('a' + version % 26));
  return bytes;
}

TEST_F(OwnDisk, NothingAcknowledgedIsLostInAPowerCut) {
  Make(64);
  if (IsSkipped()) return;
  std::map<std::string, int> acknowledged;
  std::mt19937 random(11);
  for (int round = 0; round < 8; ++round) {
    std::string said;
    const auto delay = std::chrono::milliseconds(20 + random() % 150);
    const int wrote = OnDisk(
        [&](int out) {
          Result<std::unique_ptr<ObjectStore>> store = Open();
          if (!store.ok()) return 3;
          MakeBucket(store->get());
          std::atomic<bool> cutting = false;
          for (int t = 0; t < 4; ++t) {
            std::thread([&, t] {
              for (int i = 1;; ++i) {
                const std::string name = fmt::format("{}-{}", t, i % 10);
                const int version = round * 100'000 + i;
                if (!PutWhole(store->get(), name, BytesOf(name, version)).ok()) return;
                // While ext4 is shut down an fdatasync() under way may succeed for bytes that are
                // lost, which a power cut cannot do: four threads of pwrite() and fdatasync()
                // alone lose 2 of 29 such, and none that ended before.
                if (cutting) return;
                const std::string line = fmt::format("{} {}\n", name, version);
                if (write(out, line.data(), line.size()) < 0) return;
                if (i % 20 == 0) (void)(*store)->Sweep();
              }
            }).detach();
          }
          std::this_thread::sleep_for(delay);  // the moment of the cut is what varies
          const int disk = open(Mount().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
          uint32_t flags = kWithoutLogFlush;
          cutting = true;
          _exit(ioctl(disk, kExt4Shutdown, &flags) == 0 ? 0 : kSkipped);
        },
        &said);
    if (wrote == kSkipped) GTEST_SKIP() << "no loop mounts, or no shutdown of ext4, here";
    ASSERT_EQ(wrote, 0);
    for (size_t at = 0; at < said.size(); at = said.find('\n', at) + 1) {
      if (said.find('\n', at) == std::string::npos) break;
      const size_t space = said.find(' ', at);
      acknowledged[said.substr(at, space - at)] = std::stoi(said.substr(space + 1));
    }
    std::string problem;
    const int found = OnDisk(
        [&](int out) {
          const auto fail = [&](const std::string& text) {
            (void)!write(out, text.data(), text.size());
            return 1;
          };
          Result<std::unique_ptr<ObjectStore>> store = Open();
          if (!store.ok()) return fail(std::string(store.status().message()));
          for (const auto& [name, version] : acknowledged) {
            const std::string bytes = Get(store->get(), name);
            const size_t space = bytes.find(' ');
            const int there =
                space == std::string::npos ? -1 : std::atoi(bytes.c_str() + space + 1);
            if (there < version) return fail(fmt::format("{}: {} < {}", name, there, version));
            if (bytes != BytesOf(name, there)) return fail(name + " is a mixture");
          }
          const Result<FsckReport> report = (*store)->Fsck();
          if (!report.ok()) return fail(std::string(report.status().message()));
          return report->problems.empty() ? 0 : fail(report->problems.front());
        },
        &problem);
    ASSERT_EQ(found, 0) << "round " << round << ": " << problem;
  }
  EXPECT_GT(acknowledged.size(), 10u);
}

TEST_F(OwnDisk, AFullDiskRefusesAndRecoversByItself) {
  Make(24);
  if (IsSkipped()) return;
  std::string problem;
  const int code = OnDisk(
      [&](int out) {
        const auto fail = Failing(out);
        const std::string ballast = Mount() + "/ballast";
        if (!WriteFileDurably(ballast, std::string(6 << 20, 'b')).ok()) return fail("ballast");
        Result<std::unique_ptr<ObjectStore>> store = Open();
        if (!store.ok()) return fail(std::string(store.status().message()));
        MakeBucket(store->get());
        std::map<std::string, std::string> kept;
        Status full;
        for (int i = 0; full.ok() && i < 10'000; ++i) {
          const std::string name = fmt::format("o{}", i);
          const std::string bytes = BytesOf(name, i);
          full = PutWhole(store->get(), name, bytes).status();
          if (full.ok()) kept[name] = bytes;
        }
        if (full.code() != Code::kResourceExhausted) return fail(std::string(full.message()));
        for (const auto& [name, bytes] : kept) {
          if (Get(store->get(), name) != bytes) return fail(name + " is gone on a full disk");
        }
        unlink(ballast.c_str());
        const Status again = PutWhole(store->get(), "after", "there is room again").status();
        if (!again.ok()) return fail(std::string(again.message()));
        const Result<FsckReport> report = (*store)->Fsck();
        if (!report.ok()) return fail(std::string(report.status().message()));
        if (!report->problems.empty()) return fail(report->problems.front());
        return report->objects == kept.size() + 1 ? 0 : fail("half an object");
      },
      &problem);
  if (code == kSkipped) GTEST_SKIP() << "no loop mounts here";
  EXPECT_EQ(code, 0) << problem;
}

TEST_F(OwnDisk, ObjectsAreDeletedFromAFullDisk) {
  Make(40);
  if (IsSkipped()) return;
  std::string problem;
  const int code = OnDisk(
      [&](int out) {
        const auto fail = Failing(out);
        Result<std::unique_ptr<ObjectStore>> store = Open();
        if (!store.ok()) return fail(std::string(store.status().message()));
        MakeBucket(store->get());
        int stored = 0;
        // All different: the same bytes are stored once.
        const auto bytes = [](int n) { return fmt::format("{:>200000}", n); };
        while (PutWhole(store->get(), fmt::format("o{}", stored), bytes(stored)).ok()) {
          ++stored;
        }
        // To the last byte, by somebody else.
        const int filler =
            open((Mount() + "/filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        for (const size_t piece : {size_t{1} << 16, size_t{512}}) {
          const std::string zeros(piece, 'z');
          while (write(filler, zeros.data(), zeros.size()) > 0) {
          }
        }
        close(filler);
        const Status refused = PutWhole(store->get(), "more", "x").status();
        if (refused.code() != Code::kResourceExhausted)
          return fail("not full: " + refused.message());
        for (int i = 0; i < stored / 2; ++i) {
          const Status removed =
              (*store)->DeleteObject("bucket", fmt::format("o{}", i), std::nullopt, {});
          if (!removed.ok()) return fail(fmt::format("delete {}: {}", i, removed.message()));
        }
        const Status again = PutWhole(store->get(), "after", "there is room again").status();
        if (!again.ok()) return fail(again.message());
        const Result<FsckReport> report = (*store)->Fsck();
        if (!report.ok()) return fail(report.status().message());
        if (!report->problems.empty()) return fail(report->problems.front());
        return stored > 20 ? 0 : fail("nothing was stored");
      },
      &problem);
  if (code == kSkipped) GTEST_SKIP() << "no loop mounts here";
  EXPECT_EQ(code, 0) << problem;
}

}  // namespace
}  // namespace hodei::store
