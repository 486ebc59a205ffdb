#include "cli/output/spinner.h"

#include <fmt/format.h>

#include <array>

namespace hodei::cli {

void Spinner::Show(std::string text) {
  text_ = StripControls(text);
  if (!started_) start_ = clock_->Monotonic();
  started_ = true;
}

void Spinner::Tick() {
  constexpr std::chrono::milliseconds kFrame(100);
  if (!console_->err_is_terminal()) return;
  Nanoseconds now = clock_->Monotonic();
  if (drawn_ && now - last_ < kFrame) return;
  static constexpr std::array<const char*, 10> kFrames = {"⠋", "⠙", "⠹", "⠸", "⠼",
                                                          "⠴", "⠦", "⠧", "⠇", "⠏"};
  long seconds = std::chrono::duration_cast<std::chrono::seconds>(now - start_).count();
  console_->ErrOwn(
      fmt::format("\r\033[K{} {} ({} s)", kFrames[frame_++ % kFrames.size()], text_, seconds));
  drawn_ = true;
  last_ = now;
}

void Spinner::Clear() {
  if (drawn_) console_->ErrOwn("\r\033[K");
  drawn_ = false;
}

}  // namespace hodei::cli
