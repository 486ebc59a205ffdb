#include "bucketfs/file_system.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "bucketfs/testing/fake_bucket_client.h"

namespace hodei::bucketfs {
namespace {

using testing::FakeBucketClient;

class FileSystemTest : public ::testing::Test {
 protected:
  FileSystemTest() { state_.buckets["b"] = {{"a/x.txt", "hello"}, {"top", ""}}; }

  // The node at "b/a/x.txt"; 0 and *error when there is none.
  uint64_t Walk(const std::string& path, int* error = nullptr) {
    uint64_t node = FileSystem::kRoot;
    size_t at = 0;
    while (at <= path.size()) {
      const size_t slash = std::min(path.find('/', at), path.size());
      Attributes found;
      const int failed = files_.Lookup(node, path.substr(at, slash - at), &found);
      if (error != nullptr) *error = failed;
      if (failed != 0) return 0;
      node = found.node;
      at = slash + 1;
    }
    return node;
  }
  Attributes Of(const std::string& path) {
    Attributes attributes;
    EXPECT_EQ(files_.GetAttributes(Walk(path), &attributes), 0) << path;
    return attributes;
  }
  uint64_t Create(const std::string& folder, const std::string& name) {
    Attributes made;
    uint64_t handle = 0;
    EXPECT_EQ(files_.Create(Walk(folder), name, &made, &handle), 0);
    return handle;
  }
  int Write(uint64_t handle, uint64_t offset, const std::string& bytes) {
    return files_.Write(handle, offset, bytes.data(), bytes.size());
  }
  std::vector<std::string> Names(const std::string& path) {
    uint64_t handle = 0;
    const uint64_t node = path.empty() ? FileSystem::kRoot : Walk(path);
    EXPECT_EQ(files_.OpenFolder(node, &handle), 0);
    std::vector<std::string> names;
    DirectoryEntry entry;
    bool found = true;
    for (uint64_t i = 0; files_.ReadFolder(handle, i, &entry, &found) == 0 && found; ++i) {
      names.push_back(entry.name + (entry.folder ? "/" : ""));
    }
    files_.Release(handle);
    return names;
  }

  FakeBucketClient::State state_;
  FileSystem files_{std::make_unique<FakeBucketClient>(&state_)};
};

TEST_F(FileSystemTest, BucketsAndPrefixesAreFoldersAndObjectsAreFiles) {
  EXPECT_TRUE(Of("b").folder);
  EXPECT_TRUE(Of("b/a").folder);
  EXPECT_FALSE(Of("b/a/x.txt").folder);
  EXPECT_EQ(Of("b/a/x.txt").size, 5u);
  for (const char* absent : {"c", "b/none", "b/a/none", "b/a/x.txt/more"}) {
    int error = 0;
    Walk(absent, &error);
    EXPECT_EQ(error, -ENOENT) << absent;
  }
}

TEST_F(FileSystemTest, ListsPageByPageAndLeavesOutWhatNoFileCanBeCalled) {
  for (size_t i = 0; i < FileSystem::kPageEntries + 5; ++i) {
    state_.buckets["many"]["n" + std::to_string(i)] = "";
  }
  EXPECT_EQ(Names("many").size(), FileSystem::kPageEntries + 7);
  state_.buckets["odd"] = {{"/x", ""},   {"a//b", ""}, {"..", ""},
                           {"../e", ""}, {"d/", ""},   {"f", ""}};
  EXPECT_EQ(Names("odd"), (std::vector<std::string>{"./", "../", "a/", "d/", "f"}));
  EXPECT_EQ(Names("odd/d"), (std::vector<std::string>{"./", "../"}));
  EXPECT_EQ(Names(""), (std::vector<std::string>{"./", "../", "b/", "many/", "odd/"}));
}

TEST_F(FileSystemTest, NamesThatWouldBeAnotherObjectAreRefused) {
  Attributes made;
  uint64_t handle = 0;
  for (const std::string& name : {std::string(".."), std::string("."), std::string("a/b"),
                                  std::string(), std::string("a\0b", 3)}) {
    EXPECT_EQ(files_.Create(Walk("b"), name, &made, &handle), -EINVAL);
    EXPECT_EQ(files_.Lookup(Walk("b"), name, &made), -ENOENT);
  }
  EXPECT_EQ(files_.Create(Walk("b"), std::string(256, 'n'), &made, &handle), -ENAMETOOLONG);
  EXPECT_EQ(files_.Create(FileSystem::kRoot, "file", &made, &handle), -EPERM);
}

TEST_F(FileSystemTest, ReadsAnywhere) {
  uint64_t handle = 0;
  ASSERT_EQ(files_.Open(Walk("b/a/x.txt"), O_RDONLY, &handle), 0);
  std::string bytes;
  EXPECT_EQ(files_.Read(handle, 1, 3, &bytes), 0);
  EXPECT_EQ(bytes, "ell");
  EXPECT_EQ(files_.Read(handle, 5, 3, &bytes), 0);
  EXPECT_EQ(bytes, "");
}

TEST_F(FileSystemTest, AFileAppearsWhenItIsClosed) {
  const uint64_t handle = Create("b/a", "new");
  EXPECT_EQ(Write(handle, 0, "one "), 0);
  EXPECT_EQ(Write(handle, 4, "two"), 0);
  EXPECT_FALSE(state_.buckets["b"].contains("a/new"));
  EXPECT_EQ(Of("b/a/new").size, 7u) << "who looks here sees how far it is";
  EXPECT_EQ(files_.Flush(handle), 0);
  EXPECT_EQ(state_.buckets["b"]["a/new"], "one two");
  files_.Release(handle);
  EXPECT_EQ(state_.puts, 1);
}

TEST_F(FileSystemTest, AnEmptyFileIsAFile) {
  const uint64_t handle = Create("b", "empty");
  EXPECT_EQ(files_.Flush(handle), 0);
  files_.Release(handle);
  EXPECT_TRUE(state_.buckets["b"].contains("empty"));
}

TEST_F(FileSystemTest, OnlyTheEndCanBeWritten) {
  const uint64_t handle = Create("b", "f");
  EXPECT_EQ(Write(handle, 1, "x"), -EOPNOTSUPP);
  EXPECT_EQ(Write(handle, 0, "abc"), 0);
  EXPECT_EQ(Write(handle, 1, "x"), -EOPNOTSUPP);
  EXPECT_EQ(files_.Flush(handle), 0);
  EXPECT_EQ(state_.buckets["b"]["f"], "abc");
}

// `(echo a; echo b) >f`: each program closes its copy of the descriptor.
TEST_F(FileSystemTest, WhatIsWrittenAfterACloseIsAppended) {
  const uint64_t handle = Create("b", "f");
  EXPECT_EQ(Write(handle, 0, "a"), 0);
  EXPECT_EQ(files_.Flush(handle), 0);
  EXPECT_EQ(Write(handle, 1, "b"), 0);
  EXPECT_EQ(files_.Flush(handle), 0);
  EXPECT_EQ(files_.Flush(handle), 0);
  files_.Release(handle);
  EXPECT_EQ(state_.buckets["b"]["f"], "ab");
  EXPECT_EQ(state_.appends, 1);
}

TEST_F(FileSystemTest, AFileCanBeOpenedForAppending) {
  uint64_t handle = 0;
  ASSERT_EQ(files_.Open(Walk("b/a/x.txt"), O_WRONLY | O_APPEND, &handle), 0);
  EXPECT_EQ(Write(handle, 0, "!"), -EOPNOTSUPP);
  EXPECT_EQ(Write(handle, 5, "!"), 0);
  EXPECT_EQ(files_.Flush(handle), 0);
  EXPECT_EQ(state_.buckets["b"]["a/x.txt"], "hello!");
  ASSERT_EQ(files_.Open(Walk("b/a/x.txt"), O_WRONLY | O_TRUNC, &handle), 0);
  EXPECT_EQ(Write(handle, 0, "new"), 0);
  EXPECT_EQ(files_.Flush(handle), 0);
  EXPECT_EQ(state_.buckets["b"]["a/x.txt"], "new");
}

TEST_F(FileSystemTest, LargeFilesAreSentInPiecesAndAppendedInPieces) {
  std::string bytes;
  for (size_t i = 0; bytes.size() < 2 * FileSystem::kPieceBytes + 100; ++i) {
    bytes += std::to_string(i) + "\n";
  }
  const uint64_t handle = Create("b", "large");
  for (size_t at = 0; at < bytes.size(); at += 100'000) {
    ASSERT_EQ(Write(handle, at, bytes.substr(at, 100'000)), 0);
  }
  EXPECT_EQ(state_.pieces, 2);
  EXPECT_EQ(files_.Flush(handle), 0);
  EXPECT_EQ(state_.buckets["b"]["large"], bytes);
  ASSERT_EQ(Write(handle, bytes.size(), bytes), 0);
  EXPECT_EQ(files_.Flush(handle), 0);
  EXPECT_EQ(state_.buckets["b"]["large"], bytes + bytes);
}

TEST_F(FileSystemTest, AFailedWriteIsToldAtTheLatestOnCloseAndStays) {
  const uint64_t handle = Create("b", "f");
  EXPECT_EQ(Write(handle, 0, "x"), 0);
  state_.next_error = PermissionDenied("no");
  EXPECT_EQ(files_.Flush(handle), -EACCES);
  EXPECT_EQ(Write(handle, 1, "y"), -EACCES);
  EXPECT_EQ(files_.Flush(handle), -EACCES);
  files_.Release(handle);
  EXPECT_FALSE(state_.buckets["b"].contains("f"));
}

TEST_F(FileSystemTest, AnUploadThatFailedIsCancelled) {
  const uint64_t handle = Create("b", "f");
  EXPECT_EQ(Write(handle, 0, std::string(FileSystem::kPieceBytes, 'x')), 0);
  state_.next_error = Unavailable("later");
  EXPECT_EQ(files_.Flush(handle), -EIO);
  files_.Release(handle);
  EXPECT_EQ(state_.cancelled, 1);
}

TEST_F(FileSystemTest, FoldersAreMadeAndRemovedWhenEmpty) {
  Attributes made;
  EXPECT_EQ(files_.MakeFolder(Walk("b"), "d", &made), 0);
  EXPECT_TRUE(Of("b/d").folder);
  EXPECT_EQ(files_.RemoveFolder(Walk("b"), "a"), -ENOTEMPTY);
  EXPECT_EQ(files_.RemoveFolder(Walk("b"), "d"), 0);
  int error = 0;
  Walk("b/d", &error);
  EXPECT_EQ(error, -ENOENT);
  EXPECT_EQ(files_.RemoveFolder(Walk("b"), "none"), -ENOENT);
}

TEST_F(FileSystemTest, RenamesFilesAndLeavesFoldersToTheCaller) {
  EXPECT_EQ(files_.Rename(Walk("b/a"), "x.txt", Walk("b"), "top"), 0);
  EXPECT_EQ(state_.buckets["b"], (std::map<std::string, std::string>{{"top", "hello"}}));
  state_.buckets["b"]["a/y"] = "";
  EXPECT_EQ(files_.Rename(Walk("b"), "a", Walk("b"), "c"), -EXDEV);
  EXPECT_EQ(files_.Rename(Walk("b"), "none", Walk("b"), "c"), -ENOENT);
}

// Programs write to a temporary name and rename; the kernel releases the file some time later.
TEST_F(FileSystemTest, AFileThatIsStillOpenCanBeRenamed) {
  const uint64_t handle = Create("b", "draft");
  EXPECT_EQ(Write(handle, 0, "x"), 0);
  EXPECT_EQ(files_.Rename(Walk("b"), "draft", Walk("b"), "final"), 0);
  EXPECT_EQ(Write(handle, 1, "y"), 0);
  files_.Release(handle);
  EXPECT_EQ(state_.buckets["b"]["final"], "xy");
  EXPECT_FALSE(state_.buckets["b"].contains("draft"));
}

TEST_F(FileSystemTest, ARemovedNameBelongsToAnotherNodeAfterwards) {
  const uint64_t before = Walk("b/top");
  EXPECT_EQ(files_.RemoveFile(Walk("b"), "top"), 0);
  files_.Release(Create("b", "top"));
  const uint64_t after = Walk("b/top");
  EXPECT_NE(before, after);
  files_.Forget(before, 1);
  EXPECT_EQ(Walk("b/top"), after);
}

TEST_F(FileSystemTest, OpenFilesHaveALimit) {
  uint64_t handle = 0;
  for (size_t i = 0; i < FileSystem::kMaxWriters; ++i) Create("b", "w" + std::to_string(i));
  Attributes made;
  EXPECT_EQ(files_.Create(Walk("b"), "more", &made, &handle), -EMFILE);
  for (size_t i = FileSystem::kMaxWriters; i < FileSystem::kMaxHandles; ++i) {
    ASSERT_EQ(files_.Open(Walk("b/a/x.txt"), O_RDONLY, &handle), 0);
  }
  EXPECT_EQ(files_.Open(Walk("b/a/x.txt"), O_RDONLY, &handle), -EMFILE);
}

}  // namespace
}  // namespace hodei::bucketfs
