// The boundary between the serving program and an engine: a shared object that runs models of one
// format with that format's own library. Plain C: no C++ type, exception or allocator crosses it.
//
// An engine exports one function, hodei_engine_entry(), which returns a table of functions. The
// engine in turn opens its library (libxgboost.so, libtensorflow_cc.so.2) at run time from the
// folder it is told, so nothing of it is needed to build or to start the serving program.
//
// Version rules:
//   * HODEI_ENGINE_ABI_MAJOR changes when a meaning, a layout or a removed entry would break an
//     engine built before. A table of another major version is refused.
//   * HODEI_ENGINE_ABI_MINOR grows when entries are added at the end of hodei_engine_api. A table
//   is
//     good for any minor version; an entry beyond its struct_size, or null, is absent.
//
// Memory: what a function returns through a pointer belongs to the engine and is given back through
// the engine's own release function. What the caller passes in is read during the call only.
// Threads: different models may be used from different threads at once; one model only as its
// `concurrent` flag says.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HODEI_ENGINE_ABI_MAJOR 1
#define HODEI_ENGINE_ABI_MINOR 0
#define HODEI_ENGINE_ENTRY "hodei_engine_entry"

// DO NOT CHANGE THESE VALUES: engines are built apart from the program.
typedef enum hodei_dtype {
  HODEI_FLOAT32 = 1,
  HODEI_FLOAT64 = 2,
  HODEI_INT8 = 3,
  HODEI_INT16 = 4,
  HODEI_INT32 = 5,
  HODEI_INT64 = 6,
  HODEI_UINT8 = 7,
  HODEI_UINT16 = 8,
  HODEI_UINT32 = 9,
  HODEI_UINT64 = 10,
  HODEI_BOOL = 11,
  HODEI_STRING = 12,  // data is an array of hodei_bytes
} hodei_dtype;

// Whose fault an error is, and so how it is answered; the numbers are the reference's.
typedef enum hodei_error_code {
  HODEI_ERROR_LOAD = 0,    // the model or the library cannot be loaded
  HODEI_ERROR_INPUTS = 1,  // these inputs do not fit the model
  HODEI_ERROR_RUN = 2,     // the library failed while it ran
  HODEI_ERROR_OUTPUTS = 3,
} hodei_error_code;

typedef struct hodei_bytes {
  const char* data;
  size_t size;
} hodei_bytes;

// A dense array, row-major, in the machine's byte order, aligned for its element type.
typedef struct hodei_tensor {
  const char* name;
  int32_t dtype;  // hodei_dtype
  int32_t rank;
  const int64_t* shape;
  const void* data;
} hodei_tensor;

// What an input or an output looks like. rank -1: not known. A dimension of -1: any size; where the
// first is -1 it counts instances.
typedef struct hodei_tensor_spec {
  const char* name;
  int32_t dtype;
  int32_t rank;
  const int64_t* shape;
} hodei_tensor_spec;

typedef struct hodei_signature {
  const char* name;
  size_t input_count;
  const hodei_tensor_spec* inputs;
  size_t output_count;
  const hodei_tensor_spec* outputs;
} hodei_signature;

typedef struct hodei_load_options {
  size_t struct_size;
  const char* model_dir;  // folder of the model
  hodei_bytes model;      // the model's bytes instead of a file of the folder; data may be null
  // Folders in which Python finds packages, best first: an engine looks for its library in them.
  const char* const* package_dirs;
  size_t package_dir_count;
  const char* const* tags;  // SavedModel tags
  size_t tag_count;
  int32_t threads;
} hodei_load_options;

typedef struct hodei_error hodei_error;
typedef struct hodei_model hodei_model;
typedef struct hodei_outputs hodei_outputs;

// Functions that can fail return null for success, else an error to be given to error_free.
typedef struct hodei_engine_api {
  uint32_t abi_major;
  uint32_t abi_minor;
  size_t struct_size;
  const char* name;    // "xgboost-c"
  int32_t concurrent;  // not 0: predict may be called for one model from several threads at once

  hodei_error* (*load)(const hodei_load_options* options, hodei_model** model);
  void (*unload)(hodei_model* model);

  // Signatures live as long as the model. At least one.
  size_t (*signature_count)(const hodei_model* model);
  const hodei_signature* (*signature)(const hodei_model* model, size_t index);

  // `inputs` hold one tensor for each input of the signature, in its order. The outputs come in the
  // signature's order too and live until outputs_free.
  hodei_error* (*predict)(hodei_model* model, size_t signature, const hodei_tensor* inputs,
                          size_t input_count, hodei_outputs** outputs);
  size_t (*output_count)(const hodei_outputs* outputs);
  const hodei_tensor* (*output)(const hodei_outputs* outputs, size_t index);
  void (*outputs_free)(hodei_outputs* outputs);

  int32_t (*error_code)(const hodei_error* error);
  const char* (*error_message)(const hodei_error* error);
  void (*error_free)(hodei_error* error);

  // Optional: the model in its library's own text form, from which the program may make a form that
  // it evaluates itself. The bytes live as long as the model.
  hodei_error* (*export_model)(hodei_model* model, hodei_bytes* text);
} hodei_engine_api;

// The one exported symbol. The table is constant and lives as long as the shared object.
typedef const hodei_engine_api* (*hodei_engine_entry_function)(void);

#ifdef __cplusplus
}  // extern "C"
#endif
