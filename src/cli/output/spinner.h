// A moving mark with a few words while something is awaited. On a terminal only; silent otherwise.
#pragma once

#include <string>

#include "base/clock.h"
#include "cli/output/console.h"

namespace hodei::cli {

class Spinner {
 public:
  // Both must outlive this.
  Spinner(Console* console, const Clock* clock) : console_(console), clock_(clock) {}
  ~Spinner() { Clear(); }
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;

  // The words to show from now on; the seconds since the first call follow them.
  void Show(std::string text);
  // Draws the next position of the mark; call it ten to fifty times a second.
  void Tick();
  // Takes the line away, before other output.
  void Clear();

 private:
  Console* console_;
  const Clock* clock_;
  std::string text_;
  size_t frame_ = 0;
  bool drawn_ = false;
  bool started_ = false;
  Nanoseconds start_{0};
  Nanoseconds last_{0};
};

}  // namespace hodei::cli
