// TensorFlow SavedModels through TensorFlow's C interface, opened at run time from the
// environment's `tensorflow` package.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine_abi.h"
#include "tensorflow/library.h"
#include "tensorflow/signature_def.h"
#include "tensorflow/tensor_string.h"

using hodei::engines::Buffer;
using hodei::engines::BytesOf;
using hodei::engines::Endpoint;
using hodei::engines::Graph;
using hodei::engines::Library;
using hodei::engines::LibraryStatus;
using hodei::engines::LibraryTensor;
using hodei::engines::Operation;
using hodei::engines::Session;
using hodei::engines::SessionOptions;
using hodei::engines::SignatureDef;
using hodei::engines::TensorEndpoint;
using hodei::engines::TensorString;
using hodei::engines::ViewOf;

struct hodei_error {
  int32_t code;
  std::string message;
};

namespace {

// TensorFlow's codes: what the caller did wrong, and everything else.
constexpr int kLibraryOk = 0;
constexpr int kLibraryInvalidArgument = 3;
constexpr char kInternalSignatures[] = "__saved_model";

struct TypePair {
  int theirs;  // DataType
  int32_t ours;
  size_t bytes;
};
constexpr TypePair kTypes[] = {
    {1, HODEI_FLOAT32, 4}, {2, HODEI_FLOAT64, 8}, {3, HODEI_INT32, 4},   {4, HODEI_UINT8, 1},
    {5, HODEI_INT16, 2},   {6, HODEI_INT8, 1},    {7, HODEI_STRING, 24}, {9, HODEI_INT64, 8},
    {10, HODEI_BOOL, 1},   {17, HODEI_UINT16, 2}, {22, HODEI_UINT32, 4}, {23, HODEI_UINT64, 8},
};

const TypePair* FromLibrary(int type) {
  for (const TypePair& pair : kTypes) {
    if (pair.theirs == type) return &pair;
  }
  return nullptr;
}

const TypePair* FromOurs(int32_t type) {
  for (const TypePair& pair : kTypes) {
    if (pair.ours == type) return &pair;
  }
  return nullptr;
}

hodei_error* Error(int32_t code, std::string message) {
  return new hodei_error{code, std::move(message)};
}

class StatusHolder {
 public:
  explicit StatusHolder(const Library& library)
      : library_(library), status_(library.new_status()) {}
  ~StatusHolder() { library_.delete_status(status_); }
  StatusHolder(const StatusHolder&) = delete;
  StatusHolder& operator=(const StatusHolder&) = delete;
  LibraryStatus* get() const { return status_; }
  int code() const { return library_.code(status_); }
  std::string message() const { return library_.message(status_); }

 private:
  const Library& library_;
  LibraryStatus* status_;
};

// ConfigProto: inter_op_parallelism_threads = 5, intra_op_parallelism_threads = 2. With one thread
// that is the caller's, which the library writes as a negative number: handing each call to a
// thread of its own and back costs more than a small model does.
std::string ThreadsConfig(int32_t threads) {
  const auto count = static_cast<char>(std::clamp(threads, 1, 100));
  std::string config{0x10, count, 0x28};
  if (count > 1) return config + count;
  return config + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";  // -1
}

// One signature as the ABI shows it; owns what the specs point to.
struct BoundSignature {
  SignatureDef def;
  std::vector<Endpoint> inputs;
  std::vector<Endpoint> outputs;
  std::vector<hodei_tensor_spec> input_specs;
  std::vector<hodei_tensor_spec> output_specs;
  hodei_signature signature{};
};

}  // namespace

struct hodei_model {
  explicit hodei_model(const Library& opened) : library(opened) {}
  ~hodei_model();

  hodei_error* Load(const hodei_load_options& options);
  hodei_error* Bind(std::vector<SignatureDef> defs);
  bool BindEndpoints(const std::vector<TensorEndpoint>& from, std::vector<Endpoint>* to,
                     std::vector<hodei_tensor_spec>* specs, std::string* why) const;
  hodei_error* Predict(const BoundSignature& signature, const hodei_tensor* inputs,
                       hodei_outputs* outputs);

  Library library;
  Graph* graph = nullptr;
  Session* session = nullptr;
  std::vector<std::unique_ptr<BoundSignature>> signatures;
};

struct hodei_outputs {
  explicit hodei_outputs(const Library& opened) : library(opened) {}
  ~hodei_outputs() {
    for (LibraryTensor* value : values) {
      if (value != nullptr) library.delete_tensor(value);
    }
  }

  hodei_error* Describe(const BoundSignature& signature);

  const Library& library;
  std::vector<LibraryTensor*> values;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<std::vector<hodei_bytes>> strings;
  std::vector<hodei_tensor> tensors;
};

hodei_error* hodei_outputs::Describe(const BoundSignature& signature) {
  shapes.resize(values.size());
  strings.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const TypePair* type = FromLibrary(library.type(values[i]));
    const int rank = library.rank(values[i]);
    if (type == nullptr || rank < 0) {
      return Error(HODEI_ERROR_OUTPUTS,
                   "output " + signature.def.outputs[i].alias + " has an unsupported type");
    }
    size_t count = 1;
    for (int k = 0; k < rank; ++k) {
      shapes[i].push_back(library.dimension(values[i], k));
      count *= static_cast<size_t>(shapes[i].back());
    }
    const void* data = library.data(values[i]);
    if (library.size(values[i]) < count * type->bytes) {
      return Error(HODEI_ERROR_OUTPUTS, "an output is smaller than its shape");
    }
    if (type->ours == HODEI_STRING) {
      const auto* elements = static_cast<const TensorString*>(data);
      for (size_t k = 0; k < count; ++k) strings[i].push_back(BytesOf(elements[k]));
      data = strings[i].data();
    }
    tensors.push_back(
        {signature.def.outputs[i].alias.c_str(), type->ours, rank, shapes[i].data(), data});
  }
  return nullptr;
}

hodei_model::~hodei_model() {
  if (session != nullptr) {
    const StatusHolder status(library);
    library.close(session, status.get());
    library.delete_session(session, status.get());
  }
  if (graph != nullptr) library.delete_graph(graph);
}

hodei_error* hodei_model::Load(const hodei_load_options& options) {
  const StatusHolder status(library);
  std::unique_ptr<SessionOptions, void (*)(SessionOptions*)> session_options(
      library.new_options(), library.delete_options);
  const std::string config = ThreadsConfig(options.threads);
  library.set_config(session_options.get(), config.data(), config.size(), status.get());
  std::unique_ptr<Buffer, void (*)(Buffer*)> meta_graph(library.new_buffer(),
                                                        library.delete_buffer);
  graph = library.new_graph();
  session =
      library.load(session_options.get(), nullptr, options.model_dir, options.tags,
                   static_cast<int>(options.tag_count), graph, meta_graph.get(), status.get());
  if (status.code() != kLibraryOk) return Error(HODEI_ERROR_LOAD, status.message());
  std::vector<SignatureDef> defs;
  if (!ReadSignatureDefs({static_cast<const char*>(meta_graph->data), meta_graph->length}, &defs)) {
    return Error(HODEI_ERROR_LOAD, "the SavedModel's signatures cannot be read");
  }
  return Bind(std::move(defs));
}

bool hodei_model::BindEndpoints(const std::vector<TensorEndpoint>& from, std::vector<Endpoint>* to,
                                std::vector<hodei_tensor_spec>* specs, std::string* why) const {
  for (const TensorEndpoint& endpoint : from) {
    const TypePair* type = FromLibrary(endpoint.type);
    if (!endpoint.dense || type == nullptr) {
      *why = endpoint.alias + (endpoint.dense ? " has an unsupported type" : " is not dense");
      return false;
    }
    Operation* operation = library.find_operation(graph, endpoint.operation.c_str());
    if (operation == nullptr || endpoint.index >= library.output_count(operation)) {
      *why = endpoint.alias + " names an operation that the graph lacks";
      return false;
    }
    to->push_back({operation, endpoint.index});
    const int32_t rank = endpoint.known_rank ? static_cast<int32_t>(endpoint.shape.size()) : -1;
    specs->push_back({endpoint.alias.c_str(), type->ours, rank, endpoint.shape.data()});
  }
  return true;
}

// Signatures that cannot be served are left out; a model with none of them left is not loaded.
hodei_error* hodei_model::Bind(std::vector<SignatureDef> defs) {
  std::string why = "it has no signature";
  for (SignatureDef& def : defs) {
    if (def.name.rfind(kInternalSignatures, 0) == 0 || def.outputs.empty()) continue;
    auto bound = std::make_unique<BoundSignature>();
    bound->def = std::move(def);
    if (!BindEndpoints(bound->def.inputs, &bound->inputs, &bound->input_specs, &why) ||
        !BindEndpoints(bound->def.outputs, &bound->outputs, &bound->output_specs, &why)) {
      continue;
    }
    bound->signature = {bound->def.name.c_str(), bound->input_specs.size(),
                        bound->input_specs.data(), bound->output_specs.size(),
                        bound->output_specs.data()};
    signatures.push_back(std::move(bound));
  }
  if (!signatures.empty()) return nullptr;
  return Error(HODEI_ERROR_LOAD, "the SavedModel has no signature that can be served: " + why);
}

namespace {

LibraryTensor* MakeInput(const Library& library, const hodei_tensor& input) {
  const TypePair* type = FromOurs(input.dtype);
  if (type == nullptr) return nullptr;
  size_t count = 1;
  for (int32_t i = 0; i < input.rank; ++i) count *= static_cast<size_t>(input.shape[i]);
  LibraryTensor* tensor =
      library.new_tensor(type->theirs, input.shape, input.rank, count * type->bytes);
  if (tensor == nullptr) return nullptr;
  if (input.dtype != HODEI_STRING) {
    if (count != 0) std::memcpy(library.data(tensor), input.data, count * type->bytes);
    return tensor;
  }
  auto* elements = static_cast<TensorString*>(library.data(tensor));
  const auto* strings = static_cast<const hodei_bytes*>(input.data);
  for (size_t i = 0; i < count; ++i) elements[i] = ViewOf(strings[i]);
  return tensor;
}

}  // namespace

hodei_error* hodei_model::Predict(const BoundSignature& signature, const hodei_tensor* inputs,
                                  hodei_outputs* outputs) {
  std::vector<LibraryTensor*> values;
  bool made = true;
  for (size_t i = 0; i < signature.inputs.size() && made; ++i) {
    values.push_back(MakeInput(library, inputs[i]));
    made = values.back() != nullptr;
  }
  const StatusHolder status(library);
  outputs->values.resize(signature.outputs.size(), nullptr);
  if (made) {
    library.run(session, nullptr, signature.inputs.data(), values.data(),
                static_cast<int>(values.size()), signature.outputs.data(), outputs->values.data(),
                static_cast<int>(signature.outputs.size()), nullptr, 0, nullptr, status.get());
  }
  for (LibraryTensor* value : values) {
    if (value != nullptr) library.delete_tensor(value);
  }
  if (!made) return Error(HODEI_ERROR_INPUTS, "an input cannot be made a tensor");
  if (status.code() == kLibraryOk) return outputs->Describe(signature);
  return Error(status.code() == kLibraryInvalidArgument ? HODEI_ERROR_INPUTS : HODEI_ERROR_RUN,
               "Exception during running the graph: " + status.message());
}

namespace {

hodei_error* Load(const hodei_load_options* options, hodei_model** model) try {
  Library library{};
  std::string error;
  if (!OpenLibrary(*options, &library, &error)) return Error(HODEI_ERROR_LOAD, error);
  auto loaded = std::make_unique<hodei_model>(library);
  if (hodei_error* failed = loaded->Load(*options)) return failed;
  *model = loaded.release();
  return nullptr;
} catch (const std::exception& error) {
  return Error(HODEI_ERROR_LOAD, error.what());
}

hodei_error* Predict(hodei_model* model, size_t signature, const hodei_tensor* inputs,
                     size_t input_count, hodei_outputs** outputs) try {
  if (signature >= model->signatures.size() ||
      input_count != model->signatures[signature]->inputs.size()) {
    return Error(HODEI_ERROR_INPUTS, "the inputs are not the signature's");
  }
  auto made = std::make_unique<hodei_outputs>(model->library);
  if (hodei_error* error = model->Predict(*model->signatures[signature], inputs, made.get())) {
    return error;
  }
  *outputs = made.release();
  return nullptr;
} catch (const std::exception& error) {
  return Error(HODEI_ERROR_RUN, error.what());
}

const hodei_engine_api kApi = {
    HODEI_ENGINE_ABI_MAJOR,
    HODEI_ENGINE_ABI_MINOR,
    sizeof(hodei_engine_api),
    "tensorflow-c",
    1,
    Load,
    [](hodei_model* model) { delete model; },
    [](const hodei_model* model) -> size_t { return model->signatures.size(); },
    [](const hodei_model* model, size_t index) -> const hodei_signature* {
      return &model->signatures[index]->signature;
    },
    Predict,
    [](const hodei_outputs* outputs) -> size_t { return outputs->tensors.size(); },
    [](const hodei_outputs* outputs, size_t index) -> const hodei_tensor* {
      return &outputs->tensors[index];
    },
    [](hodei_outputs* outputs) { delete outputs; },
    [](const hodei_error* error) -> int32_t { return error->code; },
    [](const hodei_error* error) -> const char* { return error->message.c_str(); },
    [](hodei_error* error) { delete error; },
    nullptr,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const hodei_engine_api* hodei_engine_entry() {
  return &kApi;
}
