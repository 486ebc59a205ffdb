#include "engine/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <utility>

namespace hodei::engine {
namespace {

std::string LoaderMessage() {
  const char* message = dlerror();
  return message == nullptr ? "unknown error of the dynamic loader" : message;
}

}  // namespace

SharedLibrary::SharedLibrary(SharedLibrary&& other) noexcept
    : path_(std::move(other.path_)), handle_(std::exchange(other.handle_, nullptr)) {}

SharedLibrary& SharedLibrary::operator=(SharedLibrary&& other) noexcept {
  if (this != &other) {
    if (handle_ != nullptr) dlclose(handle_);
    path_ = std::move(other.path_);
    handle_ = std::exchange(other.handle_, nullptr);
  }
  return *this;
}

SharedLibrary::~SharedLibrary() {
  if (handle_ != nullptr) dlclose(handle_);
}

Result<SharedLibrary> SharedLibrary::Open(const std::string& path) {
  SharedLibrary library;
  library.path_ = path;
  library.handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library.handle_ == nullptr) return FailedPrecondition(LoaderMessage());
  return library;
}

Result<void*> SharedLibrary::FindAddress(const char* symbol) const {
  void* address = handle_ == nullptr ? nullptr : dlsym(handle_, symbol);
  if (address == nullptr) return NotFound(fmt::format("'{}' has no symbol '{}'", path_, symbol));
  return address;
}

}  // namespace hodei::engine
