// The signatures of a SavedModel, read from the bytes of its MetaGraphDef. Only the fields that say
// what a signature takes and gives are looked at; the graph itself stays the library's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hodei::engines {

struct TensorEndpoint {
  std::string alias;      // the name in the signature
  std::string operation;  // of the graph
  int32_t index = 0;      // which of its outputs
  int32_t type = 0;       // TensorFlow's DataType
  bool known_rank = false;
  std::vector<int64_t> shape;  // -1: any size
  bool dense = false;          // false: sparse or composite, which cannot be fed
};

struct SignatureDef {
  std::string name;
  std::vector<TensorEndpoint> inputs;   // sorted by alias
  std::vector<TensorEndpoint> outputs;  // sorted by alias
};

inline constexpr size_t kSignaturesMax = 1000;
inline constexpr size_t kEndpointsMax = 10'000;

// False when the bytes are no MetaGraphDef. Sorted by name.
bool ReadSignatureDefs(std::string_view meta_graph, std::vector<SignatureDef>* signatures);

}  // namespace hodei::engines
