#include "tensorflow/signature_def.h"

#include <algorithm>
#include <charconv>

namespace hodei::engines {
namespace {

constexpr size_t kRankMax = 16;

// Reads the fields of one protobuf message, skipping those that nobody asks for.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  // The next field; false at the end or when the bytes are malformed.
  bool Next() {
    if (rest_.empty() || bad_) return false;
    uint64_t tag = 0;
    if (!Varint(&tag)) return Bad();
    number_ = static_cast<uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0:
        bytes_ = {};
        return Varint(&integer_) || Bad();
      case 1:
        return Take(8) || Bad();
      case 2: {
        uint64_t size = 0;
        return (Varint(&size) && Take(size)) || Bad();
      }
      case 5:
        return Take(4) || Bad();
      default:
        return Bad();
    }
  }
  bool bad() const { return bad_; }
  uint32_t number() const { return number_; }
  uint64_t integer() const { return integer_; }
  std::string_view bytes() const { return bytes_; }

 private:
  bool Bad() {
    bad_ = true;
    return false;
  }
  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool Take(uint64_t size) {
    if (size > rest_.size()) return false;
    bytes_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  std::string_view bytes_;
  uint64_t integer_ = 0;
  uint32_t number_ = 0;
  bool bad_ = false;
};

// TensorShapeProto: dim = 2 {size = 1}, unknown_rank = 3.
bool ReadShape(std::string_view bytes, TensorEndpoint* endpoint) {
  endpoint->known_rank = true;
  Fields shape(bytes);
  while (shape.Next()) {
    if (shape.number() == 3 && shape.integer() != 0) endpoint->known_rank = false;
    if (shape.number() != 2) continue;
    int64_t size = 0;
    Fields dimension(shape.bytes());
    while (dimension.Next()) {
      if (dimension.number() == 1) size = static_cast<int64_t>(dimension.integer());
    }
    if (dimension.bad() || endpoint->shape.size() >= kRankMax) return false;
    endpoint->shape.push_back(size < 0 ? -1 : size);
  }
  if (!endpoint->known_rank) endpoint->shape.clear();
  return !shape.bad();
}

// "operation:index"
bool ReadName(std::string_view name, TensorEndpoint* endpoint) {
  const size_t colon = std::min(name.rfind(':'), name.size());
  endpoint->operation = name.substr(0, colon);
  endpoint->dense = !endpoint->operation.empty();
  if (colon == name.size()) return true;
  const std::string_view index = name.substr(colon + 1);
  const auto parsed = std::from_chars(index.data(), index.data() + index.size(), endpoint->index);
  return parsed.ec == std::errc() && parsed.ptr == index.data() + index.size() &&
         endpoint->index >= 0;
}

// TensorInfo: name = 1, dtype = 2, tensor_shape = 3; sparse and composite ones have no name.
bool ReadEndpoint(std::string_view bytes, TensorEndpoint* endpoint) {
  Fields fields(bytes);
  bool good = true;
  while (good && fields.Next()) {
    if (fields.number() == 1) good = ReadName(fields.bytes(), endpoint);
    if (fields.number() == 2) endpoint->type = static_cast<int32_t>(fields.integer());
    if (fields.number() == 3) good = ReadShape(fields.bytes(), endpoint);
  }
  return good && !fields.bad();
}

// One entry of a map<string, TensorInfo>: key = 1, value = 2.
bool AddEndpoint(std::string_view entry, std::vector<TensorEndpoint>* endpoints) {
  if (endpoints->size() >= kEndpointsMax) return false;
  TensorEndpoint endpoint;
  Fields fields(entry);
  bool good = true;
  while (good && fields.Next()) {
    if (fields.number() == 1) endpoint.alias = fields.bytes();
    if (fields.number() == 2) good = ReadEndpoint(fields.bytes(), &endpoint);
  }
  endpoints->push_back(std::move(endpoint));
  return good && !fields.bad();
}

void SortByAlias(std::vector<TensorEndpoint>* endpoints) {
  std::sort(endpoints->begin(), endpoints->end(),
            [](const TensorEndpoint& a, const TensorEndpoint& b) { return a.alias < b.alias; });
}

// SignatureDef: inputs = 1, outputs = 2.
bool ReadSignature(std::string_view bytes, SignatureDef* signature) {
  Fields fields(bytes);
  bool good = true;
  while (good && fields.Next()) {
    if (fields.number() == 1) good = AddEndpoint(fields.bytes(), &signature->inputs);
    if (fields.number() == 2) good = AddEndpoint(fields.bytes(), &signature->outputs);
  }
  SortByAlias(&signature->inputs);
  SortByAlias(&signature->outputs);
  return good && !fields.bad();
}

}  // namespace

bool ReadSignatureDefs(std::string_view meta_graph, std::vector<SignatureDef>* signatures) {
  // MetaGraphDef: signature_def = 5, a map<string, SignatureDef>.
  Fields fields(meta_graph);
  while (fields.Next()) {
    if (fields.number() != 5) continue;
    if (signatures->size() >= kSignaturesMax) return false;
    SignatureDef signature;
    Fields entry(fields.bytes());
    while (entry.Next()) {
      if (entry.number() == 1) signature.name = entry.bytes();
      if (entry.number() == 2 && !ReadSignature(entry.bytes(), &signature)) return false;
    }
    if (entry.bad()) return false;
    signatures->push_back(std::move(signature));
  }
  std::sort(signatures->begin(), signatures->end(),
            [](const SignatureDef& a, const SignatureDef& b) { return a.name < b.name; });
  return !fields.bad();
}

}  // namespace hodei::engines
