// The store's conformance suite with its bytes on a real S3 server: rclone's, in a process of its
// own, where one that serves S3 is at $HODEI_S3_SERVER or where `./run test e2e` puts it.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/testing/status_matchers.h"
#include "store/object/remote_store.h"
#include "store/object/testing/object_store_conformance.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;

std::string Program() {
  const char* named = std::getenv("HODEI_S3_SERVER");
  const std::string path =
      named != nullptr ? named : std::string(HODEI_SOURCE_DIR) + "/build/s3-server/rclone";
  return access(path.c_str(), X_OK) == 0 ? path : "";
}

// Started at the first use, ended with the tests.
class RealS3 {
 public:
  static RealS3& Get() {
    static RealS3 server;
    return server;
  }

  RemoteOptions NewPlace() {
    RemoteOptions options;
    options.server.endpoint = fmt::format("http://127.0.0.1:{}", port_);
    options.server.bucket = "bytes";
    options.server.credentials = {"AKTEST", Secret("a-secret-of-the-test"), "us-east-1"};
    options.server.part_bytes = 5 << 20;
    options.prefix = fmt::format("place{}/", ++places_);
    options.cache_bytes = 3 << 20;
    return options;
  }
  std::string NewFolder() { return fmt::format("{}/store{}", folder_.path(), places_); }

 private:
  RealS3() {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    (void)bind(probe, reinterpret_cast<sockaddr*>(&address), size);
    (void)getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    close(probe);
    EXPECT_THAT(MakeDirectories(folder_.path() + "/s3/bytes"), IsOk());
    const std::string listen = fmt::format("127.0.0.1:{}", port_);
    const std::string served = folder_.path() + "/s3";
    const std::string program = Program();
    child_ = fork();
    if (child_ == 0) {
      execl(program.c_str(), program.c_str(), "serve", "s3", "--addr", listen.c_str(), "--auth-key",
            "AKTEST,a-secret-of-the-test", "--config", "/dev/null", "--log-level", "ERROR",
            served.c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 600; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const bool there = connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0;
      close(fd);
      if (there) return;
      std::this_thread::sleep_for(
          std::chrono::milliseconds(50));  // another process: nothing to wait on
    }
    ADD_FAILURE() << program << " does not listen";
  }
  ~RealS3() {
    kill(child_, SIGTERM);
    waitpid(child_, nullptr, 0);
  }

  TemporaryDirectory folder_;
  uint16_t port_ = 0;
  pid_t child_ = -1;
  int places_ = 0;
};

std::unique_ptr<ObjectStore> Open(const Clock* clock) {
  const RemoteOptions options = RealS3::Get().NewPlace();
  Result<std::unique_ptr<ObjectStore>> store =
      OpenRemoteObjectStore(RealS3::Get().NewFolder(), clock, options);
  EXPECT_THAT(store, IsOk());
  return store.ok() ? *std::move(store) : nullptr;
}

std::vector<StoreKind> Kinds() {
  return Program().empty() ? std::vector<StoreKind>() : std::vector{StoreKind{"rclone", Open}};
}

INSTANTIATE_TEST_SUITE_P(RealS3, ObjectStoreConformance, ::testing::ValuesIn(Kinds()));

TEST(RealS3, TakesLargeContentsInPartsAndGivesRanges) {
  if (Program().empty()) GTEST_SKIP() << "no S3 server here: ./run test e2e builds one where Go is";
  const RemoteOptions options = RealS3::Get().NewPlace();
  const std::string folder = RealS3::Get().NewFolder();
  std::string bytes(23 << 20, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
  const auto open = [&] { return OpenRemoteObjectStore(folder, &SystemClock(), options); };
  {
    ASSERT_OK_AND_ASSIGN(const auto store, open());
    Bucket bucket;
    bucket.set_name("bucket");
    ASSERT_THAT(store->CreateBucket(bucket), IsOk());
    ASSERT_OK_AND_ASSIGN(const auto writer, store->NewWriter());
    ASSERT_THAT(writer->Append(bytes), IsOk());
    Object metadata;
    metadata.set_bucket("bucket");
    metadata.set_name("large");
    ASSERT_THAT(writer->Commit(metadata, {}, {}), IsOk());
  }
  ASSERT_OK_AND_ASSIGN(const auto store, open());
  ASSERT_OK_AND_ASSIGN(OpenedObject part, store->OpenObject("bucket", "large"));
  Slice(17'000'000, 2'000'000, &part.content);
  EXPECT_TRUE(ReadAll(part) == bytes.substr(17'000'000, 2'000'000));
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store->Fsck());
  EXPECT_THAT(report.problems, ::testing::IsEmpty());
}

}  // namespace
}  // namespace hodei::store
