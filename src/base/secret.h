// A string that must not reach a log, an error or a core by accident: it prints as "***" and is
// overwritten when it dies. Reveal() is the one way in, so every use can be found by name.
#pragma once

#include <fmt/format.h>

#include <ostream>
#include <string>
#include <string_view>

namespace hodei {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  Secret(Secret&&) = default;
  Secret& operator=(Secret&&) = default;
  ~Secret();

  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

// Compares in time that depends only on the lengths.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }

}  // namespace hodei

template <>
struct fmt::formatter<hodei::Secret> : fmt::formatter<std::string_view> {
  auto format(const hodei::Secret&, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
