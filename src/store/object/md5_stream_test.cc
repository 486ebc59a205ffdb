#include "store/object/md5_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "base/digest.h"

namespace hodei::store {
namespace {

std::string Whole(std::string_view bytes) {
  DigestStream digest(DigestStream::Kind::kMd5);
  digest.Update(bytes);
  return digest.Final();
}

// Beyond the inline bytes, the queue's end and its size many times over, in pieces of every kind.
TEST(Md5Stream, IsTheDigestOfAllPiecesWithAndWithoutAThread) {
  std::string bytes;
  for (uint32_t i = 0; bytes.size() < Md5Stream::kInlineBytes + 5 * Md5Stream::kQueueBytes; ++i) {
    bytes.append(std::to_string(i * 2654435761U));
  }
  for (const int threads_free : {0, 1}) {
    for (const size_t piece : {size_t{300'007}, Md5Stream::kQueueBytes, Md5Stream::kQueueBytes + 1,
                               3 * Md5Stream::kQueueBytes}) {
      Md5Threads threads(threads_free);
      Md5Stream stream(&threads);
      for (size_t at = 0; at < bytes.size(); at += piece) {
        stream.Update(std::string_view(bytes).substr(at, piece));
      }
      EXPECT_EQ(stream.Final(), Whole(bytes)) << threads_free << " " << piece;
      EXPECT_EQ(threads.Take(), threads_free == 1);
    }
  }
}

}  // namespace
}  // namespace hodei::store
