// Any bytes: parsing and matching end, in bounded memory, without a crash.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "store/log/filter.h"

namespace {

class Subject : public hodei::store::FilterSubject {
 public:
  std::optional<std::string_view> Field(std::string_view path) const override {
    if (path.size() % 2 == 0) return std::nullopt;
    return path;
  }
  hodei::WallTime Timestamp() const override { return {1}; }
  hodei::store::LogSeverity Severity() const override { return google::logging::v2::INFO; }
  bool AnyText(const std::function<bool(std::string_view)>& visit) const override {
    return visit("some text");
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const auto filter = hodei::store::Filter::Parse({reinterpret_cast<const char*>(bytes), size});
  if (filter.ok()) (void)filter->Matches(Subject());
  return 0;
}
