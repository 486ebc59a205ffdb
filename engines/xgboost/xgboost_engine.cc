// XGBoost models through libxgboost's C interface, opened at run time from the environment's
// `xgboost` package. Only what is called is declared here.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine_abi.h"

struct hodei_error {
  int32_t code;
  std::string message;
};

struct hodei_outputs {
  std::vector<float> values;
  std::vector<int64_t> shape;
  hodei_tensor tensor{};
};

namespace {

// More rows at once are slower: the rows and the trees no longer share the cache.
constexpr int64_t kBlockRows = 64;

using Booster = void*;
using Matrix = void*;
using Length = uint64_t;

struct Library {
  void* handle = nullptr;
  const char* (*last_error)() = nullptr;
  int (*create)(const Matrix* matrices, Length count, Booster* out) = nullptr;
  int (*release)(Booster) = nullptr;
  int (*set_parameter)(Booster, const char* name, const char* value) = nullptr;
  int (*load_bytes)(Booster, const void* bytes, Length size) = nullptr;
  int (*feature_count)(Booster, Length* out) = nullptr;
  int (*predict_dense)(Booster, const char* values, const char* config, Matrix proxy,
                       const Length** shape, Length* rank, const float** result) = nullptr;
  int (*predict_matrix)(Booster, Matrix, const char* config, const Length** shape, Length* rank,
                        const float** result) = nullptr;
  int (*matrix_create)(const float* values, Length rows, Length columns, float missing,
                       Matrix* out) = nullptr;
  int (*matrix_release)(Matrix) = nullptr;
  int (*save)(Booster, const char* config, Length* size, const char** bytes) = nullptr;
};

hodei_error* Error(int32_t code, std::string message) {
  return new hodei_error{code, std::move(message)};
}

template <typename Function>
bool Find(void* handle, const char* name, Function* out, std::string* missing) {
  *out = reinterpret_cast<Function>(dlsym(handle, name));
  if (*out == nullptr) *missing = name;
  return *out != nullptr;
}

hodei_error* OpenLibrary(const hodei_load_options& options, Library* library) {
  std::string path;
  for (size_t i = 0; i < options.package_dir_count && path.empty(); ++i) {
    const std::string candidate =
        std::string(options.package_dirs[i]) + "/xgboost/lib/libxgboost.so";
    if (access(candidate.c_str(), R_OK) == 0) path = candidate;
  }
  if (path.empty()) {
    return Error(HODEI_ERROR_LOAD, "the environment has no xgboost package (libxgboost.so)");
  }
  library->handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) return Error(HODEI_ERROR_LOAD, dlerror());
  std::string missing;
  void* handle = library->handle;
  const bool found =
      Find(handle, "XGBGetLastError", &library->last_error, &missing) &&
      Find(handle, "XGBoosterCreate", &library->create, &missing) &&
      Find(handle, "XGBoosterFree", &library->release, &missing) &&
      Find(handle, "XGBoosterSetParam", &library->set_parameter, &missing) &&
      Find(handle, "XGBoosterLoadModelFromBuffer", &library->load_bytes, &missing) &&
      Find(handle, "XGBoosterGetNumFeature", &library->feature_count, &missing) &&
      Find(handle, "XGBoosterPredictFromDense", &library->predict_dense, &missing) &&
      Find(handle, "XGBoosterPredictFromDMatrix", &library->predict_matrix, &missing) &&
      Find(handle, "XGDMatrixCreateFromMat", &library->matrix_create, &missing) &&
      Find(handle, "XGDMatrixFree", &library->matrix_release, &missing) &&
      Find(handle, "XGBoosterSaveModelToBuffer", &library->save, &missing);
  if (!found) return Error(HODEI_ERROR_LOAD, "libxgboost has no function " + missing);
  return nullptr;
}

// The library keeps what it knows about an error after the first line: a stack of its own frames.
std::string LastError(const Library& library) {
  const std::string text = library.last_error();
  return text.substr(0, text.find("\nStack trace"));
}

}  // namespace

struct hodei_model {
  ~hodei_model() {
    if (booster != nullptr) library.release(booster);
  }

  hodei_error* Load(const hodei_load_options& options);
  hodei_error* Describe();
  // `rows` rows of `columns` values; appends the answers and sets the shape of one row's answer.
  hodei_error* PredictBlock(const float* values, int64_t rows, int64_t width, hodei_outputs* out);

  // The library stays mapped: its threads outlive the models.
  Library library;
  Booster booster = nullptr;
  int64_t columns = 0;
  bool dense = true;  // false: the booster (gblinear) predicts from its own matrix only
  std::string exported;
  int64_t input_shape[2] = {-1, -1};
  std::vector<int64_t> output_shape;
  hodei_tensor_spec input{};
  hodei_tensor_spec output{};
  hodei_signature signature{};
};

namespace {

hodei_error* ReadModelFile(const std::string& folder, std::string* bytes) {
  for (const char* name : {"model.bst", "model.json", "model.ubj"}) {
    std::ifstream file(folder + "/" + name, std::ios::binary);
    if (!file) continue;
    bytes->assign(std::istreambuf_iterator<char>(file), {});
    if (file.bad() || bytes->empty()) {
      return Error(HODEI_ERROR_LOAD, std::string(name) + " is empty or cannot be read");
    }
    return nullptr;
  }
  return Error(HODEI_ERROR_LOAD, "there is no model.bst");
}

hodei_error* Load(const hodei_load_options* options, hodei_model** model) try {
  auto loaded = std::make_unique<hodei_model>();
  if (hodei_error* error = loaded->Load(*options)) return error;
  if (hodei_error* error = loaded->Describe()) return error;
  *model = loaded.release();
  return nullptr;
} catch (const std::exception& error) {
  return Error(HODEI_ERROR_LOAD, error.what());
}

hodei_error* Predict(hodei_model* model, size_t, const hodei_tensor* inputs, size_t count,
                     hodei_outputs** outputs) try {
  if (count != 1 || inputs[0].dtype != HODEI_FLOAT32 || inputs[0].rank != 2) {
    return Error(HODEI_ERROR_INPUTS, "expected one float32 array of two dimensions");
  }
  const int64_t rows = inputs[0].shape[0];
  const int64_t width = inputs[0].shape[1];
  const auto* values = static_cast<const float*>(inputs[0].data);
  auto out = std::make_unique<hodei_outputs>();
  for (int64_t row = 0; row < rows; row += kBlockRows) {
    const int64_t block = std::min(kBlockRows, rows - row);
    if (hodei_error* error = model->PredictBlock(values + row * width, block, width, out.get())) {
      return error;
    }
  }
  if (out->shape.empty()) out->shape = model->output_shape;
  out->shape[0] = rows;
  out->tensor = {"predictions", HODEI_FLOAT32, static_cast<int32_t>(out->shape.size()),
                 out->shape.data(), out->values.data()};
  *outputs = out.release();
  return nullptr;
} catch (const std::exception& error) {
  return Error(HODEI_ERROR_RUN, error.what());
}

hodei_error* Export(hodei_model* model, hodei_bytes* text) try {
  Length size = 0;
  const char* bytes = nullptr;
  if (model->library.save(model->booster, R"({"format": "json"})", &size, &bytes) != 0) {
    return Error(HODEI_ERROR_RUN, LastError(model->library));
  }
  model->exported.assign(bytes, size);
  *text = {model->exported.data(), model->exported.size()};
  return nullptr;
} catch (const std::exception& error) {
  return Error(HODEI_ERROR_RUN, error.what());
}

const hodei_engine_api kApi = {
    HODEI_ENGINE_ABI_MAJOR,
    HODEI_ENGINE_ABI_MINOR,
    sizeof(hodei_engine_api),
    "xgboost-c",
    0,
    Load,
    [](hodei_model* model) { delete model; },
    [](const hodei_model*) -> size_t { return 1; },
    [](const hodei_model* model, size_t) -> const hodei_signature* { return &model->signature; },
    Predict,
    [](const hodei_outputs*) -> size_t { return 1; },
    [](const hodei_outputs* outputs, size_t) -> const hodei_tensor* { return &outputs->tensor; },
    [](hodei_outputs* outputs) { delete outputs; },
    [](const hodei_error* error) -> int32_t { return error->code; },
    [](const hodei_error* error) -> const char* { return error->message.c_str(); },
    [](hodei_error* error) { delete error; },
    Export,
};

}  // namespace

hodei_error* hodei_model::Load(const hodei_load_options& options) {
  if (hodei_error* error = OpenLibrary(options, &library)) return error;
  if (library.create(nullptr, 0, &booster) != 0) {
    return Error(HODEI_ERROR_LOAD, LastError(library));
  }
  // Always from bytes: the library tells JSON from UBJSON by them, but a file by its name.
  std::string bytes;
  hodei_bytes model = options.model;
  if (model.data == nullptr) {
    if (hodei_error* error = ReadModelFile(options.model_dir, &bytes)) return error;
    model = {bytes.data(), bytes.size()};
  }
  const int loaded = library.load_bytes(booster, model.data, model.size);
  if (loaded != 0) return Error(HODEI_ERROR_LOAD, LastError(library));
  const std::string threads = std::to_string(std::max(1, options.threads));
  if (library.set_parameter(booster, "nthread", threads.c_str()) != 0) {
    return Error(HODEI_ERROR_LOAD, LastError(library));
  }
  Length count = 0;
  if (library.feature_count(booster, &count) != 0) {
    return Error(HODEI_ERROR_LOAD, LastError(library));
  }
  columns = static_cast<int64_t>(count);
  return nullptr;
}

// Runs one row of zeros: the answer's shape is the library's to say, and a booster that does not
// take dense rows as they are is found out.
hodei_error* hodei_model::Describe() {
  const std::vector<float> zeros(static_cast<size_t>(columns), 0.0F);
  hodei_outputs probe;
  if (hodei_error* error = PredictBlock(zeros.data(), 1, columns, &probe)) {
    delete error;
    dense = false;
    probe = hodei_outputs{};
    if (hodei_error* again = PredictBlock(zeros.data(), 1, columns, &probe)) {
      again->code = HODEI_ERROR_LOAD;
      return again;
    }
  }
  output_shape = probe.shape;
  output_shape[0] = -1;
  input_shape[1] = columns;
  input = {"instances", HODEI_FLOAT32, 2, input_shape};
  output = {"predictions", HODEI_FLOAT32, static_cast<int32_t>(output_shape.size()),
            output_shape.data()};
  signature = {"serving_default", 1, &input, 1, &output};
  return nullptr;
}

hodei_error* hodei_model::PredictBlock(const float* values, int64_t rows, int64_t width,
                                       hodei_outputs* out) {
  static constexpr char kConfig[] =
      R"({"type": 0, "training": false, "iteration_begin": 0, "iteration_end": 0, )"
      R"("strict_shape": false, "cache_id": 0, "missing": NaN})";
  const Length* shape = nullptr;
  Length rank = 0;
  const float* result = nullptr;
  int failed = 0;
  if (dense) {
    char array[192];
    std::snprintf(array, sizeof(array),
                  R"({"data": [%)" PRIuPTR R"(, true], "shape": [%)" PRId64 ", %" PRId64
                  R"(], "typestr": "<f4", "version": 3})",
                  reinterpret_cast<uintptr_t>(values), rows, width);
    failed = library.predict_dense(booster, array, kConfig, nullptr, &shape, &rank, &result);
  } else {
    Matrix matrix = nullptr;
    failed = library.matrix_create(values, static_cast<Length>(rows), static_cast<Length>(width),
                                   std::numeric_limits<float>::quiet_NaN(), &matrix);
    if (failed == 0) {
      failed = library.predict_matrix(booster, matrix, kConfig, &shape, &rank, &result);
      library.matrix_release(matrix);
    }
  }
  if (failed != 0) return Error(HODEI_ERROR_RUN, LastError(library));
  if (rank == 0 || rank > 4) return Error(HODEI_ERROR_OUTPUTS, "an answer of an unknown rank");
  Length size = 1;
  for (Length i = 0; i < rank; ++i) size *= shape[i];
  out->shape.assign(shape, shape + rank);
  out->values.insert(out->values.end(), result, result + size);
  return nullptr;
}

extern "C" __attribute__((visibility("default"))) const hodei_engine_api* hodei_engine_entry() {
  return &kApi;
}
