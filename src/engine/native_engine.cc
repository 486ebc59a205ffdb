#include "engine/native_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace hodei::engine {
namespace {

// The entries up to output freeing and errors are the first version's; without them nothing works.
constexpr size_t kRequiredBytes = offsetof(hodei_engine_api, export_model);

std::vector<const char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<const char*> pointers;
  for (const std::string& string : strings) pointers.push_back(string.c_str());
  return pointers;
}

Result<TensorSpec> ReadSpec(const hodei_tensor_spec& spec) {
  if (spec.name == nullptr || !IsDType(spec.dtype) || spec.rank > static_cast<int>(kRankMax)) {
    return ModelError(Fault::kLoad, "the engine describes a tensor that this program cannot hold");
  }
  TensorSpec out;
  out.name = spec.name;
  out.dtype = static_cast<DType>(spec.dtype);
  out.known_rank = spec.rank >= 0;
  if (spec.rank > 0) out.shape.assign(spec.shape, spec.shape + spec.rank);
  return out;
}

Result<Tensor> ReadTensor(const hodei_tensor& tensor) {
  if (!IsDType(tensor.dtype) || tensor.rank < 0 || tensor.rank > static_cast<int>(kRankMax)) {
    return ModelError(Fault::kOutputs, "the engine returned a tensor of an unknown type or rank");
  }
  std::vector<int64_t> shape(tensor.shape, tensor.shape + tensor.rank);
  const int64_t count = ElementCount(shape);
  if (count < 0) return ModelError(Fault::kOutputs, "the engine returned an impossible shape");
  const auto dtype = static_cast<DType>(tensor.dtype);
  if (dtype == DType::kString) {
    Tensor out;
    out.dtype = dtype;
    out.shape = std::move(shape);
    const auto* values = static_cast<const hodei_bytes*>(tensor.data);
    for (int64_t i = 0; i < count; ++i) {
      out.AppendString(std::string(values[i].data, values[i].size));
    }
    return out;
  }
  Tensor out = MakeTensor(dtype, std::move(shape));
  if (!out.data.empty()) std::memcpy(out.data.data(), tensor.data, out.data.size());
  return out;
}

}  // namespace

Result<std::unique_ptr<NativeEngine>> NativeEngine::Open(const std::string& path) {
  ASSIGN_OR_RETURN(SharedLibrary library, SharedLibrary::Open(path));
  ASSIGN_OR_RETURN(auto entry, library.Find<hodei_engine_entry_function>(HODEI_ENGINE_ENTRY));
  const hodei_engine_api* api = entry();
  if (api == nullptr || api->abi_major != HODEI_ENGINE_ABI_MAJOR ||
      api->struct_size < kRequiredBytes) {
    return FailedPrecondition(
        fmt::format("engine '{}' is built for another version of the program: "
                    "major {}, expected {}",
                    path, api == nullptr ? 0 : api->abi_major, HODEI_ENGINE_ABI_MAJOR));
  }
  return std::unique_ptr<NativeEngine>(new NativeEngine(std::move(library), api));
}

Status NativeEngine::Take(hodei_error* error) const {
  if (error == nullptr) return OkStatus();
  const int32_t code = api_->error_code(error);
  const char* message = api_->error_message(error);
  const bool known = code >= HODEI_ERROR_LOAD && code <= HODEI_ERROR_OUTPUTS;
  Status status = ModelError(known ? static_cast<Fault>(code) : Fault::kRun,
                             message == nullptr ? "unknown error" : message);
  api_->error_free(error);
  return status;
}

Result<std::unique_ptr<NativeModel>> NativeEngine::Load(const LoadOptions& options) {
  const std::vector<const char*> dirs = Pointers(options.package_dirs);
  const std::vector<const char*> tags = Pointers(options.tags);
  hodei_load_options load{};
  load.struct_size = sizeof(load);
  load.model_dir = options.model_dir.c_str();
  if (!options.model.empty()) load.model = {options.model.data(), options.model.size()};
  load.package_dirs = dirs.data();
  load.package_dir_count = dirs.size();
  load.tags = tags.data();
  load.tag_count = tags.size();
  load.threads = options.threads;
  hodei_model* loaded = nullptr;
  RETURN_IF_ERROR(Take(api_->load(&load, &loaded)));
  std::unique_ptr<NativeModel> model(new NativeModel(this, loaded, std::max(1, options.threads)));
  RETURN_IF_ERROR(model->ReadSignatures());
  return model;
}

NativeModel::~NativeModel() { engine_->api_->unload(model_); }

int NativeModel::concurrency() const { return engine_->api_->concurrent != 0 ? threads_ : 1; }

Status NativeModel::ReadSignatures() {
  const size_t count = engine_->api_->signature_count(model_);
  for (size_t i = 0; i < count; ++i) {
    const hodei_signature* signature = engine_->api_->signature(model_, i);
    Signature out;
    out.name = signature->name;
    for (size_t k = 0; k < signature->input_count; ++k) {
      ASSIGN_OR_RETURN(TensorSpec spec, ReadSpec(signature->inputs[k]));
      out.inputs.push_back(std::move(spec));
    }
    for (size_t k = 0; k < signature->output_count; ++k) {
      ASSIGN_OR_RETURN(TensorSpec spec, ReadSpec(signature->outputs[k]));
      out.outputs.push_back(std::move(spec));
    }
    signatures_.push_back(std::move(out));
  }
  if (signatures_.empty()) return ModelError(Fault::kLoad, "the model has no signature");
  return OkStatus();
}

Result<std::vector<Tensor>> NativeModel::Run(size_t signature, const std::vector<Tensor>& inputs,
                                             Deadline) {
  const hodei_engine_api& api = *engine_->api_;
  std::vector<hodei_tensor> tensors(inputs.size());
  std::vector<std::vector<hodei_bytes>> strings(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& input = inputs[i];
    tensors[i].name = signatures_[signature].inputs[i].name.c_str();
    tensors[i].dtype = static_cast<int32_t>(input.dtype);
    tensors[i].rank = static_cast<int32_t>(input.shape.size());
    tensors[i].shape = input.shape.data();
    tensors[i].data = input.data.data();
    if (input.dtype == DType::kString) {
      for (const std::string& value : input.strings) {
        strings[i].push_back({value.data(), value.size()});
      }
      tensors[i].data = strings[i].data();
    }
  }
  hodei_outputs* raw = nullptr;
  RETURN_IF_ERROR(
      engine_->Take(api.predict(model_, signature, tensors.data(), tensors.size(), &raw)));
  std::unique_ptr<hodei_outputs, void (*)(hodei_outputs*)> outputs(raw, api.outputs_free);
  std::vector<Tensor> result;
  const size_t count = api.output_count(raw);
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(Tensor tensor, ReadTensor(*api.output(raw, i)));
    result.push_back(std::move(tensor));
  }
  return result;
}

Result<std::string> NativeModel::Export() {
  const hodei_engine_api& api = *engine_->api_;
  if (api.struct_size <= kRequiredBytes || api.export_model == nullptr) {
    return Unimplemented(fmt::format("engine '{}' exports no models", api.name));
  }
  hodei_bytes text{};
  RETURN_IF_ERROR(engine_->Take(api.export_model(model_, &text)));
  return std::string(text.data, text.size);
}

}  // namespace hodei::engine
