#include "tensorflow/library.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

namespace hodei::engines {
namespace {

class Finder {
 public:
  explicit Finder(void* handle) : handle_(handle) {}
  template <typename Function>
  Finder& Find(const char* name, Function* out) {
    *out = reinterpret_cast<Function>(dlsym(handle_, name));
    if (*out == nullptr && missing_.empty()) missing_ = name;
    return *this;
  }
  const std::string& missing() const { return missing_; }

 private:
  void* handle_;
  std::string missing_;
};

std::string FindFile(const hodei_load_options& options) {
  for (size_t i = 0; i < options.package_dir_count; ++i) {
    std::string path = std::string(options.package_dirs[i]) + "/tensorflow/libtensorflow_cc.so.2";
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  return "";
}

}  // namespace

bool OpenLibrary(const hodei_load_options& options, Library* library, std::string* error) {
  const std::string path = FindFile(options);
  if (path.empty()) {
    *error = "the environment has no tensorflow package (libtensorflow_cc.so.2)";
    return false;
  }
  // Without this the library tells of its processor features on every start.
  setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    *error = dlerror();
    return false;
  }
  Finder finder(handle);
  finder.Find("TF_NewStatus", &library->new_status)
      .Find("TF_DeleteStatus", &library->delete_status)
      .Find("TF_GetCode", &library->code)
      .Find("TF_Message", &library->message)
      .Find("TF_NewBuffer", &library->new_buffer)
      .Find("TF_DeleteBuffer", &library->delete_buffer)
      .Find("TF_NewGraph", &library->new_graph)
      .Find("TF_DeleteGraph", &library->delete_graph)
      .Find("TF_NewSessionOptions", &library->new_options)
      .Find("TF_DeleteSessionOptions", &library->delete_options)
      .Find("TF_SetConfig", &library->set_config)
      .Find("TF_LoadSessionFromSavedModel", &library->load)
      .Find("TF_CloseSession", &library->close)
      .Find("TF_DeleteSession", &library->delete_session)
      .Find("TF_GraphOperationByName", &library->find_operation)
      .Find("TF_OperationNumOutputs", &library->output_count)
      .Find("TF_SessionRun", &library->run)
      .Find("TF_AllocateTensor", &library->new_tensor)
      .Find("TF_DeleteTensor", &library->delete_tensor)
      .Find("TF_TensorType", &library->type)
      .Find("TF_NumDims", &library->rank)
      .Find("TF_Dim", &library->dimension)
      .Find("TF_TensorData", &library->data)
      .Find("TF_TensorByteSize", &library->size);
  if (finder.missing().empty()) return true;
  *error = "libtensorflow_cc has no function " + finder.missing();
  return false;
}

}  // namespace hodei::engines
