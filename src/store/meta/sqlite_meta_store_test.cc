// What the SQLite store does beyond the conformance suite: it survives, and it refuses.
#include "store/meta/sqlite_meta_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "base/failpoint.h"
#include "base/testing/status_matchers.h"
#include "store/meta/sqlite_schema.h"
#include "store/meta/testing/meta_store_conformance.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A store in a folder of its own, which dies with it.
std::shared_ptr<MetaStore> MakeInTemporaryFolder() {
  auto folder = std::make_shared<TemporaryDirectory>();
  Result<std::unique_ptr<MetaStore>> store = OpenSqliteMetaStore(folder->path() + "/meta.db");
  if (!store.ok()) {
    ADD_FAILURE() << store.status();
    return nullptr;
  }
  MetaStore* const raw = (*store).release();
  return std::shared_ptr<MetaStore>(raw, [folder](MetaStore* dying) { delete dying; });
}

class SqliteMetaStoreTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_.path() + "/meta.db"; }
  Result<std::unique_ptr<MetaStore>> Open() { return OpenSqliteMetaStore(path()); }
  static Status Put(MetaStore* store, const std::string& name, const std::string& value) {
    return store->Commit({{Write::Op::kPut, "job", name, value, std::nullopt}}).status();
  }
  // Runs statements on the database behind the store's back.
  void RunSql(const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }

  TemporaryDirectory folder_;
};

TEST_F(SqliteMetaStoreTest, KeepsEverythingOverReopening) {
  int64_t last = 0;
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_THAT(Put(store.get(), "a", "1"), IsOk());
    ASSERT_THAT(Put(store.get(), "b", "2"), IsOk());
    ASSERT_OK_AND_ASSIGN(auto revisions,
                         store->Commit({{Write::Op::kDelete, "job", "b", "", std::nullopt}}));
    last = revisions[0];
  }
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  EXPECT_EQ(store->Get("job", "a")->value, "1");
  EXPECT_THAT(store->Get("job", "b"), StatusIs(Code::kNotFound));
  // Even though the highest revision belonged to a record that is gone.
  ASSERT_THAT(Put(store.get(), "c", "3"), IsOk());
  EXPECT_GT(store->Get("job", "c")->revision, last);
}

TEST_F(SqliteMetaStoreTest, FilesAreTheOwnersOnly) {
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  ASSERT_THAT(Put(store.get(), "a", "1"), IsOk());
  for (const char* suffix : {"", "-wal", ".lock"}) {
    struct stat found {};
    ASSERT_EQ(stat((path() + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteMetaStoreTest, RefusesASecondServer) {
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  EXPECT_THAT(Open(), StatusIs(Code::kFailedPrecondition,
                               AllOf(HasSubstr("in use by another server"),
                                     HasSubstr("pid " + std::to_string(getpid())))));
  store.reset();
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(SqliteMetaStoreTest, RefusesANewerSchema) {
  ASSERT_THAT(Open(), IsOk());
  RunSql("INSERT INTO schema_migrations VALUES (" + std::to_string(SchemaVersion() + 1) + ", '')");
  EXPECT_THAT(Open(), StatusIs(Code::kFailedPrecondition, HasSubstr("written by a newer Hodei")));
}

TEST_F(SqliteMetaStoreTest, RefusesAFileThatIsNoDatabase) {
  ASSERT_THAT(WriteFileDurably(path(), std::string(8192, 'x')), IsOk());
  EXPECT_THAT(Open(), StatusIs(Code::kDataLoss, HasSubstr("restore")));
}

TEST_F(SqliteMetaStoreTest, RefusesAMissingDatabaseInsteadOfStartingEmpty) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_EQ(unlink(path().c_str()), 0);
  EXPECT_THAT(Open(), StatusIs(Code::kDataLoss, HasSubstr("missing, though this folder had one")));
  EXPECT_FALSE(FileExists(path()));
  ASSERT_THAT(WriteFileDurably(path(), ""), IsOk());
  EXPECT_THAT(Open(), StatusIs(Code::kDataLoss, HasSubstr("empty")));
  ASSERT_EQ(unlink((path() + ".lock").c_str()), 0);
  ASSERT_EQ(unlink((path() + "-wal").c_str()), 0);
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(SqliteMetaStoreTest, RefusesAMissingLogAfterACrash) {
  const pid_t child = fork();
  if (child == 0) {
    Result<std::unique_ptr<MetaStore>> store = Open();
    _exit(store.ok() && Put(store->get(), "a", "1").ok() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  ASSERT_EQ(rename((path() + "-wal").c_str(), (path() + ".kept").c_str()), 0);
  EXPECT_THAT(Open(), StatusIs(Code::kDataLoss, HasSubstr("-wal' of the database is missing")));
  EXPECT_THAT(Open(), StatusIs(Code::kDataLoss)) << "a refusal changes nothing";
  ASSERT_EQ(rename((path() + ".kept").c_str(), (path() + "-wal").c_str()), 0);
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  EXPECT_EQ(store->Get("job", "a")->value, "1");
}

TEST_F(SqliteMetaStoreTest, MissingLogAfterACleanStopIsFine) {
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  ASSERT_THAT(Put(store.get(), "a", "1"), IsOk());
  store.reset();
  ASSERT_EQ(unlink((path() + "-wal").c_str()), 0);
  ASSERT_OK_AND_ASSIGN(store, Open());
  EXPECT_EQ(store->Get("job", "a")->value, "1");
}

TEST_F(SqliteMetaStoreTest, NeverGivesBytesOfADamagedPage) {
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    for (int i = 0; i < 200; ++i) {
      ASSERT_THAT(Put(store.get(), "job" + std::to_string(i), std::string(500, 'v')), IsOk());
    }
  }
  ASSERT_OK_AND_ASSIGN(const std::string good, ReadFile(path()));
  std::mt19937 random(17);
  int refused = 0, lost = 0;
  for (int round = 0; round < 60; ++round) {
    std::string bad = good;
    const size_t at = random() % bad.size();
    bad[at] = static_cast<char>(bad[at] ^ (1 << (random() % 8)));
    ASSERT_THAT(WriteFileDurably(path(), bad), IsOk());
    unlink((path() + "-shm").c_str());
    ASSERT_THAT(WriteFileDurably(path() + "-wal", ""), IsOk());
    Result<std::unique_ptr<MetaStore>> store = Open();
    if (!store.ok()) {
      ++refused;
      continue;
    }
    for (int i = 0; i < 200; ++i) {
      Result<Record> record = (*store)->Get("job", "job" + std::to_string(i));
      if (!record.ok()) {
        ++lost;
        continue;
      }
      ASSERT_EQ(record->value, std::string(500, 'v')) << "wrong bytes after a flip at " << at;
    }
  }
  EXPECT_GT(refused + lost, 0);
}

TEST_F(SqliteMetaStoreTest, WaitsForALockAndThenGivesUp) {
  ASSERT_OK_AND_ASSIGN(auto store,
                       OpenSqliteMetaStore(SqliteMetaStoreOptions{
                           .path = path(), .busy_wait = std::chrono::milliseconds(50)}));
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_THAT(Put(store.get(), "a", "1"), StatusIs(Code::kUnavailable, HasSubstr("locked")));
  EXPECT_THAT(store->Get("job", "a"), StatusIs(Code::kNotFound));
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_THAT(Put(store.get(), "a", "1"), IsOk());
}

TEST_F(SqliteMetaStoreTest, ListingsUseTheIndexOfTheirOrder) {
  ASSERT_THAT(Open(), IsOk());
  sqlite3* handle = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &handle), SQLITE_OK);
  std::string plan;
  sqlite3_exec(
      handle,
      "EXPLAIN QUERY PLAN SELECT name FROM records INDEXED BY records_by_creation WHERE kind = 'j'"
      " AND create_order < 5 AND name >= 'a' AND name < 'b' ORDER BY create_order DESC LIMIT 3",
      [](void* out, int, char** columns, char**) {
        *static_cast<std::string*>(out) += columns[3];
        return 0;
      },
      &plan, nullptr);
  sqlite3_close(handle);
  EXPECT_THAT(plan, AllOf(HasSubstr("records_by_creation (kind=? AND rowid<?)"),
                          ::testing::Not(HasSubstr("TEMP B-TREE"))));
}

TEST_F(SqliteMetaStoreTest, ManyThreadsReadWhileOneWrites) {
  ASSERT_OK_AND_ASSIGN(
      auto store, OpenSqliteMetaStore(SqliteMetaStoreOptions{.path = path(), .reader_limit = 2}));
  ASSERT_THAT(Put(store.get(), "a", "0"), IsOk());
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      int seen = 0;
      while (!stop) {
        Result<Record> record = store->Get("job", "a");
        ASSERT_THAT(record, IsOk());
        const int value = std::stoi(record->value);
        EXPECT_GE(value, seen);
        seen = value;
      }
    });
  }
  for (int i = 1; i <= 50; ++i) EXPECT_THAT(Put(store.get(), "a", std::to_string(i)), IsOk());
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

// Runs `body` in a child with a file system of `bytes` at `mount_point`; false when this machine
// does not let us mount.
bool RunOnSmallDisk(const std::string& mount_point, const std::string& options,
                    const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    const int flags = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
    if (unshare(flags) != 0) _exit(77);
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(77);
    if (mount("tmpfs", mount_point.c_str(), "tmpfs", 0, options.c_str()) != 0) _exit(77);
    _exit(body() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return false;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  return true;
}

TEST_F(SqliteMetaStoreTest, FullDiskIsAnErrorThatPassesWithoutRestart) {
  const auto body = [this] {
    Result<std::unique_ptr<MetaStore>> store = Open();
    if (!store.ok()) return false;
    const std::string ballast = folder_.path() + "/ballast";
    if (!WriteFileDurably(ballast, std::string(3 << 20, 'b')).ok()) return false;
    int stored = 0;
    Status status;
    while (status.ok() && stored < 1000) {
      status = Put((*store).get(), "job" + std::to_string(stored), std::string(20'000, 'v'));
      if (status.ok()) ++stored;
    }
    if (status.code() != Code::kResourceExhausted || stored == 0) return false;
    if (status.message().find("free disk space") == std::string::npos) return false;
    // Nothing of the failed one is visible, what was acknowledged is.
    if ((*store)->Get("job", "job" + std::to_string(stored)).ok()) return false;
    if (!(*store)->Get("job", "job0").ok()) return false;
    if (unlink(ballast.c_str()) != 0) return false;
    if (!Put((*store).get(), "after", "v").ok()) return false;
    store = Internal("closed");
    store = Open();
    return store.ok() && (*store)->Get("job", "after").ok() &&
           (*store)->Get("job", "job" + std::to_string(stored - 1)).ok();
  };
  if (!RunOnSmallDisk(folder_.path(), "size=9m", body)) GTEST_SKIP() << "mounting is not allowed";
}

// Fault F10: what is under way ends in the space that was kept for it.
TEST_F(SqliteMetaStoreTest, OnAFullDiskStateChangesFindRoomAndNewRecordsDoNot) {
  const auto body = [this] {
    Result<std::unique_ptr<MetaStore>> opened = Open();
    if (!opened.ok()) return false;
    MetaStore* const store = opened->get();
    if (!Put(store, "job", std::string(1000, 'q')).ok()) return false;
    // Fill the disk to the last byte.
    const std::string ballast = folder_.path() + "/ballast";
    const UniqueFd fd(open(ballast.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (WriteAll(fd.get(), std::string(4096, 'b')).ok()) {
    }
    Status status;
    for (int i = 0; i < 100 && status.ok(); ++i) {
      status = Put(store, "new" + std::to_string(i), std::string(20'000, 'v'));
    }
    if (status.code() != Code::kResourceExhausted || status.reason() != "diskFull") return false;
    for (int i = 0; i < 20; ++i) {
      const Result<Record> now = store->Get("job", "job");
      if (!now.ok()) return false;
      const Write change{Write::Op::kPut, "job", "job", std::string(1000, 'r'), now->revision};
      if (!store->Commit({change}).ok()) return false;
    }
    if (Put(store, "more", "v").ok()) return false;
    if (unlink(ballast.c_str()) != 0 || ftruncate(fd.get(), 0) != 0) return false;
    return Put(store, "more", "v").ok() && FileExists(path() + ".reserve");
  };
  if (!RunOnSmallDisk(folder_.path(), "size=9m", body)) GTEST_SKIP() << "mounting is not allowed";
}

// Fault F9: what was not synced is not acknowledged, and nothing is from then on.
TEST_F(SqliteMetaStoreTest, AFailedSyncIsNeverAcknowledgedAndEndsWriting) {
  std::vector<Status> reports;
  SqliteMetaStoreOptions options{.path = path()};
  options.on_degraded = [&](const Status& status) { reports.push_back(status); };
  {
    ASSERT_OK_AND_ASSIGN(auto store, OpenSqliteMetaStore(options));
    ASSERT_THAT(Put(store.get(), "before", "1"), IsOk());
    setenv("HODEI_FAILPOINTS", "meta.commit.sync=error:EIO@1", 1);
    ArmFailpointsFromEnvironment();
    EXPECT_FALSE(Put(store.get(), "lost", "1").ok());
    setenv("HODEI_FAILPOINTS", "meta.commit.sync=delay:0", 1);
    ArmFailpointsFromEnvironment();
    EXPECT_THAT(Put(store.get(), "after", "1"),
                StatusIs(Code::kUnavailable, HasSubstr("check the disk first")));
    EXPECT_THAT(store->Get("job", "before"), IsOk());
    EXPECT_THAT(store->Get("job", "lost"), StatusIs(Code::kNotFound));
    EXPECT_EQ(reports.size(), 1u);
  }
  ASSERT_OK_AND_ASSIGN(auto store, OpenSqliteMetaStore(options));
  EXPECT_THAT(store->Get("job", "before"), IsOk());
  EXPECT_THAT(store->Get("job", "lost"), StatusIs(Code::kNotFound));
  EXPECT_THAT(Put(store.get(), "after", "1"), IsOk());
}

// The child acknowledges every commit over a pipe and is killed at a random moment; what was
// acknowledged must be there, and what is there must be whole (fault F2).
TEST_F(SqliteMetaStoreTest, KillLosesNothingAcknowledged) {
  std::mt19937 random(std::random_device{}());
  std::vector<int> acknowledged;
  int kills = 0;
  for (int round = 0; round < 20; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
    const int base = round * 100'000;
    const pid_t child = fork();
    if (child == 0) {
      Result<std::unique_ptr<MetaStore>> store = Open();
      if (!store.ok()) _exit(1);
      std::vector<std::thread> writers;
      std::atomic<int> next{base};
      for (int i = 0; i < 4; ++i) {
        writers.emplace_back([&] {
          while (true) {
            const int id = next++;
            const std::string name = std::to_string(id);
            // Two records that must come together.
            const auto done =
                (*store)->Commit({{Write::Op::kPut, "job", name, "v" + name, 0},
                                  {Write::Op::kPut, "twin", name, std::string(300, 't'), 0}});
            if (!done.ok()) _exit(2);
            if (write(pipe_fds[1], &id, sizeof id) != sizeof id) _exit(3);
          }
        });
      }
      writers[0].join();
    }
    close(pipe_fds[1]);
    // The first acknowledgement comes after opening; the kill some time after that.
    int id = 0;
    ASSERT_EQ(read(pipe_fds[0], &id, sizeof id), static_cast<ssize_t>(sizeof id));
    acknowledged.push_back(id);
    usleep(static_cast<useconds_t>(random() % 30'000));
    kill(child, SIGKILL);
    ++kills;
    while (read(pipe_fds[0], &id, sizeof id) == static_cast<ssize_t>(sizeof id)) {
      acknowledged.push_back(id);
    }
    close(pipe_fds[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
  }
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  for (const int id : acknowledged) {
    Result<Record> record = store->Get("job", std::to_string(id));
    ASSERT_THAT(record, IsOk()) << id;
    ASSERT_EQ(record->value, "v" + std::to_string(id));
  }
  ListOptions options{.limit = 10'000};
  while (true) {
    ASSERT_OK_AND_ASSIGN(const ListPage page, store->List("job", options));
    for (const Record& record : page.records) {
      ASSERT_THAT(store->Get("twin", record.name), IsOk()) << "half a commit: " << record.name;
    }
    if (page.next.empty()) break;
    options.after = page.next;
  }
  RecordProperty("acknowledged", static_cast<int>(acknowledged.size()));
  RecordProperty("kills", kills);
}

}  // namespace

namespace testing {
INSTANTIATE_TEST_SUITE_P(Sqlite, MetaStoreConformance,
                         ::testing::Values(MetaStoreMaker{"sqlite", MakeInTemporaryFolder}));
}  // namespace testing
}  // namespace hodei::store
