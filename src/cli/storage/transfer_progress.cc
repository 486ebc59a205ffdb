#include "cli/storage/transfer_progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/storage/gs_url.h"

namespace hodei::cli {
namespace {

double Seconds(Nanoseconds span) { return std::chrono::duration<double>(span).count(); }

std::string TimeText(double seconds) {
  long whole = static_cast<long>(std::min(seconds, 359999.0));
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{:02}:{:02}", whole / 60, whole % 60);
}

}  // namespace

TransferProgress::TransferProgress(Console* console, const Clock* clock, bool quiet)
    : console_(console), clock_(clock), quiet_(quiet) {}

void TransferProgress::Begin(size_t files, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  files_ = files;
  bytes_ = bytes;
  start_ = clock_->Monotonic();
}

void TransferProgress::StartFile(const std::string& label) {
  std::lock_guard lock(mutex_);
  if (quiet_) return;
  if (!label.empty()) {
    ClearBar();
    console_->Err(label + "\n");
  }
  Draw(!label.empty());
}

void TransferProgress::Note(const std::string& text) {
  std::lock_guard lock(mutex_);
  if (quiet_) return;
  ClearBar();
  console_->Err(text + "\n");
}

void TransferProgress::Moved(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  bytes_done_ += bytes;
  Draw(false);
}

void TransferProgress::EndFile() {
  std::lock_guard lock(mutex_);
  ++files_done_;
  Draw(false);
}

void TransferProgress::Failed(const std::string& label, const std::string& message) {
  std::lock_guard lock(mutex_);
  ClearBar();
  console_->Err(fmt::format("ERROR: {}: {}\n", label, message));
}

void TransferProgress::Finish() {
  std::lock_guard lock(mutex_);
  if (quiet_) return;
  Draw(true);
  if (drawn_) console_->ErrOwn("\n");
  drawn_ = false;
  double seconds = Seconds(clock_->Monotonic() - start_);
  if (gsutil_words_) {
    // Deletions and the like move no bytes; copies that all were skipped say nothing.
    if (files_done_ > 0 && bytes_ == 0 && bytes_done_ == 0) {
      console_->Err(fmt::format("\nOperation completed over {} objects.\n", files_done_));
    } else if (bytes_done_ > 0) {
      console_->Err(fmt::format("\nOperation completed over {} objects/{}.\n", files_done_,
                                DecimalByteText(bytes_done_)));
    }
  } else if (bytes_done_ > 0 && seconds > 0) {
    console_->Err(fmt::format("\nAverage throughput: {}/s\n",
                              ByteText(static_cast<double>(bytes_done_) / seconds)));
  }
}

std::string TransferProgress::Bar(Nanoseconds now) const {
  double seconds = Seconds(now - start_);
  double rate = seconds > 0 ? static_cast<double>(bytes_done_) / seconds : 0;
  double share = bytes_ > 0
                     ? std::min(1.0, static_cast<double>(bytes_done_) / static_cast<double>(bytes_))
                     : (files_done_ == files_ ? 1.0 : 0.0);
  constexpr size_t kCells = 24;
  size_t full = static_cast<size_t>(share * kCells);
  std::string cells(full, '=');
  if (full < kCells) cells += '>';
  cells.resize(kCells, ' ');
  std::string text = fmt::format("[{}] {:3.0f}% {}/{} files, {} of {}", cells, share * 100,
                                 files_done_, files_, ByteText(static_cast<double>(bytes_done_)),
                                 ByteText(static_cast<double>(bytes_)));
  if (rate > 0 && share < 1.0) {
    text +=
        fmt::format(", {}/s, {} left", ByteText(rate),
                    TimeText(static_cast<double>(bytes_ - std::min(bytes_, bytes_done_)) / rate));
  } else if (rate > 0) {
    text += fmt::format(", {}/s", ByteText(rate));
  }
  return text.substr(0, console_->width() > 1 ? console_->width() - 1 : text.size());
}

void TransferProgress::Draw(bool force) {
  constexpr std::chrono::milliseconds kRedraw(100);
  if (quiet_ || !console_->err_is_terminal()) return;
  Nanoseconds now = clock_->Monotonic();
  if (!force && drawn_ && now - drawn_at_ < kRedraw) return;
  console_->ErrOwn("\r\033[K" + Bar(now));
  drawn_ = true;
  drawn_at_ = now;
}

void TransferProgress::ClearBar() {
  if (drawn_) console_->ErrOwn("\r\033[K");
  drawn_ = false;
}

}  // namespace hodei::cli
