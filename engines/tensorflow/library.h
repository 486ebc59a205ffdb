// The functions of TensorFlow's C interface that the engine calls, found in libtensorflow_cc.so.2
// and the framework library that it brings along.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/engine_abi.h"

namespace hodei::engines {

struct Operation;
struct Graph;
struct Session;
struct SessionOptions;
struct LibraryTensor;
struct LibraryStatus;

struct Buffer {
  const void* data;
  size_t length;
  void (*release)(void* data, size_t length);
};

struct Endpoint {
  Operation* operation;
  int index;
};

struct Library {
  LibraryStatus* (*new_status)();
  void (*delete_status)(LibraryStatus*);
  int (*code)(const LibraryStatus*);
  const char* (*message)(const LibraryStatus*);
  Buffer* (*new_buffer)();
  void (*delete_buffer)(Buffer*);
  Graph* (*new_graph)();
  void (*delete_graph)(Graph*);
  SessionOptions* (*new_options)();
  void (*delete_options)(SessionOptions*);
  void (*set_config)(SessionOptions*, const void* proto, size_t size, LibraryStatus*);
  Session* (*load)(const SessionOptions*, const Buffer* run_options, const char* folder,
                   const char* const* tags, int tag_count, Graph*, Buffer* meta_graph,
                   LibraryStatus*);
  void (*close)(Session*, LibraryStatus*);
  void (*delete_session)(Session*, LibraryStatus*);
  Operation* (*find_operation)(Graph*, const char* name);
  int (*output_count)(Operation*);
  void (*run)(Session*, const Buffer* run_options, const Endpoint* inputs,
              LibraryTensor* const* input_values, int input_count, const Endpoint* outputs,
              LibraryTensor** output_values, int output_count, const Operation* const* targets,
              int target_count, Buffer* metadata, LibraryStatus*);
  LibraryTensor* (*new_tensor)(int type, const int64_t* shape, int rank, size_t size);
  void (*delete_tensor)(LibraryTensor*);
  int (*type)(const LibraryTensor*);
  int (*rank)(const LibraryTensor*);
  int64_t (*dimension)(const LibraryTensor*, int index);
  void* (*data)(const LibraryTensor*);
  size_t (*size)(const LibraryTensor*);
};

// Opens the library below one of the package folders; it is never closed. False with `error`.
bool OpenLibrary(const hodei_load_options& options, Library* library, std::string* error);

}  // namespace hodei::engines
