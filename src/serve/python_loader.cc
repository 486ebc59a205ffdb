#include "serve/python_loader.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/flat_model.h"
#include "engine/probe.h"
#include "serve/model_loader.h"
#include "serve/python_model.h"
#include "sys/file.h"

namespace hodei::embedded {
extern const std::string_view kPredictWorker;
extern const std::string_view kModelExport;
}  // namespace hodei::embedded

namespace hodei::serve {
namespace {

using engine::DType;
using engine::PythonFrame;
using engine::PythonPool;
using engine::Tensor;

constexpr std::string_view kCompiledMagic = "HCF1";

// The server sees the program end and starts another.
constexpr int kExitWorkersLost = 4;

std::string_view KindName(ModelKind kind) {
  if (kind == ModelKind::kCustomCode) return "custom";
  return kind == ModelKind::kTorchScript ? "torchscript" : "pickle";
}

engine::PythonOptions OptionsOf(const ServeConfig& config, const ModelFiles& files) {
  engine::PythonOptions options;
  options.python = config.python;
  options.program = embedded::kPredictWorker;
  options.export_program = embedded::kModelExport;
  options.workers = config.workers;
  options.answer_bytes_max = config.response_bytes_max + (size_t{1} << 30);
  options.config = "{\"kind\": \"" + std::string(KindName(files.kind)) + "\", \"file\": ";
  AppendJsonString(files.file, &options.config);
  options.config += ", \"model_dir\": ";
  AppendJsonString(config.model_dir, &options.config);
  options.config += ", \"framework\": ";
  AppendJsonString(config.framework, &options.config);
  options.config += ", \"prediction_class\": ";
  AppendJsonString(config.prediction_class, &options.config);
  options.config += '}';
  if (!config.create_version_request.empty()) {
    options.environment.push_back("create_version_request=" + config.create_version_request);
  }
  // Several workers share the machine's processors: none may take all of them for itself.
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}) {
    if (getenv(name) == nullptr) {
      options.environment.push_back(fmt::format("{}={}", name, config.threads));
    }
  }
  options.broken = [] {
    fmt::print(stderr, "hodei-serve: the interpreter that forks the workers has ended\n");
    _exit(kExitWorkersLost);
  };
  return options;
}

// Probabilities as XGBClassifier.predict() turns them into labels 0 to n-1.
class ClassLabels : public engine::Model {
 public:
  explicit ClassLabels(std::unique_ptr<engine::Model> model) : model_(std::move(model)) {
    engine::Signature signature = model_->signatures()[0];
    signature.outputs[0].dtype = DType::kInt64;
    signature.outputs[0].shape = {-1};
    signatures_.push_back(std::move(signature));
  }
  const std::vector<engine::Signature>& signatures() const override { return signatures_; }
  int concurrency() const override { return model_->concurrency(); }
  Result<std::vector<Tensor>> Run(size_t signature, const std::vector<Tensor>& inputs,
                                  engine::Deadline deadline) override {
    ASSIGN_OR_RETURN(std::vector<Tensor> outputs, model_->Run(signature, inputs, deadline));
    const Tensor& scores = outputs[0];
    const auto rows = static_cast<size_t>(scores.rows());
    const size_t width = scores.data.size() / sizeof(float) / std::max<size_t>(1, rows);
    Tensor labels = engine::MakeTensor(DType::kInt64, {scores.rows()});
    for (size_t row = 0; row < rows; ++row) {
      const float* first = scores.values<float>() + row * width;
      labels.values<int64_t>()[row] = width == 1 ? static_cast<int64_t>(*first > 0.5F)
                                                 : std::max_element(first, first + width) - first;
    }
    outputs[0] = std::move(labels);
    return outputs;
  }

 private:
  std::unique_ptr<engine::Model> model_;
  std::vector<engine::Signature> signatures_;
};

// What a worker says of a pickled model.
struct Description {
  std::string family;
  std::string class_name;
  int64_t columns = 0;
  int64_t classes = 0;       // XGBClassifier
  std::string reason;        // why there is no flat form
  std::string answers_head;  // of the probe; empty: no flat form
  std::vector<int64_t> rows;
  size_t blob_bytes = 0;
  size_t rows_bytes = 0;
};

Result<Description> ParseDescription(std::string_view head) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view family;
  std::string_view class_name;
  Description description;
  if (parser.parse(head.data(), head.size()).get(root) != simdjson::SUCCESS ||
      root["family"].get(family) != simdjson::SUCCESS ||
      root["class"].get(class_name) != simdjson::SUCCESS) {
    return Internal("the model's process sent a malformed description");
  }
  description.family = family;
  description.class_name = class_name;
  std::string_view reason;
  uint64_t size = 0;
  if (root["reason"].get(reason) == simdjson::SUCCESS) description.reason = reason;
  int64_t number = 0;
  if (root["columns"].get(number) == simdjson::SUCCESS) description.columns = number;
  if (root["classes"].get(number) == simdjson::SUCCESS) description.classes = number;
  if (root["blob_bytes"].get(size) == simdjson::SUCCESS) description.blob_bytes = size;
  if (root["rows_bytes"].get(size) == simdjson::SUCCESS) description.rows_bytes = size;
  simdjson::dom::element answers;
  if (root["answers"].get(answers) == simdjson::SUCCESS) {
    description.answers_head = simdjson::minify(answers);
  }
  simdjson::dom::array rows;
  if (root["rows"].get(rows) == simdjson::SUCCESS) {
    for (simdjson::dom::element element : rows) {
      int64_t dimension = 0;
      if (element.get(dimension) == simdjson::SUCCESS) description.rows.push_back(dimension);
    }
  }
  return description;
}

// The flat form, when it answers the probe as the model did.
Result<std::unique_ptr<engine::Model>> CheckedFlatModel(const Description& description,
                                                        std::string_view payload) {
  if (description.answers_head.empty()) return Unimplemented(description.reason);
  if (description.blob_bytes > payload.size() ||
      description.rows_bytes > payload.size() - description.blob_bytes ||
      description.rows.size() != 2 ||
      engine::ElementCount(description.rows) !=
          static_cast<int64_t>(description.rows_bytes / sizeof(double))) {
    return Internal("the model's process sent a malformed description");
  }
  ASSIGN_OR_RETURN(std::unique_ptr<engine::Model> model,
                   engine::ReadFlatModel(payload.substr(0, description.blob_bytes)));
  Tensor rows = engine::MakeTensor(DType::kFloat64, description.rows);
  const std::string_view numbers = payload.substr(description.blob_bytes, description.rows_bytes);
  std::copy(numbers.begin(), numbers.end(), rows.data.begin());
  if (rows.shape[1] != model->signatures()[0].inputs[0].shape[1]) {
    return Internal("the probe has another width than the model");
  }
  ASSIGN_OR_RETURN(Tensor theirs,
                   DecodeArray(description.answers_head,
                               payload.substr(description.blob_bytes + description.rows_bytes)));
  std::vector<Tensor> inputs;
  inputs.push_back(std::move(rows));
  ASSIGN_OR_RETURN(auto ours, model->Run(0, inputs, engine::Deadline::max()));
  RETURN_IF_ERROR(engine::CompareAnswers(ours[0], theirs));
  return model;
}

engine::Signature SignatureOf(const Description& description) {
  engine::TensorSpec input{"instances", DType::kFloat64, false, {}};
  if (description.columns > 0) {
    input.known_rank = true;
    input.shape = {-1, description.columns};
  }
  return {"serving_default", {input}, {{"predictions", DType::kFloat64, false, {}}}};
}

std::unique_ptr<LoadedModel> NewSklearn() {
  auto loaded = std::make_unique<LoadedModel>();
  loaded->framework = "SCIKIT_LEARN";
  loaded->rules.null_is_nan = true;
  return loaded;
}

Result<std::unique_ptr<LoadedModel>> LoadFlat(const Description& description,
                                              std::string_view payload) {
  std::unique_ptr<LoadedModel> loaded = NewSklearn();
  ASSIGN_OR_RETURN(loaded->model, CheckedFlatModel(description, payload));
  loaded->engine = "flat-trees";
  loaded->engine_reason =
      fmt::format("{}: the compiled form answers {} probe rows as predict() does",
                  description.class_name, description.rows[0]);
  return loaded;
}

std::string CompiledFile(std::string_view head, std::string_view payload) {
  std::string file(kCompiledMagic);
  const auto size = static_cast<uint32_t>(head.size());
  for (int shift = 0; shift < 32; shift += 8) file += static_cast<char>(size >> shift);
  file.append(head).append(payload);
  return file;
}

Result<std::unique_ptr<LoadedModel>> LoadSklearn(const PythonFrame& frame,
                                                 const Description& description,
                                                 std::unique_ptr<PythonPool> pool) {
  const std::string_view payload(frame.payload.data(), frame.payload.size());
  Result<std::unique_ptr<LoadedModel>> flat = LoadFlat(description, payload);
  if (flat.ok()) {
    (*flat)->compiled = CompiledFile(frame.head, payload);
    return flat;
  }
  std::unique_ptr<LoadedModel> loaded = NewSklearn();
  loaded->engine = "python";
  loaded->engine_reason =
      fmt::format("{} is not compiled: {}", description.class_name, flat.status().message());
  RETURN_IF_ERROR(pool->ForkAll());
  loaded->python_pool = std::move(pool);
  loaded->model =
      std::make_unique<PythonArrayModel>(loaded->python_pool.get(), SignatureOf(description));
  loaded->body_model = std::make_unique<PythonBodyModel>(loaded->python_pool.get());
  return loaded;
}

Result<std::unique_ptr<LoadedModel>> LoadBooster(const ServeConfig& config,
                                                 const ProgramPaths& paths,
                                                 const Description& description,
                                                 std::string_view bytes) {
  const TemporaryDirectory folder;
  XgboostSource source;
  source.model_dir = config.model_dir;
  source.model_file = folder.path() + "/booster.ubj";
  source.threads = config.threads;
  RETURN_IF_ERROR(WriteFileDurably(source.model_file, bytes));
  ASSIGN_OR_RETURN(source.package_dirs, PackageDirs(config.python));
  ASSIGN_OR_RETURN(std::unique_ptr<LoadedModel> loaded, LoadXgboost(source, paths));
  if (description.classes > 0) {
    loaded->model = std::make_unique<ClassLabels>(std::move(loaded->model));
  }
  return loaded;
}

}  // namespace

Result<std::unique_ptr<LoadedModel>> LoadPython(const ServeConfig& config, const ModelFiles& files,
                                                const ProgramPaths& paths) {
  ASSIGN_OR_RETURN(std::unique_ptr<PythonPool> pool, PythonPool::Start(OptionsOf(config, files)));
  if (files.kind == ModelKind::kPickle) {
    ASSIGN_OR_RETURN(PythonFrame frame,
                     pool->Call(PythonPool::kDescribe, "", "", engine::Deadline::max()));
    ASSIGN_OR_RETURN(Description description, ParseDescription(frame.head));
    const std::string_view payload(frame.payload.data(), frame.payload.size());
    if (description.family == "xgboost") {
      pool.reset();
      return LoadBooster(config, paths, description, payload);
    }
    return LoadSklearn(frame, description, std::move(pool));
  }
  RETURN_IF_ERROR(pool->ForkAll());
  auto loaded = std::make_unique<LoadedModel>();
  loaded->engine = "python";
  loaded->engine_reason = files.kind == ModelKind::kCustomCode ? "custom code" : "TorchScript";
  loaded->python_pool = std::move(pool);
  loaded->body_model = std::make_unique<PythonBodyModel>(loaded->python_pool.get());
  return loaded;
}

Result<std::unique_ptr<LoadedModel>> LoadCompiled(std::string_view file) {
  constexpr size_t kSizeBytes = 4;
  if (!file.starts_with(kCompiledMagic) || file.size() < kCompiledMagic.size() + kSizeBytes) {
    return InvalidArgument("it is no compiled form of this program's version");
  }
  file.remove_prefix(kCompiledMagic.size());
  size_t head_bytes = 0;
  for (size_t i = 0; i < kSizeBytes; ++i) {
    head_bytes |= size_t{static_cast<unsigned char>(file[i])} << (8 * i);
  }
  file.remove_prefix(kSizeBytes);
  if (head_bytes > file.size() || head_bytes > PythonPool::kHeadBytesMax) {
    return InvalidArgument("the compiled form is cut off");
  }
  ASSIGN_OR_RETURN(const Description description, ParseDescription(file.substr(0, head_bytes)));
  return LoadFlat(description, file.substr(head_bytes));
}

}  // namespace hodei::serve
