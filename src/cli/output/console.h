// Standard output and standard error as commands see them. What users, jobs and objects wrote may
// hold terminal control sequences; everything printed through here has them taken out.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hodei::cli {

// `text` without control characters other than newline and tab, without terminal escape sequences,
// without characters that reorder text (bidi controls), and with U+FFFD for bytes that are not
// UTF-8: printing it cannot move the cursor, set the clipboard or forge a line.
std::string StripControls(std::string_view text);
// Columns that `text` takes on a terminal: combining marks none, wide East Asian characters two.
size_t DisplayWidth(std::string_view text);

struct ConsoleOptions {
  std::function<void(std::string_view)> out;  // bytes for standard output
  std::function<void(std::string_view)> err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool colour = false;  // terminal and no NO_COLOR
  size_t width = 80;    // columns of the terminal
};

// Not thread-safe, except as noted.
class Console {
 public:
  explicit Console(ConsoleOptions options) : options_(std::move(options)) {}

  // Text with controls taken out.
  void Out(std::string_view text);
  void Err(std::string_view text);
  // Bytes as they are, for the content of objects going to a file or a pipe; taken clean where
  // standard output is a terminal.
  void OutBytes(std::string_view bytes);
  // Text of our own that may hold control sequences: bold words, progress lines.
  void OutOwn(std::string_view text) { options_.out(text); }
  void ErrOwn(std::string_view text) { options_.err(text); }

  bool out_is_terminal() const { return options_.out_is_terminal; }
  bool err_is_terminal() const { return options_.err_is_terminal; }
  size_t width() const { return options_.width; }
  bool colour() const { return options_.colour; }
  // --no-user-output-enabled, --format=none.
  void MuteOut() { muted_ = true; }

 private:
  ConsoleOptions options_;
  bool muted_ = false;
};

}  // namespace hodei::cli
