#include "tensorflow/signature_def.h"

#include <gtest/gtest.h>

#include "tensorflow/tensor_string.h"

namespace hodei::engines {
namespace {

std::string Field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}
std::string Number(int number, int value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}

// One signature "s" with an input "x" of float32 [-1, 3] at "op:1".
std::string MetaGraph() {
  const std::string any = Field(2, std::string("\x08") + std::string(9, '\xff') + '\x01');
  const std::string shape = any + Field(2, Number(1, 3));
  const std::string endpoint = Field(1, "op:1") + Number(2, 1) + Field(3, shape);
  const std::string signature = Field(1, Field(1, "x") + Field(2, endpoint));
  return Number(9, 4) + Field(5, Field(1, "s") + Field(2, signature));
}

TEST(SignatureDef, ReadsEndpointsAndShapes) {
  std::vector<SignatureDef> signatures;
  ASSERT_TRUE(ReadSignatureDefs(MetaGraph(), &signatures));
  ASSERT_EQ(signatures.size(), 1U);
  EXPECT_EQ(signatures[0].name, "s");
  ASSERT_EQ(signatures[0].inputs.size(), 1U);
  const TensorEndpoint& x = signatures[0].inputs[0];
  EXPECT_EQ(x.alias, "x");
  EXPECT_EQ(x.operation, "op");
  EXPECT_EQ(x.index, 1);
  EXPECT_EQ(x.type, 1);
  EXPECT_TRUE(x.dense && x.known_rank);
  EXPECT_EQ(x.shape, (std::vector<int64_t>{-1, 3}));
}

TEST(SignatureDef, RefusesBytesThatEndWithinAField) {
  const std::string whole = MetaGraph();
  for (size_t size = 3; size < whole.size(); ++size) {
    std::vector<SignatureDef> signatures;
    EXPECT_FALSE(ReadSignatureDefs(whole.substr(0, size), &signatures)) << size;
  }
}

TEST(TensorString, ReadsEveryFormThatTheLibraryWrites) {
  const auto text = [](const TensorString& string) {
    const hodei_bytes bytes = BytesOf(string);
    return std::string(bytes.data, bytes.size);
  };
  const std::string long_text(100, 'l');
  EXPECT_EQ(text(ViewOf({long_text.data(), long_text.size()})), long_text);
  TensorString small{};
  std::memcpy(&small, "\x08hi", 3);  // size 2 above the two type bits
  EXPECT_EQ(text(small), "hi");
  TensorString large{};
  const char* pointer = long_text.data();
  large.words[0] = long_text.size() << 2 | 1;
  std::memcpy(&large.words[2], &pointer, sizeof(pointer));
  EXPECT_EQ(text(large), long_text);
}

}  // namespace
}  // namespace hodei::engines
