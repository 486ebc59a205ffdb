// TensorFlow's string element as it lies in a tensor's memory: 24 bytes, whose two lowest bits say
// how to read the rest. The library's C interface has no functions for it.
#pragma once

#include <cstdint>
#include <cstring>

#include "engine/engine_abi.h"

namespace hodei::engines {

struct TensorString {
  uint64_t words[3];
};
static_assert(sizeof(TensorString) == 24);

// A string that refers to memory of its maker, who keeps it while the tensor lives.
inline TensorString ViewOf(hodei_bytes bytes) {
  constexpr uint64_t kView = 3;
  TensorString string{};
  string.words[0] = static_cast<uint64_t>(bytes.size) << 2 | kView;
  std::memcpy(&string.words[1], &bytes.data, sizeof(bytes.data));
  return string;
}

inline hodei_bytes BytesOf(const TensorString& string) {
  const auto* raw = reinterpret_cast<const char*>(&string);
  const char* data = nullptr;
  switch (string.words[0] & 3) {
    case 0:  // small: the size in the first byte, the bytes after it
      return {raw + 1, static_cast<size_t>(static_cast<uint8_t>(raw[0]) >> 2)};
    case 1:  // large: size, capacity, pointer
      std::memcpy(&data, &string.words[2], sizeof(data));
      return {data, static_cast<size_t>(string.words[0] >> 2)};
    case 2: {  // offset: 32-bit size and distance from this element
      uint32_t size = 0;
      uint32_t offset = 0;
      std::memcpy(&size, raw, sizeof(size));
      std::memcpy(&offset, raw + sizeof(size), sizeof(offset));
      return {raw + offset, size >> 2};
    }
    default:  // view: size, pointer
      std::memcpy(&data, &string.words[1], sizeof(data));
      return {data, static_cast<size_t>(string.words[0] >> 2)};
  }
}

}  // namespace hodei::engines
