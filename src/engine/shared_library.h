// The one owner of dlopen: a shared object whose entry points are looked up once and kept as typed
// function pointers.
#pragma once

#include <string>

#include "base/status.h"

namespace hodei::engine {

class SharedLibrary {
 public:
  SharedLibrary() = default;
  SharedLibrary(SharedLibrary&& other) noexcept;
  SharedLibrary& operator=(SharedLibrary&& other) noexcept;
  ~SharedLibrary();

  // FAILED_PRECONDITION with the dynamic loader's own words.
  static Result<SharedLibrary> Open(const std::string& path);

  // The address of `symbol`; NOT_FOUND names the library and the symbol.
  template <typename Function>
  Result<Function> Find(const char* symbol) const {
    ASSIGN_OR_RETURN(void* address, FindAddress(symbol));
    return reinterpret_cast<Function>(address);
  }
  // Keeps the object mapped after this owner dies, for libraries whose threads outlive their use.
  void KeepForever() { handle_ = nullptr; }

 private:
  Result<void*> FindAddress(const char* symbol) const;

  std::string path_;
  void* handle_ = nullptr;
};

}  // namespace hodei::engine
